"""Joins the outbox to the platform: a parcel becomes a message, an answer becomes an outcome."""

from collections.abc import Mapping

import structlog

from casework.account.service import Account
from casework.notices.kinds import KINDS, template_data, text_of
from casework.notices.model import Delivery, Outcome
from casework.notices.service import Parcel
from handlers.phone import address_of, page_of
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


#: Which of an account's templates a channel takes.
USES = {"template": "template", "subscription": "subscription", "mini_program": "subscription"}


class Carrier:
    """Carries parcels through our accounts' APIs, by app id."""

    def __init__(self, apis: Mapping[str, WeChatApi], account: Account, public_url: str) -> None:
        self._apis = apis
        self._account = account
        self._public_url = public_url

    async def carry(self, parcel: Parcel) -> Delivery:
        """Try one channel once; trouble with the platform is an outcome, never an exception."""
        text = text_of(parcel.kind, parcel.fields)
        key, use = KINDS[parcel.kind].template, USES.get(parcel.channel)
        template = await self._account.template(parcel.app_id, use, key) if key and use else None
        named = "" if parcel.app_id == self._account.oa_app_id else parcel.app_id
        page = page_of(parcel.link) if parcel.channel == "mini_program" and parcel.link else None
        content = Content(
            template_id=template["template_id"] if template else None,
            data=template_data(parcel.kind, parcel.fields, template["keywords"]) if template else {},
            url=address_of(parcel.link, self._public_url, named) if parcel.link else None,
            mini_program={"appid": parcel.app_id, "pagepath": page} if page else None,
            text=f"{REPEATED}{text}" if parcel.possibly_repeated else text,
        )
        api = self._apis[parcel.app_id]
        found = await deliver(api, parcel.channel, parcel.openid, content, parcel.client_msg_id)
        if found.disposition is Disposition.halt:
            # Nothing that we send helps until somebody mends the account's configuration.
            structlog.get_logger().error(
                "the account is refused",
                account=parcel.app_id,
                errcode=found.errcode,
                reason=found.reason,
                alarm=True,
            )
        return {
            "outcome": Outcome.UNCERTAIN if found.uncertain else OUTCOMES[found.disposition],
            "errcode": found.errcode,
            "reason": found.reason,
            "message_id": found.message_id,
            "mark": found.mark.value if found.mark else None,
        }
