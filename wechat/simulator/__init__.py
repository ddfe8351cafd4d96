"""A stand-in for the WeChat platform, for the demo, the tests and the benchmarks.

It speaks WeChat's own paths (`platform`), shows two phones at `/`, and is driven through `/_sim/`
(`control`). It is written from the platform's documentation alone and shares no code with the service it is
used to test: a mistake in one of the two implementations of the wire format then shows up as a disagreement.
"""

from wechat.simulator.app import RunningSimulator, make_app, serve
from wechat.simulator.config import Clock, SimulatorConfig

__all__ = ["Clock", "RunningSimulator", "SimulatorConfig", "make_app", "serve"]
