"""The account itself: its tokens, tickets, addresses and quotas."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from wechat.simulator.endpoints.base import OK, Call, Endpoint, Json, text
from wechat.simulator.errors import PlatformError
from wechat.simulator.world import World


def stable_token(world: World, call: Call) -> Json:
    """获取稳定版接口调用凭据."""
    body = call.json()
    if body.get("grant_type") != "client_credential":
        raise PlatformError(40002)
    app = world.tokens.app(text(body.get("appid")), text(body.get("secret")))
    world.quotas.count(call.path, app.app_id)
    token, seconds = world.tokens.stable(app, force=body.get("force_refresh") is True)
    return {"access_token": token, "expires_in": seconds}


def plain_token(world: World, call: Call) -> Json:
    """获取接口调用凭据."""
    if call.query("grant_type") != "client_credential":
        raise PlatformError(40002)
    app = world.tokens.app(call.query("appid"), call.query("secret"))
    world.quotas.count(call.path, app.app_id)
    token, seconds = world.tokens.plain(app)
    return {"access_token": token, "expires_in": seconds}


def ticket(world: World, call: Call) -> Json:
    """获取ticket."""
    value, seconds = world.tickets.get(call.caller, call.query("type"))
    return {**OK, "ticket": value, "expires_in": seconds}


def addresses(world: World, call: Call) -> Json:
    """获取微信API服务器IP，获取微信推送服务器IP."""
    return {"ip_list": [world.config.address]}


def clear_quota(world: World, call: Call) -> Json:
    """重置API调用次数."""
    if call.json().get("appid") != call.caller.app_id:
        raise PlatformError(40013)
    world.quotas.start_over(call.caller.app_id)
    return OK


def quota_over(table: Mapping[str, Endpoint]) -> Callable[[World, Call], Json]:
    """Return the function of openapi/quota/get, which knows all paths of `table`."""

    def get_quota(world: World, call: Call) -> Json:
        """查询API调用额度."""
        path, app = text(call.json().get("cgi_path")), call.caller
        endpoint = table.get(path)
        if endpoint is None:
            raise PlatformError(76021)
        if endpoint.token not in ("any", app.kind):
            raise PlatformError(76022)
        limit, used = world.quotas.limit(path), world.quotas.used_today(path, app.app_id)
        daily = limit.daily or 0
        answer: Json = {**OK, "quota": {"daily_limit": daily, "used": used, "remain": max(0, daily - used)}}
        if limit.minute is not None:
            answer["rate_limit"] = {"call_count": limit.minute, "refresh_second": 60}
        return answer

    return get_quota


ENDPOINTS: dict[str, Endpoint] = {
    "/cgi-bin/stable_token": Endpoint("POST", stable_token, None),
    "/cgi-bin/token": Endpoint("GET", plain_token, None),
    "/cgi-bin/ticket/getticket": Endpoint("GET", ticket, "oa"),
    "/cgi-bin/get_api_domain_ip": Endpoint("GET", addresses, "any"),
    "/cgi-bin/getcallbackip": Endpoint("GET", addresses, "any"),
    "/cgi-bin/clear_quota": Endpoint("POST", clear_quota, "any"),
}
