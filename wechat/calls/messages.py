"""Messages to phones: template messages, subscription notices and customer messages."""

from collections.abc import Mapping
from typing import Any

from wechat import limits, paths
from wechat.calls.caller import Caller, maybe, read, require, text


def _values(data: Mapping[str, str]) -> dict[str, dict[str, str]]:
    return {name: {"value": value} for name, value in data.items()}


class MessageCalls(Caller):
    """Sources: pages under https://developers.weixin.qq.com/doc/service/api/, named at each call."""

    async def send_template(
        self,
        openid: str,
        template_id: str,
        data: Mapping[str, str],
        *,
        url: str | None = None,
        mini_program: Mapping[str, str] | None = None,
        client_msg_id: str | None = None,
    ) -> str:
        """Send a template message.

        Args:
            openid: the recipient in the official account.
            template_id: the account's template.
            data: values by the template's keywords, within the platform's limits (see ``channels.clip``).
            url: opened by a tap, unless there is a mini program.
            mini_program: ``{"appid": …, "pagepath": …}``, opened by a tap.
            client_msg_id: makes the sending idempotent for 10 minutes; only then is it repeated when no
                answer came. At most 32 characters.

        Returns:
            WeChat's message id, as its receipt event names it.

        Source: sendTemplateMessage.
        """
        message: dict[str, Any] = {"touser": openid, "template_id": template_id, "data": _values(data)}
        if url:
            message["url"] = url
        if mini_program:
            message["miniprogram"] = dict(mini_program)
        if client_msg_id:
            require(paths.TEMPLATE_SEND, limits.CLIENT_MSG_ID.problems(client_msg_id))
            message["client_msg_id"] = client_msg_id
        answer = await self.call(paths.TEMPLATE_SEND, message, repeatable=bool(client_msg_id))
        return read(paths.TEMPLATE_SEND, answer, lambda a: text(a["msgid"]))

    async def send_subscription(
        self,
        openid: str,
        template_id: str,
        data: Mapping[str, str],
        *,
        page: str | None = None,
        mini_program: Mapping[str, str] | None = None,
    ) -> None:
        """Send a subscription notice of the official account; it uses up one consent (43101 without).

        It cannot be repeated safely, so a lost answer leaves open whether it arrived.

        Args:
            openid: the recipient in the official account.
            template_id: the account's subscription template.
            data: values by the template's keywords, each of its keyword's type (47003 otherwise).
            page: the address opened by a tap, unless there is a mini program.
            mini_program: ``{"appid": …, "pagepath": …}``, opened by a tap.

        Source: sendNewSubscribeMsg.
        """
        message: dict[str, Any] = {"touser": openid, "template_id": template_id, "data": _values(data)}
        if page:
            message["page"] = page
        if mini_program:
            message["miniprogram"] = dict(mini_program)
        await self.call(paths.SUBSCRIPTION_SEND, message)

    async def send_notice(
        self,
        openid: str,
        template_id: str,
        data: Mapping[str, str],
        *,
        page: str | None = None,
        state: str = "formal",
    ) -> str | None:
        """Send a subscription notice of the mini program; it uses up one consent (43101 without).

        It cannot be repeated safely, so a lost answer leaves open whether it arrived.

        Args:
            openid: the recipient in the mini program.
            template_id: the mini program's subscription template.
            data: values by the template's keywords, each of its keyword's type (47003 otherwise).
            page: the mini program's page with its query, opened by a tap.
            state: which release opens: ``formal``, ``trial`` or ``developer``.

        Returns:
            WeChat's message id, or ``None`` where the platform gives none.

        Source: sendMessage under https://developers.weixin.qq.com/miniprogram/dev/server/API/.
        """
        message: dict[str, Any] = {
            "touser": openid,
            "template_id": template_id,
            "data": _values(data),
            "miniprogram_state": state,
            "lang": "zh_CN",
        }
        if page:
            message["page"] = page
        answer = await self.call(paths.NOTICE_SEND, message)
        return read(paths.NOTICE_SEND, answer, lambda a: maybe(a.get("msgid")))

    async def send_text(self, openid: str, text: str) -> None:
        """Send a customer message: 5 within 48 hours of the person's last message (45015, 45047).

        It cannot be repeated safely, so a lost answer leaves open whether it arrived. This holds for all
        customer messages below.

        Args:
            openid: the recipient in the official account.
            text: at most 2,048 bytes; links are written as ``<a href="…">…</a>``.

        Raises:
            CallRefused: the text is empty or too long.

        Source of this and the next: sendCustomMessage.
        """
        require(paths.CUSTOMER_SEND, limits.CUSTOMER_TEXT.problems(text))
        await self.message.send_text(openid, text)

    async def send_image(self, openid: str, media_id: str) -> None:
        """Send a picture that was uploaded; see ``upload_media``."""
        await self.message.send_image(openid, media_id)

    async def send_mini_program(
        self, openid: str, *, app_id: str, page: str, title: str, thumb_media_id: str
    ) -> None:
        """Send a card that opens a mini program linked to the account.

        Args:
            openid: the recipient in the official account.
            app_id: the mini program.
            page: its page with its query.
            title: the card's title.
            thumb_media_id: the card's picture, uploaded before.
        """
        card = {"title": title, "appid": app_id, "pagepath": page, "thumb_media_id": thumb_media_id}
        await self.message.send_mini_program_page(openid, card)

    async def send_choices(
        self, openid: str, head: str, choices: Mapping[str, str], *, tail: str | None = None
    ) -> None:
        """Send a question with answers to tap; a tap comes back as a text with ``bizmsgmenuid``.

        Args:
            openid: the recipient in the official account.
            head: the words above.
            choices: what each choice says, by the id that comes back.
            tail: the words below.
        """
        menu: dict[str, Any] = {
            "head_content": head,
            "list": [{"id": id_, "content": words} for id_, words in choices.items()],
        }
        if tail:
            menu["tail_content"] = tail
        message = {"touser": openid, "msgtype": "msgmenu", "msgmenu": menu}
        await self.call(paths.CUSTOMER_SEND, message)

    async def set_typing(self, openid: str, typing: bool = True) -> None:
        """Show that an answer is being written, or no longer. Source: setTyping."""
        command = "Typing" if typing else "CancelTyping"
        await self.call(paths.CUSTOMER_TYPING, {"touser": openid, "command": command})
