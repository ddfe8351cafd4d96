"""What the platform's events do, once they are kept."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import structlog

from casework.account.model import STAFF_TAG, PlatformEvent
from casework.account.service import CLOSED_WINDOWS
from casework.notices.rules import receipt_id
from casework.notices.service import USER_BLOCK
from handlers.callback import PLACE_SCENE
from server.parts import Parts
from wechat.errors import WeChatFailure

LEASE = timedelta(seconds=30)
BATCH = 100
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
        self._sessions = parts.services.sessions
        self._apis = parts.apis
        self._effects: Mapping[str, Callable[[PlatformEvent, Body], Awaitable[None]]] = {
            "subscribe": self._subscribed,
            "unsubscribe": self._unsubscribed,
            "scan": self._scanned,
            "subscribe_msg_popup_event": self._consented,
            "subscribe_msg_change_event": self._consented,
            "user_authorization_revoke": self._revoked,
            "user_authorization_cancellation": self._cancelled,
            "wxa_media_check": self._judged,
            "tag_staff": self._tag_staff,
        }
        #: Receipts by event: what became of which messages.
        self._receipts: Mapping[str, Callable[[PlatformEvent, Body], Awaitable[Mapping[str, str]]]] = {
            "templatesendjobfinish": self._template_receipt,
            "subscribe_msg_sent_event": self._subscription_receipts,
        }

    async def apply_due(self) -> int:
        """Apply the events that wait, the oldest first; how many there were."""
        found = await self._account.claim_events(LEASE, BATCH)
        receipts = [(event, body) for event, body in found if event["event"] in self._receipts]
        others = [(event, body) for event, body in found if event["event"] not in self._receipts]
        await self._apply_receipts(receipts)
        people: dict[tuple[str, str], list[tuple[PlatformEvent, Body]]] = {}
        for event, body in others:
            people.setdefault((event["app_id"], event["openid"]), []).append((event, body))
        await asyncio.gather(*map(self._apply_in_order, people.values()))
        return len(found)

    async def _apply_in_order(self, events: Sequence[tuple[PlatformEvent, Body]]) -> None:
        """What one person does is applied one after the other: who agrees and then refuses has refused."""
        for event, body in events:
            await self._apply(event, body)

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
        """The platform says of messages whether they arrived; there is one for each message that we send,
        so they are applied together."""
        if not receipts:
            return
        told = [(event, await self._receipts[event["event"]](event, body)) for event, body in receipts]
        known = await self._notices.receipts({id_: status for _, one in told for id_, status in one.items()})
        await self._account.end_events([event for event, one in told if one.keys() <= known], "applied")
        for event, one in told:
            if not one.keys() <= known:
                await self._come_again(event, RECEIPT_PAUSES)

    async def _template_receipt(self, event: PlatformEvent, body: Body) -> Mapping[str, str]:
        status = str(body.get("Status", ""))
        if status.replace(" ", "") == USER_BLOCK:
            await self._account.refused(event["app_id"], event["openid"], event["received_at"])
        return {str(body.get("MsgID", "")): status}

    async def _subscription_receipts(self, event: PlatformEvent, body: Body) -> Mapping[str, str]:
        told = {}
        for item in _items(body, "SubscribeMsgSentEvent"):
            app_id, openid = event["app_id"], event["openid"]
            key = await self._account.key_of(app_id, str(item.get("TemplateId", "")))
            if key:
                failed = str(item.get("ErrorStatus") or item.get("ErrorCode") or "failed")
                status = "success" if str(item.get("ErrorCode")) == "0" else failed
                told[receipt_id(app_id, openid, key)] = status
        return told

    async def _consented(self, event: PlatformEvent, body: Body) -> None:
        """Somebody agreed to notices when a page asked them, or changed their mind in WeChat's settings."""
        for name in ("SubscribeMsgPopupEvent", "SubscribeMsgChangeEvent"):
            for item in _items(body, name):
                await self._account.consented(
                    event["app_id"],
                    event["openid"],
                    event["_id"],
                    str(item.get("TemplateId", "")),
                    accepted=item.get("SubscribeStatusString") == "accept",
                )

    async def _revoked(self, event: PlatformEvent, body: Body) -> None:
        """Somebody took back what they had allowed in WeChat (position, pictures, profile …).

        Nothing of that is kept beyond the moment at which it is used, so what ends are their sessions: the
        pages ask anew. They still follow the account, and a cadre still gets the tasks.
        """
        fan = await self._account.fan(event["app_id"], _of_whom(event, body))
        if fan and fan.get("person_id"):
            await self._sessions.close_all(str(fan["person_id"]))

    async def _cancelled(self, event: PlatformEvent, body: Body) -> None:
        """Somebody gave up their WeChat account: nobody is behind this openid any more."""
        await self._revoked(event, body)
        await self._account.forget(event["app_id"], _of_whom(event, body))

    async def _judged(self, event: PlatformEvent, body: Body) -> None:
        """The platform has looked at a picture or a recording that we asked about."""
        result = body.get("result")
        result = result if isinstance(result, Mapping) else {}
        label = str(result.get("label", ""))
        await self._account.judged(
            event["app_id"],
            str(body.get("trace_id", "")),
            # What could not be checked must not pass for having been.
            str(result.get("suggest") or "review"),
            int(label) if label.isdigit() else 0,
        )

    async def _subscribed(self, event: PlatformEvent, body: Body) -> None:
        """A follower: reachable from now on, known by unionid, and perhaps sent by a place's code."""
        openid = event["openid"]
        changes: dict[str, Any] = {
            "following": True,
            "blocked": False,
            "touched_at": event["received_at"],
        }
        if place := _place(str(body.get("EventKey", "")).removeprefix("qrscene_")):
            changes["scene"] = place
        fan = await self._account.told(event["app_id"], openid, event["received_at"], **changes)
        profile = await self._apis[event["app_id"]].user_info(openid)
        if profile.get("subscribe") == 0:
            # They have left again, so the platform no longer says who they are: nobody must be made up.
            return
        person_id = await self._account.meet(event["app_id"], openid, profile.get("unionid"))
        staff = await self._staff.of_person(person_id)
        if staff is None:
            return
        # At the moment of following nobody knew yet that this is a colleague: the answer was a villager's.
        if not fan.get("person_id"):
            await self._notices.send(f"staff:{staff['_id']}", "staff_welcome", ref=f"staff:{staff['_id']}")
        await self._tag_staff(event, body)

    async def _tag_staff(self, event: PlatformEvent, _body: Body) -> None:
        """By their tag the members of staff see menus of their own."""
        tag = await self._account.tag(event["app_id"], STAFF_TAG)
        if tag is not None:
            await self._apis[event["app_id"]].tag_people(tag["platform_id"], [event["openid"]])

    async def _unsubscribed(self, event: PlatformEvent, _body: Body) -> None:
        """No longer reachable. What the law keeps of a household does not hang on this."""
        changes: dict[str, Any] = {"following": False, "scene": None, **CLOSED_WINDOWS}
        await self._account.told(event["app_id"], event["openid"], event["received_at"], **changes)

    async def _scanned(self, event: PlatformEvent, body: Body) -> None:
        """A follower at a place's code: the place is offered first in the report form."""
        changes: dict[str, Any] = {"touched_at": event["received_at"]}
        if place := _place(str(body.get("EventKey", ""))):
            changes["scene"] = place
        await self._account.set_fan(event["app_id"], event["openid"], **changes)


def _of_whom(event: PlatformEvent, body: Body) -> str:
    """The openid that an event is about; the platform itself is the sender of those on authorisations."""
    return str(body.get("OpenID") or event["openid"])


def _items(body: Body, name: str) -> Iterable[Mapping[str, Any]]:
    """The entries of an event's list, of which the platform sends one or several."""
    group = body.get(name)
    entries = group.get("List") if isinstance(group, Mapping) else None
    return (entry for entry in entries or () if isinstance(entry, Mapping))


def _place(scene: str) -> str | None:
    return scene.removeprefix(PLACE_SCENE)[:24] if scene.startswith(PLACE_SCENE) else None
