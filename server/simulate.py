"""Joins WeChat's simulator to this installation's settings."""

from typing import TYPE_CHECKING

from server import CannotRun
from server.clock import SharedClock, clock_for
from server.settings import Mode, Settings
from server.supervisor import interrupts

if TYPE_CHECKING:
    from wechat.simulator.config import SimulatorConfig


class SimulatorRefused(CannotRun):
    """Somebody tried to start the simulator where real people are served."""


def simulator_config(settings: Settings) -> "SimulatorConfig":
    """Return what the simulator of this installation is built from."""
    # Imported here so that a production process never even loads the simulator.
    from wechat.simulator.config import SimulatorConfig  # noqa: PLC0415

    return SimulatorConfig(
        port=settings.simulator_port,
        address=settings.address,
        oa_app_id=settings.oa_app_id,
        oa_secret=settings.oa_secret.get_secret_value(),
        oa_token=settings.oa_token.get_secret_value(),
        oa_aes_key=settings.oa_aes_key.get_secret_value(),
        mp_app_id=settings.mp_app_id,
        mp_secret=settings.mp_secret.get_secret_value(),
        callback_url=f"{settings.local_url}/wechat/callback",
    )


async def run_simulator(settings: Settings) -> None:
    """Run the simulator until the process is asked to end.

    Args:
        settings: its port, the credentials it accepts, and where it delivers callbacks.

    Raises:
        SimulatorRefused: the mode is production.
        SettingsError: credentials are missing.
    """
    if settings.mode is Mode.PRODUCTION:
        raise SimulatorRefused("正式环境（FANGPIN_MODE=production）不能启动微信模拟器。")
    settings.need("oa_app_id", "oa_secret", "oa_token", "oa_aes_key", "mp_app_id", "mp_secret")
    # Imported here so that a production process never even loads the simulator.
    from wechat.simulator.app import serve  # noqa: PLC0415

    clock = clock_for(settings)
    if not isinstance(clock, SharedClock):
        raise SimulatorRefused("微信模拟器需要可以调整的时钟，不能在正式环境启动。")
    running = await serve(simulator_config(settings), clock)
    # Nothing that a simulator holds outlives it, so a second wish to stop needs no shorter way.
    with interrupts(lambda: None) as asked:
        await asked.wait()
    await running.close()
