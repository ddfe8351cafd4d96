"""What WeChat's own paths do: one module a topic, and one table of all of them.

A path's function takes the world and a `Call`, has its effect at once (nothing in here waits), and returns
the answer or raises `PlatformError`.
"""

from __future__ import annotations

from wechat.simulator.endpoints import (
    accounts,
    checks,
    codes,
    customer,
    login,
    media,
    menus,
    notices,
    people,
    templates,
)
from wechat.simulator.endpoints.base import Answer, Binary, Call, Endpoint, Upload
from wechat.simulator.errors import PlatformError
from wechat.simulator.world import World

__all__ = ["ENDPOINTS", "Answer", "Binary", "Call", "Endpoint", "Upload", "run"]

ENDPOINTS: dict[str, Endpoint] = {
    path: endpoint
    for topic in (
        accounts,
        templates,
        notices,
        customer,
        people,
        menus,
        codes,
        media,
        login,
        checks,
    )
    for path, endpoint in topic.ENDPOINTS.items()
}
ENDPOINTS["/cgi-bin/openapi/quota/get"] = Endpoint("POST", accounts.quota_over(ENDPOINTS), "any")

WRONG_METHOD = {"GET": 43001, "POST": 43002}


def run(world: World, call: Call) -> Answer:
    """Answer one call: find its path, check method, token and quota, and do what the path does."""
    endpoint = ENDPOINTS.get(call.path)
    try:
        if endpoint is None:
            raise PlatformError(40066)
        if call.method != endpoint.method:
            raise PlatformError(WRONG_METHOD[endpoint.method])
        if endpoint.token is not None:
            call.app = app = world.tokens.check(call.query("access_token"))
            if endpoint.token not in ("any", app.kind):
                raise PlatformError(48001)
            world.quotas.count(call.path, app.app_id)
        return endpoint.run(world, call)
    except PlatformError as error:
        return error.answer()
