"""The files of deploy/ against their schemas, against each other, and against the program that they run."""

import importlib.metadata
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from check_jsonschema.builtin_schemas import get_builtin_schema
from jsonschema import Draft7Validator
from packaging.requirements import Requirement

from deploy.runtime_lock import EMBEDDED, LOCK, runtime_lock
from server.app import BODY_BYTES, STOP_SECONDS
from server.metrics import Metrics
from server.settings import Settings, load_settings, variable
from server.worker import STOP_SECONDS as WORKER_STOP_SECONDS
from tests.deploy.composed import COMPOSE, ROOT, services
from wechat.channels import CHANNELS

DEPLOY = ROOT / "deploy"
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
#: Clusters at least this old still get mends from those who offer them.
OLDEST_KUBERNETES = "1.30"
PASSWORDS = {"MONGO_ROOT_PASSWORD": "a", "MONGO_PASSWORD": "b", "REDIS_PASSWORD": "c"}
RUNBOOK = (ROOT / "docs" / "operations.md").read_text()
FANGPIN_VARIABLE = re.compile(r"\bFANGPIN_[A-Z_]+\b")
#: What a histogram's series have behind its name.
PART = re.compile(r"_(bucket|count|sum)$")
#: Writes without a key that may be repeated all the same: a position must not stand in an address, and a
#: telephone number that is shown again is noted again in the audit trail.
QUESTIONS = {"/api/regions/near", "/api/tasks/{id}/phone"}
#: Variables of the installation itself, which the program does not read.
OF_COMPOSE = {"FANGPIN_VERSION"}


def documents() -> Iterator[tuple[str, dict[str, Any]]]:
    for file in MANIFESTS:
        for document in yaml.safe_load_all(file.read_text()):
            yield file.name, document


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    """The specification of every pod, by the name of what makes it."""
    for _, document in documents():
        spec = document.get("spec", {})
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        if "template" in spec:
            yield document["metadata"]["name"], spec["template"]["spec"]


def variables() -> set[str]:
    return {variable(field) for field in Settings.model_fields}


# --- compose


def test_compose_is_what_its_schema_says() -> None:
    schema = get_builtin_schema("vendor.compose-spec")
    faults = [
        error.message for error in Draft7Validator(schema).iter_errors(yaml.safe_load(COMPOSE.read_text()))
    ]
    assert not faults


def test_every_container_that_stays_is_restarted_bounded_and_hardened() -> None:
    for name, service in services(PASSWORDS).items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["read_only"] is True, name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert service["logging"]["options"]["max-size"], name
        if service.get("restart") != "no":
            assert service["restart"] == "unless-stopped", name
            assert service["deploy"]["resources"]["limits"]["memory"], name
            assert "healthcheck" in service or name == "prometheus", name
        if name != "keyfile":
            assert not service["user"].startswith("0"), name


def test_only_nginx_and_this_machine_are_reached_from_outside() -> None:
    ports = {name: service["ports"] for name, service in services(PASSWORDS).items() if "ports" in service}
    assert ports == {"nginx": ["80:80", "443:443"], "prometheus": ["127.0.0.1:9090:9090"]}


def test_what_compose_waits_for_a_stop_is_enough() -> None:
    for name, service in services(PASSWORDS).items():
        if name.startswith(("server", "worker")):
            grace = float(service["stop_grace_period"].removesuffix("s"))
            assert grace > 2 * STOP_SECONDS + 5, name
            assert grace > 2 * WORKER_STOP_SECONDS, name


# --- Kubernetes


@pytest.mark.parametrize("file", MANIFESTS, ids=lambda file: file.name)
def test_manifests_are_what_their_schemas_say(file: Path) -> None:
    for document in yaml.safe_load_all(file.read_text()):
        # The one kind that is read by kubectl and never sent to a cluster.
        if document["kind"] != "Kustomization":
            kubernetes_validate.validate(document, OLDEST_KUBERNETES, strict=True)


def test_kustomization_names_every_manifest() -> None:
    named = yaml.safe_load((DEPLOY / "kubernetes" / "kustomization.yaml").read_text())["resources"]
    apart = {"kustomization.yaml", "secret.example.yaml"}
    assert sorted(named) == sorted({file.name for file in MANIFESTS} - apart)


def test_pods_are_what_the_namespace_demands() -> None:
    found = dict(pods())
    assert set(found) == {"fangpin-server", "fangpin-worker", "fangpin-migrate", "fangpin-backup"}
    for name, pod in found.items():
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert pod["automountServiceAccountToken"] is False, name
        for container in pod["containers"]:
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False, name
            assert context["readOnlyRootFilesystem"] is True, name
            assert context["capabilities"] == {"drop": ["ALL"]}, name
            assert container["resources"]["limits"]["memory"], name


def test_what_kubernetes_waits_for_a_stop_is_enough() -> None:
    found = dict(pods())
    server = found["fangpin-server"]
    notice = float(server["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1])
    assert server["terminationGracePeriodSeconds"] > notice + 2 * STOP_SECONDS + 5
    assert found["fangpin-worker"]["terminationGracePeriodSeconds"] > 2 * WORKER_STOP_SECONDS


def test_labels_by_which_manifests_find_pods_are_there() -> None:
    names = {name for name, _ in pods()}
    wanted = set(re.findall(r"app\.kubernetes\.io/name: ([\w-]+)", "".join(f.read_text() for f in MANIFESTS)))
    assert wanted == names


# --- settings


def test_the_example_has_every_setting_with_a_sentence() -> None:
    lines = (DEPLOY / "fangpin.env.example").read_text().splitlines()
    found = {}
    for number, line in enumerate(lines):
        if match := re.fullmatch(r"#?(FANGPIN_\w+)=(.*)", line):
            found[match[1]] = match[2]
            before = [lines[number - 1]] + ([lines[number - 2]] if "FANGPIN_" in lines[number - 1] else [])
            told = any(re.match(r"# \w", above) or "FANGPIN_" in above for above in before)
            assert told, f"nothing is said about {match[1]}"
    assert set(found) == variables()


def test_the_examples_values_are_accepted() -> None:
    text = (DEPLOY / "fangpin.env.example").read_text()
    given = dict(re.findall(r"^#?(FANGPIN_\w+)=(.*)$", text, re.MULTILINE)) | {"FANGPIN_MODE": "test"}
    shown = load_settings(given).masked()
    defaults = load_settings({"FANGPIN_MODE": "test"}).masked()
    # What differs from its default where production has the same one would be a lie in the example.
    of_the_place = {"ADDRESS", "TRUSTED_PROXIES", "DATA_DIR", "MONGODB_URI", "REDIS_URL", "PUBLIC_URL"}
    differing = {name for name in shown if shown[name] != defaults[name]}
    assert differing <= {f"FANGPIN_{name}" for name in of_the_place}


def test_no_file_names_a_setting_that_is_none() -> None:
    for file in DEPLOY.rglob("*"):
        ours = file.name not in (".env", "fangpin.env") and file.suffix not in (".pem", ".pyc")
        if file.is_file() and ours:
            named = set(FANGPIN_VARIABLE.findall(file.read_text()))
            assert named <= variables() | OF_COMPOSE, file


def test_kubernetes_gives_what_production_requires() -> None:
    given: dict[str, str] = {}
    for _, document in documents():
        if document["kind"] in ("ConfigMap", "Secret"):
            given |= document.get("data", {}) | document.get("stringData", {})
    key = "A" * 43 + "="
    filled = {
        "FANGPIN_MONGODB_URI": "mongodb://somewhere",
        "FANGPIN_REDIS_URL": "redis://somewhere",
        "FANGPIN_SECRET_KEY": "x" * 32,
        "FANGPIN_FIELD_KEYS": f"k1:{key}",
        "FANGPIN_INDEX_KEYS": f"k1:{key}",
        "FANGPIN_BACKUP_KEY": key,
        "FANGPIN_OA_APP_ID": "wx1",
        "FANGPIN_OA_SECRET": "x",
        "FANGPIN_OA_TOKEN": "token",
        "FANGPIN_OA_AES_KEY": "A" * 43,
    }
    assert set(filled) <= set(given)
    assert load_settings(given | filled).mode == "production"


# --- nginx


def nginx_conf() -> str:
    return (DEPLOY / "nginx" / "fangpin.conf").read_text()


def locations() -> list[tuple[str, str, str]]:
    """Modifier, pattern and body of every location behind TLS, in their order."""
    secure = nginx_conf().split("listen 443", 1)[1]
    return re.findall(r"location ((?:~|=) )?(\S+) \{\n(.*?)\n    \}", secure, re.DOTALL)


def location_of(path: str) -> str:
    """The body of the location that nginx takes for a path: the exact one, the first pattern, the longest."""
    plain = [(pattern, body) for kind, pattern, body in locations() if not kind and path.startswith(pattern)]
    exact = [body for kind, pattern, body in locations() if kind == "= " and pattern == path]
    matching = [body for kind, pattern, body in locations() if kind == "~ " and re.search(pattern, path)]
    return (exact or matching or [max(plain)[1]])[0]


def test_only_writes_that_may_be_repeated_are_sent_to_a_second_server() -> None:
    openapi = json.loads((ROOT / "docs" / "openapi.json").read_text())
    repeatable = 0
    for path, methods in openapi["paths"].items():
        for method, operation in methods.items():
            # nginx itself takes the other methods for repeatable, as HTTP does.
            if method != "post":
                continue
            keyed = any(p.get("name") == "Idempotency-Key" for p in operation.get("parameters", ()))
            sent_on = "proxy_next_upstream" not in location_of(re.sub(r"\{\w+\}", "0", path))
            assert sent_on == (keyed or path in QUESTIONS), path
            repeatable += keyed
    assert repeatable > 5


def test_nginx_lets_through_what_the_service_has_words_for() -> None:
    assert f"client_max_body_size {BODY_BYTES // 2**20}m;" in location_of("/api/photos/0")
    assert f"client_max_body_size {BODY_BYTES // 2**20}m;" in location_of("/api/recordings/0")
    assert "return 404" in location_of("/metrics")


# --- what watches


def names_in(text: str) -> set[str]:
    return set(re.findall(r"\bfangpin_[a-z_]+", text))


def served() -> dict[str, set[str]]:
    """Every series that a process offers once each thing has happened, with its labels."""
    metrics = Metrics()
    metrics.requests.labels("GET", "/", "200").observe(1)
    metrics.callback("text", "taken")
    metrics.push("template", "sent")
    metrics.wechat_call("/path", 0, 1)
    metrics.channels({("account", "template"): "quota"}, {("account", "template"): 1})
    samples = [sample for family in metrics.registry.collect() for sample in family.samples]
    return {sample.name: set(sample.labels) for sample in samples if not sample.name.endswith("_created")}


def alerts() -> dict[str, dict[str, Any]]:
    groups = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((DEPLOY / "grafana" / "fangpin.json").read_text())["panels"]
    return found


def expressions() -> list[str]:
    shown = [target["expr"] for panel in panels() for target in panel.get("targets", ())]
    return [*(rule["expr"] for rule in alerts().values()), *shown]


def test_alerts_and_dashboard_name_what_the_processes_offer() -> None:
    known = served()
    for expression in expressions():
        for name, chosen in re.findall(r"\b(fangpin_[a-z_]+)(?:\{([^}]*)\})?", expression):
            assert name in known, f"{name} in {expression}"
            used = set(re.findall(r"(\w+)(?:=~|!~|!=|=)", chosen))
            assert used <= known[name] | {"job", "instance"}, expression
        for grouped in re.findall(r"\bby ?\(([^)]*)\)", expression):
            labels = {label.strip() for label in grouped.split(",")}
            allowed = {label for name in names_in(expression) for label in known[name]}
            assert labels <= allowed | {"job", "instance"}, expression


def test_the_dashboard_is_one() -> None:
    ids = [panel["id"] for panel in panels()]
    assert len(ids) == len(set(ids))
    for panel in panels():
        assert panel["title"]
        assert panel["targets"], panel["title"]
        place = panel["gridPos"]
        assert 0 <= place["x"] < place["x"] + place["w"] <= 24, panel["title"]
    # Whatever is offered is shown.
    shown = {name for panel in panels() for target in panel["targets"] for name in names_in(target["expr"])}
    assert {PART.sub("", name) for name in shown} == {PART.sub("", name) for name in served()}


def test_every_alert_has_its_section_and_every_section_an_alert() -> None:
    sections = re.findall(r"^### (Fangpin\w+)$", RUNBOOK, re.MULTILINE)
    assert sorted(sections) == sorted(alerts())
    for name, rule in alerts().items():
        assert rule["annotations"]["runbook"] == f"docs/operations.md#{name.lower()}"
        assert re.search("[一-鿿]", rule["annotations"]["summary"]), name
        assert rule["labels"]["severity"] in ("page", "ticket"), name


def test_every_alert_is_tried_firing_and_not_firing() -> None:
    tried = yaml.safe_load((DEPLOY / "prometheus" / "alerts_test.yml").read_text())["tests"]
    cases = [case for test in tried for case in test["alert_rule_test"]]
    for name in alerts():
        expected = [bool(case["exp_alerts"]) for case in cases if case["alertname"] == name]
        assert True in expected, f"{name} never fires"
        assert False in expected, f"{name} always fires"


def test_quotas_warn_at_four_fifths_of_what_the_platform_allows() -> None:
    expression = alerts()["FangpinQuotaNear"]["expr"]
    warned = {c: int(n) for c, n in re.findall(r'channel="(\w+)"\}\) > (\d+)', expression)}
    assert warned == {name: c.daily * 4 // 5 for name, c in CHANNELS.items() if c.daily}


def test_jobs_are_called_the_same_everywhere() -> None:
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    jobs = {job["job_name"] for job in config["scrape_configs"]}
    assert jobs == {"fangpin-server", "fangpin-worker"}
    asked = {
        job for e in expressions() for found in re.findall(r'job=~?"([^"]+)"', e) for job in found.split("|")
    }
    assert asked <= jobs


# --- the image


def test_the_image_holds_what_fangpin_needs_and_no_more() -> None:
    pinned = re.findall(r"^([a-z0-9._-]+)", runtime_lock(LOCK.read_text()), re.MULTILINE)
    kept = {name.replace("_", "-") for name in pinned}
    needed: set[str] = set()
    waiting = [
        Requirement(r)
        for r in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    ]
    while waiting:
        requirement = waiting.pop()
        name = requirement.name.lower().replace("_", "-")
        extras = requirement.extras or {""}
        applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if name in needed or name in EMBEDDED or not applies:
            continue
        needed.add(name)
        for text in importlib.metadata.requires(name) or ():
            further = Requirement(text)
            if further.marker is None or any(further.marker.evaluate({"extra": extra}) for extra in extras):
                further.marker = None
                waiting.append(further)
    assert needed <= kept
    assert not kept & {"pytest", "mypy", "ruff", "playwright", "werobot", *EMBEDDED}


def test_every_pin_of_the_image_has_its_hashes() -> None:
    lines = runtime_lock(LOCK.read_text(), ["setuptools"])
    blocks = re.split(r"^(?=[a-z0-9])", lines, flags=re.MULTILINE)[1:]
    assert all("--hash=sha256:" in block for block in blocks)
    assert any(block.startswith("setuptools==") for block in blocks)


def test_the_dockerfile_copies_what_is_there() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    allowed = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    for names in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE):
        for name in names.split():
            assert (ROOT / name).exists(), name
            assert f"!{name}" in allowed or f"!{name.split('/')[0]}" in allowed, name
    assert "USER 10001:10001" in text
