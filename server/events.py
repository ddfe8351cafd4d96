"""What the platform's events do, once they are kept."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

import structlog

from casework.account.model import PlatformEvent
from handlers.callback import PLACE_SCENE
from server.parts import Parts
from wechat.errors import WeChatFailure

LEASE = timedelta(seconds=30)
#: A receipt may be here before the sender has recorded the message that it is about.
RECEIPT_PAUSES = (0.2, 0.5, 1, 2, 5, 10, 30)
FETCH_PAUSES = (1, 2, 5, 15, 60, 300)

Body = Mapping[str, Any]


class ComeAgain(Exception):
    """The effect cannot be had yet; `pauses` are the waits between tries."""

    def __init__(self, pauses: tuple[float, ...]) -> None:
        super().__init__()
        self.pauses = pauses


class Events:
    """Applies kept events. Each effect can be had twice without harm."""

    def __init__(self, parts: Parts) -> None:
        self._account = parts.services.account
        self._notices = parts.services.notices
        self._staff = parts.services.staff
        self._api = parts.oa
        self._effects: Mapping[str, Callable[[PlatformEvent, Body], Awaitable[None]]] = {
            "subscribe": self._subscribed,
            "unsubscribe": self._unsubscribed,
            "scan": self._scanned,
            "templatesendjobfinish": self._receipt,
        }

    async def apply_next(self) -> bool:
        """Apply the oldest event that waits; False when none does."""
        found = await self._account.claim_event(LEASE)
        if found is None:
            return False
        event, body = found
        try:
            await self._effects[event["event"]](event, body)
        except ComeAgain as later:
            if event["tries"] <= len(later.pauses):
                await self._account.delay_event(event, later.pauses[event["tries"] - 1])
            else:
                structlog.get_logger().warning("event given up", event_kind=event["event"])
                await self._account.end_event(event, "given_up")
            return True
        await self._account.end_event(event, "applied")
        return True

    async def _subscribed(self, event: PlatformEvent, body: Body) -> None:
        """A follower: reachable from now on, known by unionid, and perhaps sent by a place's code."""
        openid = event["openid"]
        changes: dict[str, Any] = {
            "following": True,
            "blocked": False,
            "interacted_at": event["received_at"],
        }
        if place := _place(str(body.get("EventKey", "")).removeprefix("qrscene_")):
            changes["scene"] = place
        fan = await self._account.set_fan(openid, **changes)
        try:
            profile = await self._api.user_info(openid)
        except WeChatFailure:
            raise ComeAgain(FETCH_PAUSES) from None
        person_id = await self._account.meet(event["app_id"], openid, profile.get("unionid"))
        # At the moment of following nobody knew yet that this is a colleague: the answer was a villager's.
        if not fan.get("person_id") and (staff := await self._staff.of_person(person_id)):
            await self._notices.send(f"staff:{staff['_id']}", "staff_welcome", ref=f"staff:{staff['_id']}")

    async def _unsubscribed(self, event: PlatformEvent, _body: Body) -> None:
        """No longer reachable. What the law keeps of a household does not hang on this."""
        changes: dict[str, Any] = {"following": False, "interacted_at": None, "scene": None}
        await self._account.set_fan(event["openid"], **changes)

    async def _scanned(self, event: PlatformEvent, body: Body) -> None:
        """A follower at a place's code: the place is offered first in the report form."""
        changes: dict[str, Any] = {"interacted_at": event["received_at"]}
        if place := _place(str(body.get("EventKey", ""))):
            changes["scene"] = place
        await self._account.set_fan(event["openid"], **changes)

    async def _receipt(self, _event: PlatformEvent, body: Body) -> None:
        """The platform says whether a template message arrived."""
        if not await self._notices.receipt(str(body.get("MsgID", "")), str(body.get("Status", ""))):
            raise ComeAgain(RECEIPT_PAUSES)


def _place(scene: str) -> str | None:
    return scene.removeprefix(PLACE_SCENE)[:24] if scene.startswith(PLACE_SCENE) else None
