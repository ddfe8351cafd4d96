"""The simulator's command: what it starts with when nothing is set, and where it refuses."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import aiohttp
import pytest

from server.embedded import free_port
from server.settings import Mode, Settings, load_settings
from server.simulate import (
    DEFAULT_CREDENTIALS,
    TRY_OUT,
    SimulatorRefused,
    announcement,
    further_configs,
    run_simulator,
    simulator_config,
)

COMMAND = [sys.executable, "-P", "-m", "server", "simulator"]


def alone(**environment: str) -> Settings:
    return load_settings({"FANGPIN_MODE": "test", **environment})


def without_settings(folder: Path, **more: str) -> dict[str, str]:
    """The environment of somebody who has set nothing."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FANGPIN_")}
    return {**kept, "PYTHONPATH": str(Path.cwd()), "FANGPIN_DATA_DIR": str(folder), **more}


def test_without_settings_the_published_credentials_are_accepted() -> None:
    config = simulator_config(alone())
    assert {name: getattr(config, name) for name in DEFAULT_CREDENTIALS} == DEFAULT_CREDENTIALS
    assert config.callback_url == "http://127.0.0.1:8000/wechat/callback"
    assert config.mp_callback_url is None


def test_settings_go_before_defaults_and_options_before_both() -> None:
    settings = alone(
        FANGPIN_OA_SECRET="from-the-settings",
        FANGPIN_MP_TOKEN="token",
        FANGPIN_MP_AES_KEY=DEFAULT_CREDENTIALS["mp_aes_key"],
    )
    config = simulator_config(settings, {"oa_app_id": "wxoption", "callback_url": None, "port": 1})
    assert (config.oa_app_id, config.oa_secret) == ("wxoption", "from-the-settings")
    assert (config.callback_url, config.port) == (None, 1)
    assert config.mp_callback_url == f"http://127.0.0.1:8000/wechat/callback/{config.mp_app_id}"


def test_further_accounts_come_from_the_settings() -> None:
    account = '{"kind":"oa","app_id":"wx3","secret":"s3","token":"token3"}'
    mini = '{"kind":"mp","app_id":"wx4","secret":"s4"}'
    (config,) = further_configs(alone(FANGPIN_ACCOUNTS=f"[{account},{mini}]"))
    assert (config.oa_app_id, config.oa_token) == ("wx3", "token3")
    assert config.callback_url == "http://127.0.0.1:8000/wechat/callback/wx3"


def test_a_malformed_key_is_refused_in_words() -> None:
    with pytest.raises(SimulatorRefused, match="43 位"):
        simulator_config(alone(), {"oa_aes_key": "short"})


def test_credentials_that_somebody_set_are_not_printed() -> None:
    config = simulator_config(alone(FANGPIN_OA_SECRET="from-the-settings"))
    told = announcement(config, "http://127.0.0.1:8100", frozenset({"oa_secret", "oa_app_id"}))
    assert "from-the-settings" not in told
    assert config.oa_app_id in told
    assert DEFAULT_CREDENTIALS["oa_token"] in told
    assert "http://127.0.0.1:8100/_docs" in told


async def test_it_starts_alone_and_says_how_to_use_it(tmp_path: Path) -> None:
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        "--port",
        str(port),
        "--callback-url",
        "",
        "--callback-mode",
        "plain",
        env=without_settings(tmp_path, FANGPIN_MODE="test"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    told = (await process.stdout.readuntil(b"EncodingAESKey")).decode()
    assert f"http://127.0.0.1:{port}/_docs" in told
    assert "不推送（plain）" in told
    credentials = {"appid": DEFAULT_CREDENTIALS["oa_app_id"], "secret": DEFAULT_CREDENTIALS["oa_secret"]}
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http:
        body = {"grant_type": "client_credential", **credentials}
        async with http.post("/cgi-bin/stable_token", json=body) as response:
            assert (await response.json(content_type=None))["expires_in"] == 7200
        async with http.get("/_sim/config") as response:
            shown = await response.json()
    assert (shown["callback_url"], shown["callback_mode"]) == (None, "plain")
    process.send_signal(signal.SIGINT)
    await process.stdout.read()
    assert await process.wait() == 0


@pytest.mark.parametrize("more", [{}, {"FANGPIN_MODE": "production"}])
async def test_production_refuses_and_says_how_to_try_it(tmp_path: Path, more: dict[str, str]) -> None:
    process = await asyncio.create_subprocess_exec(
        *COMMAND, env=without_settings(tmp_path, **more), stderr=asyncio.subprocess.PIPE
    )
    _, told = await process.communicate()
    assert process.returncode == 2
    assert told.decode().strip() == TRY_OUT
    assert "FANGPIN_MODE=test fangpin simulator" in TRY_OUT


async def test_a_complete_production_environment_is_refused_as_well(settings: Settings) -> None:
    with pytest.raises(SimulatorRefused, match="正式环境"):
        await run_simulator(settings.model_copy(update={"mode": Mode.PRODUCTION}))


async def test_other_mistakes_in_the_settings_are_still_told(tmp_path: Path) -> None:
    environment = without_settings(tmp_path, FANGPIN_MODE="test", FANGPIN_PORT="many")
    process = await asyncio.create_subprocess_exec(*COMMAND, env=environment, stderr=asyncio.subprocess.PIPE)
    _, told = await process.communicate()
    assert process.returncode == 2
    assert "FANGPIN_PORT" in told.decode()
