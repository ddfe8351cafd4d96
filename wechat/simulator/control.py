"""`/_sim/`: how tests and demos drive the simulator and read what happened.

Every answer is JSON. Bad input is answered 400 and an unknown person 404, both as
`{"error": code, "message": words}`. Pages on other ports may call these paths. With several accounts,
`?app_id=` says which is meant; without it, it is the first.
"""

from __future__ import annotations

import asyncio
import itertools
from datetime import UTC
from typing import Any, ClassVar

from tornado.iostream import StreamClosedError

from wechat.simulator.base import ControlHandler, Refused, bad_request
from wechat.simulator.bodies import (
    ClockBody,
    ConfigBody,
    EventBody,
    FaultBody,
    ResetBody,
    TemplateBody,
    UserBody,
    VerifyBody,
)
from wechat.simulator.callbacks import Delivery
from wechat.simulator.doing import CannotHappen, begin
from wechat.simulator.limits import MEMORY
from wechat.simulator.state import Entry, Template, instant
from wechat.simulator.world import RESET_BY_DEFAULT, RESETTABLE, Receipts

HEARTBEAT_SECONDS = 15
LONGEST_WAIT_SECONDS = 60
PAGE_OF_PEOPLE = 1_000


class UsersHandler(ControlHandler):
    """People."""

    says: ClassVar = {
        "GET": "列出人",
        "POST": f"新建一个人；任何一个 id 已经有人用，就返回那个人。最多 {MEMORY.people} 人",
        "DELETE": "删除一个人，连同手机里的消息",
    }
    bodies: ClassVar = {"POST": UserBody}
    queries: ClassVar = {"role_hint": "只列出有这个标记的人", "limit": "最多列出几个", "openid": "删除谁"}

    def get(self) -> None:
        """List people in the order they were made; `role_hint`, `openid` (any kind), `limit` narrow it."""
        openid = self.get_query_argument("openid", None)
        if openid is not None:
            found = self.world.people.find(openid)
            self.answer({"items": [found.as_json()] if found else [], "total": len(self.world.people)})
            return
        role = self.get_query_argument("role_hint", None)
        limit = int(self.number("limit", PAGE_OF_PEOPLE, 1, 100_000))
        chosen = (person for person in self.world.people if role is None or person.role_hint == role)
        items = [person.as_json() for person in itertools.islice(chosen, limit)]
        self.answer({"items": items, "total": len(self.world.people)})

    def post(self) -> None:
        """Make a person (201), or return whoever already has one of the given ids (200)."""
        body = self.body(UserBody)
        if len(self.world.people) >= MEMORY.people and not self._known(body):
            raise Refused(409, f"there are {MEMORY.people} people already, and that is the most")
        person, new = self.world.add_person(**body.model_dump())
        self.answer(person.as_json(), 201 if new else 200)

    def delete(self) -> None:
        """Forget the person with this `openid`."""
        self.world.remove_person(self.person(self.get_query_argument("openid", "")))
        self.answer({"ok": True})

    def _known(self, body: UserBody) -> bool:
        return any(self.world.people.find(one) for one in (body.openid, body.mp_openid, body.unionid) if one)


class EventsHandler(ControlHandler):
    """What people do."""

    says: ClassVar = {"POST": "某人做一件事：推送到服务器地址，返回每次尝试和解密后的回复"}
    bodies: ClassVar = {"POST": EventBody}

    async def post(self) -> None:
        """Do it, deliver it to the callback, and answer with the tries and the decoded reply."""
        body = self.body(EventBody)
        person = self.person(body.openid)
        try:
            task = begin(self.world, person, body)
        except CannotHappen as error:
            raise bad_request(str(error)) from error
        if not body.wait:
            self.answer({"accepted": None, "tries": [], "reply": None}, 202)
            return
        self.answer(_told(await task))


def _told(deliveries: list[Delivery]) -> dict[str, Any]:
    return {
        "accepted": bool(deliveries) and all(delivery.accepted for delivery in deliveries),
        "tries": [
            {**one.as_json(), "copy": copy}
            for copy, delivery in enumerate(deliveries)
            for one in delivery.tries
        ],
        "reply": next((delivery.reply for delivery in deliveries if delivery.reply), None),
    }


class LoginCodeHandler(ControlHandler):
    """Single-use codes: for `jscode2session` (kind=login), the account's pages (oauth) or a number
    (phone)."""

    says: ClassVar = {"GET": "得到一个一次性的 code"}
    queries: ClassVar = {
        "openid": "谁",
        "kind": "login 小程序登录（默认），oauth 网页授权，phone 手机号",
    }

    def get(self) -> None:
        """Return {code} for the person with this openid."""
        person = self.person(self.get_query_argument("openid", ""))
        kind = self.get_query_argument("kind", "login")
        if kind == "login":
            code = self.world.issue_code("login", "mp", person)
        elif kind == "oauth":
            code = self.world.issue_code("oauth", "oa", person, "snsapi_base")
        elif kind == "phone":
            code = self.world.issue_code("phone", "mp", person)
        else:
            raise bad_request("kind must be one of login, oauth, phone")
        self.answer({"code": code})


class InboxHandler(ControlHandler):
    """What arrived on phones, in order."""

    says: ClassVar = {"GET": "手机上收到的消息，按先后", "DELETE": "清空所有手机"}
    queries: ClassVar = {
        "openid": "只看谁的",
        "channel": "只看这一种：template、subscription、customer、reply",
        "after": "只看 seq 大于它的",
        "limit": "只看最新的几条",
        "min": "等到至少有这么多条",
        "wait_seconds": f"最多等几秒（不超过 {LONGEST_WAIT_SECONDS}）",
    }

    async def get(self) -> None:
        """Return {items}; with `min` and `wait_seconds` not before there are that many or time is over.

        `openid` chooses a person, `channel` a channel, `after` only what came after that `seq`, `limit` the
        newest.
        """
        openid = self.get_query_argument("openid", None)
        person = self.person(openid) if openid else None
        channel = self.get_query_argument("channel", None)
        after = self.number("after", 0, 0, 1e15)
        wanted = self.number("min", 0, 0, 1e6)
        limit = int(self.number("limit", 1e6, 1, 1e6))
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.number("wait_seconds", 0, 0, LONGEST_WAIT_SECONDS)
        while True:
            items = [
                entry
                for entry in self.world.people.entries(person)
                if entry.seq > after and self.belongs(entry) and (channel is None or entry.channel == channel)
            ]
            left = deadline - loop.time()
            if len(items) >= wanted or left <= 0 or self.world.closing:
                break
            await self.world.people.arrival(left)
        self.answer({"items": [entry.as_json() for entry in items[-limit:]]})

    def delete(self) -> None:
        """Empty all phones."""
        self.world.reset(("inbox",))
        self.answer({"ok": True})

    def belongs(self, entry: Entry) -> bool:
        """Whether an entry is part of the list: here only what the account sent."""
        return entry.direction == "in"


class ChatHandler(InboxHandler):
    """The whole chat, with the person's own messages and WeChat's lines."""

    says: ClassVar = {"GET": "完整的会话，包括本人发的和微信的提示", "DELETE": "清空所有手机"}

    def belongs(self, entry: Entry) -> bool:
        """Whether an entry is part of the list: all are."""
        return True


class FaultsHandler(ControlHandler):
    """What goes wrong."""

    says: ClassVar = {
        "GET": "列出生效中的故障，以及各发生了几次",
        "POST": f"让某些接口出错。最多 {MEMORY.faults} 个",
        "DELETE": "删除全部故障，或写明这个路径的故障",
    }
    bodies: ClassVar = {"POST": FaultBody}
    queries: ClassVar = {"path": "删除写明这个路径（或前缀）的故障"}

    def get(self) -> None:
        """List the faults in force, with how often each has fired."""
        self.answer({"items": [fault.as_json() for fault in self.world.faults.all()]})

    def post(self) -> None:
        """Put a fault in force."""
        values = self.body(FaultBody).model_dump()
        if len(self.world.faults.all()) >= MEMORY.faults:
            raise Refused(409, f"there are {MEMORY.faults} faults already, and that is the most")
        self.answer(self.world.faults.add(values.pop("path"), **values).as_json(), 201)

    def delete(self) -> None:
        """Remove all faults, or those of `?path=`."""
        self.world.faults.clear(self.get_query_argument("path", None))
        self.answer({"ok": True})


class CallsHandler(ControlHandler):
    """What the service asked of the platform."""

    says: ClassVar = {"GET": "各接口被调用了几次、结果如何，以及回执的进度", "DELETE": "重新开始计数"}
    queries: ClassVar = {"path": "再列出这个接口最近的调用"}

    def get(self) -> None:
        """Return exact counts by path and outcome, and with `?path=` the newest calls of that path."""
        calls = self.world.calls
        path = self.get_query_argument("path", None)
        answer: dict[str, Any] = {
            "counts": dict(calls.counts),
            "outcomes": {key: dict(value) for key, value in calls.outcomes.items()},
            "total": calls.counts.total(),
            "receipts": {
                **vars(self.world.deliverer.receipts),
                "pending": self.world.deliverer.receipts_pending,
            },
        }
        if path is not None:
            answer["count"] = calls.counts.get(path, 0)
            answer["items"] = [record.as_json() for record in calls.newest(path)]
        self.answer(answer)

    def delete(self) -> None:
        """Start counting from nothing."""
        self.world.reset(("calls",))
        self.answer({"ok": True})


class ClockHandler(ControlHandler):
    """The demo's time."""

    says: ClassVar = {"GET": "现在的模拟时间", "POST": "拨动时钟"}
    bodies: ClassVar = {"POST": ClockBody}

    def get(self) -> None:
        """Return the present instant."""
        now = self.world.clock.time()
        self.answer({"now": instant(now), "unix": now})

    def post(self) -> None:
        """Move the clock for all processes."""
        body = self.body(ClockBody)
        seconds = body.advance_seconds or 0.0
        if body.set is not None:
            seconds = body.set.astimezone(UTC).timestamp() - self.world.clock.time()
        try:
            self.world.clock.move(seconds)
        except RuntimeError as error:
            raise Refused(409, "this clock cannot be moved") from error
        for world in self.worlds:
            if world.stream:
                world.stream.publish("clock", {"unix": world.clock.time()})
        self.get()


class ConfigHandler(ControlHandler):
    """Settings that can change at run time, and what the phones' page needs to know."""

    says: ClassVar = {"GET": "现在的设置", "POST": "改变给出的设置，其余不变"}
    bodies: ClassVar = {"POST": ConfigBody}

    def get(self) -> None:
        """Return the settings; never a secret."""
        self.answer(self.shown())

    def shown(self) -> dict[str, Any]:
        """Return the settings as this path and the stream show them."""
        world = self.world
        oa, mp = (world.deliverer.addresses[kind] for kind in ("oa", "mp"))
        return {
            "callback_url": oa.url,
            "callback_mode": oa.mode,
            "mp_callback_url": mp.url,
            "latency_ms": world.latency_ms,
            "receipts": vars(world.receipts),
            "oauth_domain": world.oauth_domain,
            "snapshot_users": world.snapshot_users,
            "account_name": world.config.account_name,
            "oa_app_id": world.config.oa_app_id,
            "oa_username": world.config.oa_username,
            "mp_app_id": world.config.mp_app_id,
            "accounts": [
                {"app_id": one.config.oa_app_id, "name": one.config.account_name} for one in self.worlds
            ],
            "menu": world.shown_menu(),
            "web_pages": world.web_pages,
        }

    def post(self) -> None:
        """Change the given settings and leave the others."""
        body = self.body(ConfigBody)
        world, given = self.world, body.model_fields_set
        oa, mp = (world.deliverer.addresses[kind] for kind in ("oa", "mp"))
        if body.mp_callback_url is not None and not (mp.token and mp.aes_key):
            raise bad_request("mp_callback_url: the simulator was started without mp_token and mp_aes_key")
        if "callback_url" in given:
            oa.url = body.callback_url
        if "mp_callback_url" in given:
            mp.url = body.mp_callback_url
        if "oauth_domain" in given:
            world.oauth_domain = body.oauth_domain
        if body.callback_mode is not None:
            oa.mode = mp.mode = body.callback_mode
        if body.oa_aes_key is not None:
            oa.change_key(body.oa_aes_key, world.clock.time())
        if body.latency_ms is not None:
            world.latency_ms = body.latency_ms
        if body.receipts is not None:
            world.receipts = Receipts(**body.receipts.model_dump())
        if body.snapshot_users is not None:
            world.snapshot_users = body.snapshot_users
        if body.web_pages is not None:
            world.web_pages = body.web_pages
        if world.stream:
            world.stream.publish("config", self.shown())
        self.get()


class VerifyHandler(ControlHandler):
    """The question WeChat asks when a callback URL is set."""

    says: ClassVar = {"POST": "像保存服务器配置时那样验证地址：应原样返回 echostr"}
    bodies: ClassVar = {"POST": VerifyBody}

    async def post(self) -> None:
        """Ask the callback to echo a string, and tell what it answered."""
        attempt = await self.world.deliverer.verify_url(self.body(VerifyBody).app)
        self.answer({"ok": attempt.error is None, **attempt.as_json()})


class TemplatesHandler(ControlHandler):
    """Message templates."""

    says: ClassVar = {
        "GET": "列出登记过的模板",
        "POST": "登记一个模板；从第一个起，没有登记的模板 id 会被拒绝",
    }
    bodies: ClassVar = {"POST": TemplateBody}
    queries: ClassVar = {"app_id": "公众号或小程序的 appid"}

    def get(self) -> None:
        """List the templates of `?app_id=` (the official account's without it)."""
        app_id = self.get_query_argument("app_id", self.world.config.oa_app_id)
        self.answer(
            {
                "items": [
                    {
                        "template_id": one.template_id,
                        "title": one.title,
                        "content": one.content,
                        "type": one.type,
                    }
                    for one in self.world.templates.known(app_id)
                ]
            }
        )

    def post(self) -> None:
        """Register a template; from the first on, other ids are refused."""
        body = self.body(TemplateBody)
        app_id = body.app_id or self.world.config.oa_app_id
        template = Template(body.template_id, body.title, body.content, type=body.type)
        self.world.templates.add(app_id, template)
        self.answer({"app_id": app_id, "template_id": template.template_id, "keys": dict(template.keys)}, 201)


class ResetHandler(ControlHandler):
    """Start over."""

    says: ClassVar = {"POST": "重新开始"}
    bodies: ClassVar = {"POST": ResetBody}

    def post(self) -> None:
        """Forget what is named in `only`, or everything but the tokens; `seed` starts chance anew."""
        body = self.body(ResetBody)
        only = body.only
        if body.seed is not None:
            self.world.rng.seed(body.seed)
        # The order of the table, so that people go before what hangs on them.
        parts = RESET_BY_DEFAULT if only is None else tuple(part for part in RESETTABLE if part in only)
        self.world.reset(parts)
        self.answer({"ok": True, "forgotten": list(parts)})


class StreamHandler(ControlHandler):
    """Server-sent events: `message`, `user`, `menu`, `typing`, `clock`, `config`, `resync` (read again)."""

    says: ClassVar = {"GET": "服务器推送事件（SSE）：message、user、menu、typing、clock、config、resync"}

    async def get(self) -> None:
        """Send events until the reader leaves or the simulator closes."""
        self.set_header("Content-Type", "text/event-stream; charset=utf-8")
        self.set_header("X-Accel-Buffering", "no")
        self._queue = self.world.stream.join()
        try:
            self.write("retry: 1000\n\n")
            await self.flush()
            while True:
                try:
                    event = await asyncio.wait_for(self._queue.get(), HEARTBEAT_SECONDS)
                except TimeoutError:
                    event = b": still here\n\n"
                if event is None:
                    break
                self.write(event)
                await self.flush()
        except StreamClosedError:
            pass
        finally:
            self.world.stream.leave(self._queue)

    def on_connection_close(self) -> None:
        """Wake the loop above, so that it does not wait for the next event to notice."""
        queue = getattr(self, "_queue", None)
        if queue is not None and not queue.full():
            queue.put_nowait(None)


class UnknownHandler(ControlHandler):
    """Any other path under `/_sim/`: without it a misspelt one would count as a call of the platform."""

    def prepare(self) -> None:
        """Answer 404 in words."""
        raise Refused(404, "no such control path")


routes = [
    (r"/_sim/users", UsersHandler),
    (r"/_sim/events", EventsHandler),
    (r"/_sim/login-code", LoginCodeHandler),
    (r"/_sim/inbox", InboxHandler),
    (r"/_sim/chat", ChatHandler),
    (r"/_sim/faults", FaultsHandler),
    (r"/_sim/calls", CallsHandler),
    (r"/_sim/clock", ClockHandler),
    (r"/_sim/config", ConfigHandler),
    (r"/_sim/verify", VerifyHandler),
    (r"/_sim/templates", TemplatesHandler),
    (r"/_sim/reset", ResetHandler),
    (r"/_sim/stream", StreamHandler),
    (r"/_sim/.*", UnknownHandler),
]
