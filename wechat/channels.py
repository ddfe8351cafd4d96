"""What carries one message to one phone, and what its outcome means for the sender."""

import re
import unicodedata
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from wechat.calls.messages import MessageCalls
from wechat.errcodes import Disposition, Mark
from wechat.errors import WeChatError, WeChatFailure, WeChatUnreachable
from wechat.limits import CUSTOMER_TEXT

ELLIPSIS = "…"


@dataclass(frozen=True, slots=True)
class FieldLimit:
    """How long a value may be, and what shows that it was cut.

    Attributes:
        length: characters.
        tail: the last character of a shortened value; empty for kinds that take no such sign (47003).
    """

    length: int
    tail: str = ELLIPSIS


#: Limits by the kind in a keyword's name (``thing1`` is a ``thing``).
#: Source: the platform rules of this project, "Channels to a phone", and the parameter table of
#: https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/mp-message-management/subscribe-message/sendMessage.html
FIELD_LIMITS: dict[str, FieldLimit] = {
    "thing": FieldLimit(20),
    "phrase": FieldLimit(5, ""),
    "name": FieldLimit(10, ""),
    "character_string": FieldLimit(32, ""),
    "number": FieldLimit(32, ""),
    "letter": FieldLimit(32, ""),
    "phone_number": FieldLimit(17, ""),
    "car_number": FieldLimit(8, ""),
    # These are no free text: cutting by the general limit would only make another wrong value of them.
    "time": FieldLimit(64, ""),
    "date": FieldLimit(64, ""),
    "amount": FieldLimit(32, ""),
}
#: Every other keyword of a template. Source: the platform rules, "fields ≤ 20 characters".
TEMPLATE_LIMIT = FieldLimit(20)

# Emoji and the joiners that build them. The Han characters beyond U+20000, which occur in names, stay.
_EMOJI = re.compile(
    "[\u200d\u20e3\ufe00-\ufe0f\u2300-\u23ff\u2600-\u27bf\u2b00-\u2bff"
    "\U0001f000-\U0001faff\U0001fb00-\U0001fbff\U000e0000-\U000e0fff]"
)


def clip(value: str, limit: int = 20, tail: str = ELLIPSIS) -> str:
    """Make a value fit a field of a template.

    Args:
        value: any text.
        limit: the most characters.
        tail: ends a value that had to be shortened, within the limit.

    Returns:
        One line without emoji and control characters, at most ``limit`` characters.
    """
    value = _EMOJI.sub("", value)
    # Control, format, surrogate and line-separating characters; a line break becomes a blank.
    value = "".join(
        " " if char.isspace() else char
        for char in value
        if char.isspace() or unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co")
    )
    value = " ".join(value.split())
    if len(value) <= limit:
        return value
    return value[: max(limit - len(tail), 0)].rstrip() + tail[:limit]


def clip_field(name: str, value: str) -> str:
    """Make a value fit the kind of its keyword, by ``FIELD_LIMITS``.

    An empty value is refused by the platform (47003), so that it becomes ``-``.

    Args:
        name: the keyword, such as ``thing1`` or ``character_string2``.
        value: any text.
    """
    kind = FIELD_LIMITS.get(name.rstrip("0123456789"), TEMPLATE_LIMIT)
    return clip(value, kind.length, kind.tail) or "-"


def clip_text(text: str, limit: int = CUSTOMER_TEXT.most) -> str:
    """Shorten a customer message to the platform's limit of UTF-8 bytes, cut between characters."""
    encoded = text.encode("utf-8", "ignore")
    if len(encoded) <= limit:
        return encoded.decode()
    return encoded[: limit - len(ELLIPSIS.encode())].decode("utf-8", "ignore") + ELLIPSIS


@dataclass(frozen=True, slots=True)
class Content:
    """One message in the forms that the channels need.

    Attributes:
        template_id: the account's template of the kind that the channel takes, or ``None`` when none is set
            up.
        data: values by the template's keywords; they are clipped when sent.
        url: opened by a tap.
        mini_program: ``{"appid": …, "pagepath": …}``, opened by a tap.
        text: the words of a customer message.
    """

    template_id: str | None
    data: Mapping[str, str] = field(default_factory=dict, repr=False)
    url: str | None = field(default=None, repr=False)
    mini_program: Mapping[str, str] | None = field(default=None, repr=False)
    text: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Delivery:
    """How one try went.

    Attributes:
        disposition: what the sender does next; never ``refresh_token``, which the client has done already.
        errcode: WeChat's code, 0 when sent, ``None`` when the platform gave none.
        reason: one plain Chinese sentence for operators.
        message_id: WeChat's id of the message, when it has one.
        mark: what to note about the recipient.
        uncertain: whether the message may have arrived although no answer came.
    """

    disposition: Disposition
    errcode: int | None
    reason: str
    message_id: str | None = None
    mark: Mark | None = None
    uncertain: bool = False


def _clipped(content: Content) -> dict[str, str]:
    return {name: clip_field(name, value) for name, value in content.data.items()}


async def _template(
    api: MessageCalls, openid: str, content: Content, client_msg_id: str | None
) -> str | None:
    return await api.send_template(
        openid,
        content.template_id or "",
        _clipped(content),
        url=content.url,
        mini_program=content.mini_program,
        client_msg_id=client_msg_id,
    )


async def _subscription(api: MessageCalls, openid: str, content: Content, _client_msg_id: str | None) -> None:
    await api.send_subscription(
        openid,
        content.template_id or "",
        _clipped(content),
        page=content.url,
        mini_program=content.mini_program,
    )


async def _mini_program(api: MessageCalls, openid: str, content: Content, _client_msg_id: str | None) -> None:
    page = (content.mini_program or {}).get("pagepath")
    await api.send_notice(openid, content.template_id or "", _clipped(content), page=page)


async def _customer(api: MessageCalls, openid: str, content: Content, _client_msg_id: str | None) -> None:
    await api.send_text(openid, clip_text(content.text or ""))


@dataclass(frozen=True, slots=True)
class Channel:
    """One line of the table of channels.

    Attributes:
        send: sends one message and gives the platform's id of it, where it has one.
        needs: what of the content it cannot do without, and `missing`: the words when that is not there.
        daily: how many messages an account may send by it in a day in China, or ``None`` without a limit.
        idempotent: whether the same ``client_msg_id`` sends one message within 10 minutes.
    """

    send: Callable[[MessageCalls, str, Content, str | None], Awaitable[str | None]]
    needs: str
    missing: str
    daily: int | None
    idempotent: bool = False


_NO_TEMPLATE = "没有设置消息模板，改用其他渠道"
_NO_SUBSCRIPTION = "没有设置订阅通知模板，改用其他渠道"

#: Sources of the limits: 模板消息 (100,000 a day until an account has as many followers), 客服消息 · 发消息
#: (500,000 a day). Subscription notices are limited by the consents and not by the day.
CHANNELS: Mapping[str, Channel] = {
    "template": Channel(_template, "template_id", _NO_TEMPLATE, daily=100_000, idempotent=True),
    "subscription": Channel(_subscription, "template_id", _NO_SUBSCRIPTION, daily=None),
    "mini_program": Channel(_mini_program, "template_id", _NO_SUBSCRIPTION, daily=None),
    "customer": Channel(_customer, "text", "没有客服消息的文字，改用其他渠道", daily=500_000),
}


async def deliver(
    api: MessageCalls, channel: str, openid: str, content: Content, client_msg_id: str | None
) -> Delivery:
    """Try to bring one message to one phone by one channel.

    Args:
        api: the account's API.
        channel: one of ``CHANNELS``.
        openid: the recipient in the account.
        content: what to say.
        client_msg_id: the same for every try of the same message, at most 32 characters; with it, a template
            message may be tried again for 10 minutes after a lost answer.

    Returns:
        The outcome; trouble with the platform is told here and never raised. A lost answer is ``retry`` on an
        idempotent channel. On the others it is ``next_channel`` with ``uncertain``: the caller first waits
        for a receipt. When no connection was made, nothing was sent and every channel says ``retry``.

    Raises:
        ValueError: for a channel that does not exist.
    """
    way = CHANNELS.get(channel)
    if way is None:
        raise ValueError(f"no such channel: {channel}")
    if not getattr(content, way.needs):
        return Delivery(Disposition.next_channel, None, way.missing)
    try:
        message_id = await way.send(api, openid, content, client_msg_id)
    except WeChatUnreachable as failure:
        if not failure.sent or (way.idempotent and client_msg_id):
            return Delivery(Disposition.retry, None, failure.reason)
        return Delivery(Disposition.next_channel, None, failure.reason, uncertain=True)
    except WeChatFailure as failure:
        # The client has refreshed the token already, so that what is left to do is to come back later.
        stale = failure.disposition is Disposition.refresh_token
        mark = failure.mark if isinstance(failure, WeChatError) else None
        return Delivery(
            Disposition.retry if stale else failure.disposition, failure.errcode, failure.reason, mark=mark
        )
    return Delivery(Disposition.done, 0, "已发送", message_id)
