"""The files of deploy/ as the programs read them for which they are: nginx, systemd, Prometheus, logrotate,
the shell."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from server.app import STOP_SECONDS
from server.worker import STOP_SECONDS as WORKER_STOP_SECONDS
from tests.deploy.certificates import write_certificate
from tests.deploy.composed import ROOT, checker

DEPLOY = ROOT / "deploy"
SYSTEMD = DEPLOY / "systemd"
INSTANCES = {
    "fangpin-serve@.service": "fangpin-serve@8000.service",
    "fangpin-worker@.service": "fangpin-worker@8011.service",
}
#: Of a hundred; what systemd calls "OK" ends at forty.
MOST_EXPOSED = 20


def said_by(*argv: str, cwd: Path = DEPLOY) -> str:
    """What a checker says of something that it finds right."""
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{argv[0]} {argv[1]}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def test_nginx_takes_the_configuration_of_a_host(tmp_path: Path) -> None:
    # That of the containers serves in test_composed.py.
    write_certificate(tmp_path, "127.0.0.1")
    temporary = "".join(
        f"{kind}_temp_path {tmp_path}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    changed = {
        "/etc/fangpin/tls": str(tmp_path),
        "/etc/fangpin/nginx": str(tmp_path),
        "/var/log/fangpin": str(tmp_path),
        "/run/nginx.pid": str(tmp_path / "pid"),
        # A test may not have the privilege of low ports.
        "listen 80 ": "listen 127.0.0.1:8080 ",
        "listen 443 ": "listen 127.0.0.1:8443 ",
        # Folders that Debian's package makes when it is installed.
        "http {": f"http {{ {temporary}",
    }
    for name in ("host.conf", "fangpin.conf"):
        text = (DEPLOY / "nginx" / name).read_text()
        for old, new in changed.items():
            text = text.replace(old, new)
        (tmp_path / name).write_text(text)
    said = said_by(checker("nginx"), "-t", "-e", "stderr", "-c", str(tmp_path / "host.conf"))
    assert "[warn]" not in said.replace('the "user" directive', "")


def units(tmp_path: Path) -> list[str]:
    """Copies of the units that run what is here, the templates as instances."""
    for file in SYSTEMD.iterdir():
        text = file.read_text().replace(
            "/opt/fangpin/.venv/bin/fangpin", str(Path(sys.executable).with_name("fangpin"))
        )
        (tmp_path / INSTANCES.get(file.name, file.name)).write_text(text)
    return sorted(str(file) for file in tmp_path.iterdir())


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    files = units(tmp_path)
    assert len(files) == 5
    said = said_by("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *files, cwd=tmp_path)
    assert not [line for line in said.splitlines() if "fangpin" in line], said


def test_systemd_finds_the_services_locked_in(tmp_path: Path) -> None:
    for file in units(tmp_path):
        if file.endswith(".service"):
            said_by("systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSED}", file)


def test_systemd_waits_for_a_stop_for_long_enough() -> None:
    for name, seconds in (("serve", STOP_SECONDS), ("worker", WORKER_STOP_SECONDS)):
        text = (SYSTEMD / f"fangpin-{name}@.service").read_text()
        waits = re.search(r"^TimeoutStopSec=(\d+)$", text, re.MULTILINE)
        assert waits
        assert float(waits[1]) > 2 * seconds + 5


def test_the_target_starts_instances_that_nginx_and_prometheus_know() -> None:
    wanted = re.findall(r"fangpin-(serve|worker)@(\d+)", (SYSTEMD / "fangpin.target").read_text())
    ports = [int(port) for _, port in wanted] + [int(port) + 1 for kind, port in wanted if kind == "serve"]
    assert len(ports) == len(set(ports)), "two processes want one port"
    servers = re.findall(r"server 127\.0\.0\.1:(\d+)", (DEPLOY / "nginx" / "host.conf").read_text())
    assert servers == [port for kind, port in wanted if kind == "serve"]


def test_prometheus_takes_its_configuration() -> None:
    promtool = checker("promtool")
    said_by(promtool, "check", "config", "--syntax-only", "prometheus/prometheus.yml")
    said_by(promtool, "check", "rules", "prometheus/alerts.yml")


def test_alerts_fire_when_they_should_and_only_then() -> None:
    said_by(checker("promtool"), "test", "rules", "prometheus/alerts_test.yml")


def test_logrotate_takes_its_configuration(tmp_path: Path) -> None:
    config = tmp_path / "fangpin"
    config.write_text((DEPLOY / "logrotate" / "fangpin").read_text().replace("mongodb mongodb", "root root"))
    config.chmod(0o644)
    said = said_by(checker("logrotate"), "--debug", "--state", str(tmp_path / "state"), str(config))
    assert "error" not in said.replace("missingok", "")


@pytest.mark.parametrize("script", sorted(DEPLOY.glob("*.sh")), ids=lambda file: file.name)
def test_the_shell_takes_the_scripts(script: Path) -> None:
    said_by("bash", "-n", str(script))
