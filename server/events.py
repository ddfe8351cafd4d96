"""What the platform's events do, once they are kept."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import structlog

from casework.account.model import PlatformEvent
from handlers.callback import PLACE_SCENE
from server.parts import Parts
from wechat.errors import WeChatFailure

LEASE = timedelta(seconds=30)
BATCH = 100
RECEIPT = "templatesendjobfinish"
#: A receipt may be here before the sender has recorded the message that it is about.
RECEIPT_PAUSES = (0.2, 0.5, 1, 2, 5, 10, 30)
FETCH_PAUSES = (1, 2, 5, 15, 60, 300)

Body = Mapping[str, Any]


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
        }

    async def apply_due(self) -> int:
        """Apply the events that wait, the oldest first; how many there were."""
        found = await self._account.claim_events(LEASE, BATCH)
        receipts = [(event, body) for event, body in found if event["event"] == RECEIPT]
        others = [(event, body) for event, body in found if event["event"] != RECEIPT]
        await self._apply_receipts(receipts)
        await asyncio.gather(*(self._apply(event, body) for event, body in others))
        return len(found)

    async def _apply(self, event: PlatformEvent, body: Body) -> None:
        try:
            await self._effects[event["event"]](event, body)
        except WeChatFailure:
            await self._come_again(event, FETCH_PAUSES)
        except Exception as error:  # One event that cannot be applied must not hold up the others.
            structlog.get_logger().error("event not applied", event_kind=event["event"], exc_info=error)
            await self._come_again(event, FETCH_PAUSES)
        else:
            await self._account.end_events([event], "applied")

    async def _come_again(self, event: PlatformEvent, pauses: Sequence[float]) -> None:
        if event["tries"] <= len(pauses):
            await self._account.delay_event(event, pauses[event["tries"] - 1])
            return
        structlog.get_logger().warning("event given up", event_kind=event["event"])
        await self._account.end_events([event], "given_up")

    async def _apply_receipts(self, receipts: Sequence[tuple[PlatformEvent, Body]]) -> None:
        """The platform says of template messages whether they arrived; there is one for each message
        that we send, so they are applied together."""
        if not receipts:
            return
        statuses = {str(body.get("MsgID", "")): str(body.get("Status", "")) for _, body in receipts}
        known = await self._notices.receipts(statuses)
        await self._account.end_events(
            [event for event, body in receipts if str(body.get("MsgID", "")) in known], "applied"
        )
        for event, body in receipts:
            if str(body.get("MsgID", "")) not in known:
                await self._come_again(event, RECEIPT_PAUSES)

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
        fan = await self._account.told(openid, event["received_at"], **changes)
        profile = await self._api.user_info(openid)
        if profile.get("subscribe") == 0:
            # They have left again, so the platform no longer says who they are: nobody must be made up.
            return
        person_id = await self._account.meet(event["app_id"], openid, profile.get("unionid"))
        # At the moment of following nobody knew yet that this is a colleague: the answer was a villager's.
        if not fan.get("person_id") and (staff := await self._staff.of_person(person_id)):
            await self._notices.send(f"staff:{staff['_id']}", "staff_welcome", ref=f"staff:{staff['_id']}")

    async def _unsubscribed(self, event: PlatformEvent, _body: Body) -> None:
        """No longer reachable. What the law keeps of a household does not hang on this."""
        changes: dict[str, Any] = {"following": False, "interacted_at": None, "scene": None}
        await self._account.told(event["openid"], event["received_at"], **changes)

    async def _scanned(self, event: PlatformEvent, body: Body) -> None:
        """A follower at a place's code: the place is offered first in the report form."""
        changes: dict[str, Any] = {"interacted_at": event["received_at"]}
        if place := _place(str(body.get("EventKey", ""))):
            changes["scene"] = place
        await self._account.set_fan(event["openid"], **changes)


def _place(scene: str) -> str | None:
    return scene.removeprefix(PLACE_SCENE)[:24] if scene.startswith(PLACE_SCENE) else None
