"""The platform's callback: answered at once, with effects kept before they are acknowledged.

There is a callback for every message that somebody writes and for every one that we send, so it does not
go through Tornado's router and `RequestHandler`: the server hands it the bare request
(`server.http.Server`). The signature decides who may call.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pymongo.errors import PyMongoError

from casework.access import Actor
from casework.ids import number_in, spoken
from casework.intake import rules
from casework.intake.model import Intake
from casework.problems import Away
from casework.tasks.model import LIVE
from handlers.base import log_fault
from handlers.services import Services
from wechat.codec import ACK, BODY_LIMIT, CallbackRefused, Message

#: Events with an effect that must not be lost, and which of their fields the effect needs. WeChat does not
#: repeat what was acknowledged.
EFFECTS: Mapping[str, tuple[str, ...]] = {
    "subscribe": ("EventKey",),
    "unsubscribe": (),
    "scan": ("EventKey",),
    "templatesendjobfinish": ("MsgID", "Status"),
    "subscribe_msg_popup_event": ("SubscribeMsgPopupEvent",),
    "subscribe_msg_change_event": ("SubscribeMsgChangeEvent",),
    "subscribe_msg_sent_event": ("SubscribeMsgSentEvent",),
    "user_authorization_revoke": ("OpenID",),
    "user_authorization_cancellation": ("OpenID",),
    "wxa_media_check": ("trace_id", "result", "errcode"),
}
#: Events by which a person opens a minute for customer messages; their messages open 48 hours. Receipts,
#: pages viewed and the like open none. Source: 客服消息 in the platform's documentation.
CONTACTS = frozenset({"subscribe", "scan", "click", "scancode_push", "scancode_waitmsg"})
#: The kinds of messages that people send. Source: 接收普通消息 in the platform's documentation.
MESSAGES = frozenset({"text", "image", "voice", "video", "shortvideo", "location", "link"})
#: Of these there is one for each message that we send, and nobody waits for them: they go straight to the
#: unique index, and the workers take them together at their next poll. One that says that a message did not
#: arrive is urgent: whoever refuses our messages is to cost no second call.
QUIET = frozenset({"templatesendjobfinish", "subscribe_msg_sent_event"})

PLACE_SCENE = "place_"
PATH = "/wechat/callback"


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered: the HTTP status, the body and its media type."""

    status: int
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"


class Callback:
    """``/wechat/callback`` for all our accounts, ``/wechat/callback/<app id>`` for one of them."""

    path = PATH
    body_limit = BODY_LIMIT

    def __init__(self, services: Services) -> None:
        self.services = services

    async def answer(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> Reply:
        """Answer a request to `path`, which begins with `PATH`."""
        app_id = path[len(PATH) + 1 :] or None
        if path != PATH and not (app_id and path[len(PATH)] == "/"):
            return Reply(404)
        try:
            match method:
                case "POST":
                    return await self._take(self.services.codecs.decode(query, body, app_id))
                case "GET":
                    return Reply(200, self.services.codecs.echo(query, app_id).encode())
        except CallbackRefused as refused:
            self.services.watch.callback("refused", refused.reason_code)
            return Reply(refused.status)
        except Exception as error:  # Whatever went wrong, the platform gets an answer, and comes again.
            log_fault(error)
            return Reply(503 if isinstance(error, PyMongoError | Away) else 500)
        return Reply(405)

    async def _take(self, message: Message) -> Reply:
        """Take one message or event."""
        services, event = self.services, message.event
        kind = f"event.{event}" if event else message.kind
        if event in EFFECTS and not await self._keep(message):
            services.watch.callback(kind, "repeated")
            return Reply(200, ACK)
        if event is None:
            services.account.wrote(message.app_id, message.openid)
        elif event in CONTACTS:
            services.account.touched(message.app_id, message.openid)
        words = await self._words(message)
        # What nobody has heard of has one name together: a counter stays as long as the process.
        known = kind in MESSAGES if event is None else event in EFFECTS or words is not None
        services.watch.callback(kind if known else "event.other" if event else "other", "taken")
        if words is None:
            return Reply(200, ACK)
        return Reply(200, services.codecs.reply(message, words), "application/xml; charset=utf-8")

    async def _keep(self, message: Message) -> bool:
        """Keep an event's effect; False when it was kept before."""
        services = self.services
        app_id, key, event = message.app_id, message.dedup_key, str(message.event)
        body = {name: message.fields[name] for name in EFFECTS[event] if name in message.fields}
        quiet = event in QUIET and "success" in str(body)
        seen_key = f"{app_id}:{key}"
        if not quiet and await services.seen.has(seen_key):
            return False
        new = await services.account.keep_event(app_id, key, message.openid, event, body)
        if not quiet:
            await services.seen.note(seen_key)
            services.wake("events")
        return new

    async def _words(self, message: Message) -> str | None:
        """What the account answers at once; None for a bare acknowledgement."""
        match message.event or message.kind:
            case "subscribe":
                place = await self._place_words(message.event_key.removeprefix("qrscene_"))
                return place or await self._welcome(message)
            case "scan":
                return await self._place_words(message.event_key)
            case "click":
                return await self._answer(message, message.event_key)
            case "scancode_waitmsg":
                return await self._scanned(message)
            case "text":
                return await self._answer_text(message, message.content)
            case "voice" if message.fields.get("Recognition"):
                return await self._answer_text(message, str(message.fields["Recognition"]))
            case kind if message.event is None:
                return await self._words_on(message, kind)
        return None

    async def _words_on(self, message: Message, occasion: str) -> str | None:
        return await self.services.account.words_on(message.app_id, occasion)

    async def _staff_name(self, person_id: str | None) -> str | None:
        staff = await self.services.staff.of_person(person_id) if person_id else None
        return staff["name"] if staff else None

    async def _welcome(self, message: Message) -> str | None:
        name = await self._staff_name(await self._person(message))
        words = await self._words_on(message, "subscribe_staff" if name else "subscribe")
        return words.replace("{name}", name or "") if words else None

    async def _place_words(self, scene: str) -> str | None:
        """A village's QR code greets by the village's name."""
        if not scene.startswith(PLACE_SCENE):
            return None
        found = await self.services.regions.find_by_code(scene.removeprefix(PLACE_SCENE))
        if found is None:
            return None
        name = await self.services.regions.full_name(found)
        return f"您好，这里是{name}的防贫服务码。\n点下方“我要申报”，所在村组已为您选好。"

    async def _scanned(self, message: Message) -> str | None:
        """Somebody scanned a code through the menu, and WeChat waits for what we say of it."""
        info = message.fields.get("ScanCodeInfo")
        result = info.get("ScanResult") if isinstance(info, dict) else None
        place = await self._place_words(result) if isinstance(result, str) else None
        return place or await self._words_on(message, "scan")

    async def _answer_text(self, message: Message, text: str) -> str | None:
        """A report's number is answered with its progress, any other text by its keyword."""
        number = number_in(text)
        if number:
            return await self._report_of_number(message, number)
        return await self._answer(message, text) or await self._words_on(message, "default")

    async def _answer(self, message: Message, text: str) -> str | None:
        answer = await self.services.account.answer_to(message.app_id, text)
        if answer is None:
            return None
        if answer["kind"] == "text":
            return answer["text"]
        person_id = await self._person(message)
        if answer["kind"] == "my_tasks":
            return await self._my_tasks(message, person_id)
        return self._progress(await self.services.intakes.latest_of(person_id) if person_id else None)

    async def _person(self, message: Message) -> str | None:
        fan = await self.services.account.fan(message.app_id, message.openid)
        return fan.get("person_id") if fan else None

    async def _report_of_number(self, message: Message, number: str) -> str:
        """Somebody sends their report's number; another person's is answered as if there were none."""
        person_id = await self._person(message)
        return self._progress(await self.services.intakes.of_number(person_id, number) if person_id else None)

    @staticmethod
    def _progress(report: Intake | None) -> str:
        if report is None:
            return "还没有查到您的申报。点下方“我要申报”，几步就能提交。"
        return f"受理编号 {spoken(report['number'])}\n当前进展：{rules.what_comes_next(report)}"

    async def _my_tasks(self, message: Message, person_id: str | None) -> str:
        staff = await self.services.staff.of_person(person_id) if person_id else None
        if staff is None or person_id is None:
            return "您还没有绑定工作人员身份，请在小程序“我的”中用绑定码绑定。"
        grants = await self.services.staff.grants_of(staff["_id"], person_id)
        actor = Actor(person_id, message.app_id, message.openid, staff["_id"], grants or ())
        page = await self.services.tasks.page(actor, LIVE, None, 5)
        if not page.items:
            return "您没有待办任务。"
        lines = [f"{spoken(t['number'])} {t['village']} {t['name']}" for t in page.items]
        more = "（更多请在小程序查看）" if page.next else ""
        return "\n".join([f"您的待办任务{more}：", *lines])
