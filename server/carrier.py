"""Joins the outbox to the platform: a parcel becomes a message, an answer becomes an outcome."""

from collections.abc import Mapping

import structlog

from casework.account.service import Account
from casework.notices.kinds import KINDS, template_data, text_of
from casework.notices.model import Delivery, Outcome
from casework.notices.service import Parcel
from wechat.channels import Content, deliver
from wechat.client import WeChatApi
from wechat.errcodes import Disposition

OUTCOMES: Mapping[Disposition, Outcome] = {
    Disposition.done: Outcome.SENT,
    Disposition.retry: Outcome.RETRY,
    Disposition.refresh_token: Outcome.RETRY,
    Disposition.next_channel: Outcome.NEXT,
    Disposition.wait: Outcome.WAIT,
    Disposition.dead_letter: Outcome.DEAD,
    Disposition.halt: Outcome.HALT,
}
REPEATED = "（可能重复）"


class Carrier:
    """Carries parcels through one account's API."""

    def __init__(self, api: WeChatApi, account: Account, public_url: str) -> None:
        self._api = api
        self._account = account
        self._public_url = public_url

    async def carry(self, parcel: Parcel) -> Delivery:
        """Try one channel once; trouble with the platform is an outcome, never an exception."""
        url = f"{self._public_url}{parcel.link}" if parcel.link else None
        text = text_of(parcel.kind, parcel.fields)
        key = KINDS[parcel.kind].template
        template = await self._account.template(key) if key else None
        content = Content(
            template_id=template["template_id"] if template else None,
            data=template_data(parcel.kind, parcel.fields, template["keywords"]) if template else {},
            url=url,
            text=f"{REPEATED}{text}" if parcel.possibly_repeated else text,
        )
        found = await deliver(self._api, parcel.channel, parcel.openid, content, parcel.client_msg_id)
        if found.disposition is Disposition.halt:
            # Nothing that we send helps until somebody mends the account's configuration.
            log = structlog.get_logger()
            log.error("the account is refused", errcode=found.errcode, reason=found.reason, alarm=True)
        return {
            "outcome": Outcome.UNCERTAIN if found.uncertain else OUTCOMES[found.disposition],
            "errcode": found.errcode,
            "reason": found.reason,
            "message_id": found.message_id,
            "mark": found.mark.value if found.mark else None,
        }
