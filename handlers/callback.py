"""The platform's callback: answered at once, with effects kept before they are acknowledged."""

from collections.abc import Mapping

from casework.access import Actor
from casework.account.model import Fan
from casework.ids import number_in, spoken
from casework.intake import rules
from casework.intake.model import Intake
from casework.tasks.model import LIVE
from handlers.base import Handler, Routes, public
from wechat.codec import ACK, BODY_LIMIT, CallbackRefused, Message

#: Events with an effect that must not be lost. WeChat does not repeat what was acknowledged.
EFFECTS = frozenset({"subscribe", "unsubscribe", "scan", "templatesendjobfinish"})
#: Events by which a person opens the 48 hours for customer messages, as every message of theirs does.
#: Receipts, pages viewed and the like do not. Source: 客服消息 in the platform's documentation.
CONTACTS = frozenset({"subscribe", "scan", "click", "scancode_push", "scancode_waitmsg"})
#: Of these there is one for each message that we send, and nobody waits for them: they go straight to the
#: unique index, and the workers take them together at their next poll.
QUIET = frozenset({"templatesendjobfinish"})
#: What an event's kept body holds; nothing more of the message is needed for its effect.
KEPT_FIELDS = ("EventKey", "Ticket", "MsgID", "Status")

WELCOME_VILLAGER = (
    "您好，这里是防贫监测帮扶服务。\n家里遇到看病、上学、受灾、住房、饮水等困难，点下方“我要申报”，"
    "勾选几项就能提交，负责您村的干部会马上收到并上门核实。\n回复“进度”可查看办理进展。"
)
WELCOME_STAFF = "{name}，您好。核实任务会推送到这里，请保持关注。\n回复“任务”可查看待办。"
DEFAULT_ANSWER = "已收到。申报困难请点“我要申报”；回复“进度”查看办理进展。"
PLACE_SCENE = "place_"


class CallbackHandler(Handler):
    """/wechat/callback"""

    body_limit = BODY_LIMIT

    def set_default_headers(self) -> None:
        """Plain text: WeChat reads the body only."""
        super().set_default_headers()
        self.set_header("Content-Type", "text/plain; charset=utf-8")

    def _query(self) -> Mapping[str, str]:
        given = self.request.query_arguments
        return {name: values[-1].decode("utf-8", "replace") for name, values in given.items()}

    def _refuse(self, refused: CallbackRefused) -> None:
        self.services.watch.callback("refused", refused.reason_code)
        self.set_status(refused.status)
        self.finish()

    @public
    async def get(self) -> None:
        """Answer the platform's check of this address with the bare echostr."""
        try:
            self.finish(self.services.codec.echo(self._query()))
        except CallbackRefused as refused:
            self._refuse(refused)

    @public
    async def post(self) -> None:
        """Take one message or event."""
        try:
            message = self.services.codec.decode(self._query(), self.request.body)
        except CallbackRefused as refused:
            self._refuse(refused)
            return
        kind = f"event.{message.event}" if message.event else message.kind
        if message.event in EFFECTS and not await self._keep(message):
            self.services.watch.callback(kind, "repeated")
            self._finish(message, None)
            return
        if message.event is None or message.event in CONTACTS:
            self.services.account.touch(message.openid)
        words = await self._words(message)
        known = message.event in EFFECTS or words is not None
        self.services.watch.callback(kind if known or not message.event else "event.other", "taken")
        self._finish(message, words)

    def _finish(self, message: Message, words: str | None) -> None:
        if words is None:
            self.finish(ACK)
            return
        self.set_header("Content-Type", "application/xml; charset=utf-8")
        self.finish(self.services.codec.reply(message, words))

    async def _keep(self, message: Message) -> bool:
        """Keep an event's effect; False when it was kept before."""
        key, event = message.dedup_key, str(message.event)
        body = {name: message.fields[name] for name in KEPT_FIELDS if name in message.fields}
        if event in QUIET:
            return await self.services.account.keep_event(key, message.openid, event, body)
        if await self.services.seen.has(key):
            return False
        new = await self.services.account.keep_event(key, message.openid, event, body)
        await self.services.seen.note(key)
        self.services.wake("events")
        return new

    async def _words(self, message: Message) -> str | None:
        """What the account answers at once; None for a bare acknowledgement."""
        match message.event or message.kind:
            case "subscribe":
                place = await self._place_words(message.event_key.removeprefix("qrscene_"))
                return place or await self._welcome(message.openid)
            case "scan":
                return await self._place_words(message.event_key)
            case "click":
                return await self._answer(message.openid, message.event_key)
            case "text":
                number = number_in(message.content)
                if number:
                    return await self._report_of_number(message.openid, number)
                return await self._answer(message.openid, message.content) or DEFAULT_ANSWER
        return None

    async def _staff_name(self, fan: Fan | None) -> str | None:
        if not fan or not fan.get("person_id"):
            return None
        staff = await self.services.staff.of_person(str(fan["person_id"]))
        return staff["name"] if staff else None

    async def _welcome(self, openid: str) -> str:
        name = await self._staff_name(await self.services.account.fan(openid))
        return WELCOME_STAFF.format(name=name) if name else WELCOME_VILLAGER

    async def _place_words(self, scene: str) -> str | None:
        """A village's QR code greets by the village's name."""
        if not scene.startswith(PLACE_SCENE):
            return None
        found = await self.services.regions.find_by_code(scene.removeprefix(PLACE_SCENE))
        if found is None:
            return None
        name = await self.services.regions.full_name(found)
        return f"您好，这里是{name}的防贫服务码。\n点下方“我要申报”，所在村组已为您选好。"

    async def _answer(self, openid: str, text: str) -> str | None:
        answer = await self.services.account.answer_to(text)
        if answer is None:
            return None
        if answer["kind"] == "text":
            return answer["text"]
        person_id = await self._person(openid)
        if answer["kind"] == "my_tasks":
            return await self._my_tasks(person_id)
        return self._progress(await self.services.intakes.latest_of(person_id) if person_id else None)

    async def _person(self, openid: str) -> str | None:
        fan = await self.services.account.fan(openid)
        return fan.get("person_id") if fan else None

    async def _report_of_number(self, openid: str, number: str) -> str:
        """Somebody sends their report's number; another person's is answered as if there were none."""
        person_id = await self._person(openid)
        return self._progress(await self.services.intakes.of_number(person_id, number) if person_id else None)

    @staticmethod
    def _progress(report: Intake | None) -> str:
        if report is None:
            return "还没有查到您的申报。点下方“我要申报”，几步就能提交。"
        return f"受理编号 {spoken(report['number'])}\n当前进展：{rules.what_comes_next(report)}"

    async def _my_tasks(self, person_id: str | None) -> str:
        staff = await self.services.staff.of_person(person_id) if person_id else None
        if staff is None or person_id is None:
            return "您还没有绑定工作人员身份，请在小程序“我的”中用绑定码绑定。"
        grants = await self.services.staff.grants_of(staff["_id"], person_id)
        actor = Actor(person_id, self.services.account.oa_app_id, "", staff["_id"], grants or ())
        page = await self.services.tasks.page(actor, LIVE, None, 5)
        if not page.items:
            return "您没有待办任务。"
        lines = [f"{spoken(t['number'])} {t['village']} {t['name']}" for t in page.items]
        more = "（更多请在小程序查看）" if page.next else ""
        return "\n".join([f"您的待办任务{more}：", *lines])


routes: Routes = [(r"/wechat/callback", CallbackHandler)]
