"""Joins WeChat's simulator to this installation's settings, or runs it alone with credentials of its own."""

import random
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import typer
from pydantic import SecretStr

from server import CannotRun
from server.clock import SharedClock, clock_for
from server.settings import PREFIX, Mode, Settings
from server.supervisor import interrupts

if TYPE_CHECKING:
    from wechat.simulator.config import SimulatorConfig

#: What a simulator without any settings accepts. These are no secrets: they are printed at its start, shown
#: on its documentation page, and accepted nowhere else.
DEFAULT_CREDENTIALS = {
    "oa_app_id": "wx5a0000000000000a",
    "oa_secret": "5a00000000000000000000000000000a",
    "oa_token": "simulator",
    "oa_aes_key": "simulatorsimulatorsimulatorsimulatorsimulat",
    "mp_app_id": "wx5a0000000000000b",
    "mp_secret": "5a00000000000000000000000000000b",
    "mp_token": "simulatormp",
    "mp_aes_key": "minisimulatorminisimulatorminisimulatorminA",
}
TRY_OUT = (
    "正式环境（FANGPIN_MODE=production，不设置也是）不能启动微信模拟器。"
    "想试用，请运行：FANGPIN_MODE=test fangpin simulator"
)


class SimulatorRefused(CannotRun):
    """Somebody tried to start the simulator where real people are served, or with malformed credentials."""


def credentials(settings: Settings) -> dict[str, str]:
    """Return the credentials that the settings give, by the names of `DEFAULT_CREDENTIALS`."""
    given = {}
    for name in DEFAULT_CREDENTIALS:
        value = getattr(settings, name)
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if text:
            given[name] = text
    return given


def simulator_config(settings: Settings, options: Mapping[str, Any] | None = None) -> "SimulatorConfig":
    """Return what the simulator of this installation's main account is built from.

    Args:
        settings: ports, credentials and addresses; credentials that are not set are the default ones.
        options: fields of `SimulatorConfig` that go before both.

    Raises:
        SimulatorRefused: a value is not of the form that WeChat prescribes.
    """
    # Imported here so that a production process never even loads the simulator.
    from wechat.simulator.config import SimulatorConfig  # noqa: PLC0415

    callback = f"{settings.local_url}/wechat/callback"
    given = credentials(settings)
    values: dict[str, Any] = {
        "port": settings.simulator_port,
        "address": settings.address,
        "callback_url": callback,
        **DEFAULT_CREDENTIALS,
        **given,
    }
    if settings.oa_username:
        values["oa_username"] = settings.oa_username
    # The service takes a mini program's events only where it knows what they are signed with.
    if "mp_token" in given and "mp_aes_key" in given:
        values["mp_callback_url"] = f"{callback}/{values['mp_app_id']}"
    try:
        return SimulatorConfig(**values | dict(options or {}))
    except ValueError as error:
        raise SimulatorRefused("EncodingAESKey 应为 43 位字母或数字，能还原出 32 字节。") from error


def further_configs(settings: Settings) -> list["SimulatorConfig"]:
    """Return what the simulator's further official accounts are built from; they have no mini program."""
    from wechat.simulator.config import SimulatorConfig  # noqa: PLC0415

    return [
        SimulatorConfig(
            port=settings.simulator_port,
            address=settings.address,
            oa_app_id=account.app_id,
            oa_secret=account.secret,
            oa_token=account.token,
            oa_aes_key=account.aes_key or DEFAULT_CREDENTIALS["oa_aes_key"],
            oa_username=account.username or f"gh_{account.app_id[-12:]}",
            callback_url=f"{settings.local_url}/wechat/callback/{account.app_id}" if account.token else None,
            account_name=f"防贫 {account.app_id}",
        )
        for account in settings.accounts
        if account.kind == "oa" and account.app_id != settings.oa_app_id
    ]


def announcement(config: "SimulatorConfig", url: str, secret: frozenset[str]) -> str:
    """Return what is printed at the start of a simulator that somebody runs by hand.

    Args:
        config: the main account.
        url: where the simulator listens.
        secret: names of credentials that came from the settings, and so are not printed.
    """
    lines = [
        ("模拟手机", f"{url}/"),
        ("使用说明", f"{url}/_docs"),
        ("接口地址", f"{url}（代替 https://api.weixin.qq.com 和 https://open.weixin.qq.com）"),
        ("推送到", f"{config.callback_url or '不推送'}（{config.callback_mode}）"),
    ]
    labels = {
        "oa_app_id": "公众号 AppID",
        "oa_secret": "公众号 AppSecret",
        "oa_token": "Token",
        "oa_aes_key": "EncodingAESKey",
        "mp_app_id": "小程序 AppID",
        "mp_secret": "小程序 AppSecret",
        "mp_token": "小程序 Token",
        "mp_aes_key": "小程序 EncodingAESKey",
    }
    for name, label in labels.items():
        hidden = name in secret and not name.endswith("app_id")
        lines.append((label, "（已在环境变量中设置）" if hidden else getattr(config, name)))
    return "\n".join(["微信模拟器已启动，按 Ctrl-C 结束。", *(f"  {label}：{text}" for label, text in lines)])


async def run_simulator(
    settings: Settings, options: Mapping[str, Any] | None = None, seed: int | None = None
) -> None:
    """Run the simulator until the process is asked to end.

    Args:
        settings: its port, the credentials it accepts, and where it delivers callbacks.
        options: fields of `SimulatorConfig` that go before the settings.
        seed: begins the random numbers by which faults are drawn.

    Raises:
        SimulatorRefused: the mode is production, a value is malformed, or the journal is damaged.
    """
    clock = clock_for(settings)
    if settings.mode is Mode.PRODUCTION or not isinstance(clock, SharedClock):
        raise SimulatorRefused(TRY_OUT)
    # Imported here so that a production process never even loads the simulator.
    from wechat.simulator.app import serve  # noqa: PLC0415
    from wechat.simulator.journal import DamagedJournal  # noqa: PLC0415

    config = simulator_config(settings, options)
    try:
        running = await serve(config, clock, *further_configs(settings), rng=random.Random(seed))
    except DamagedJournal as error:
        raise SimulatorRefused(f"记录文件已损坏，请删除后再启动：{error}") from error
    secret = frozenset(credentials(settings)) - frozenset(options or {})
    # Whoever starts it by hand is told; the output of one that belongs to an installation is for machines.
    if "oa_secret" not in secret or sys.stdout.isatty():
        typer.echo(announcement(config, running.url, secret))
    # What is to outlive a simulator is written already, so a second wish to stop needs no shorter way.
    with interrupts(lambda: None) as asked:
        await asked.wait()
    await running.close()


def wants_production(environ: Mapping[str, str]) -> bool:
    """Whether an environment names the production mode, as it does by saying nothing."""
    return environ.get(f"{PREFIX}MODE", "").strip().lower() in ("", Mode.PRODUCTION.value)
