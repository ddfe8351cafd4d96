"""What each WeChat error code means for whoever sends, as one table.

Sources named in the table:

* ``rules``: the platform rules of this project (``errcode | what the sender does``).
* ``global``: https://developers.weixin.qq.com/doc/oplatform/developers/errCode/errCode.html
* ``login``: https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/user-login/code2Session.html
* ``template``: https://developers.weixin.qq.com/doc/service/api/notify/template/api_sendtemplatemessage.html
* ``customer``: the page sendCustomMessage under https://developers.weixin.qq.com/doc/service/api/
"""

from dataclasses import dataclass
from enum import StrEnum


class Disposition(StrEnum):
    """What the sender does next."""

    done = "done"
    retry = "retry"  # The platform is busy: back off, try the same again.
    refresh_token = "refresh_token"  # noqa: S105 - the name of a step, not a secret.
    next_channel = "next_channel"  # This way to this person is closed: try another.
    wait = "wait"  # A quota or a rate is used up: wait for its window.
    dead_letter = "dead_letter"  # What we sent is wrong: the same again cannot succeed.
    halt = "halt"  # The account or our set-up is wrong: stop sending, raise an alarm.


class Mark(StrEnum):
    """What to note about the person the message was for."""

    unbind = "unbind"  # The openid is dead: remove the binding.
    not_following = "not_following"  # The person does not follow the account.
    blocked = "blocked"  # The person refuses messages from the account.
    no_consent = "no_consent"  # No consent is left: set the credit to zero.
    window_closed = "window_closed"  # The customer-message window of 48 hours or its cap is used up.


@dataclass(frozen=True, slots=True)
class Errcode:
    """One line of the table.

    Attributes:
        code: WeChat's ``errcode``.
        disposition: what the sender does next.
        mark: what to note about the recipient, or ``None``.
        reason: one plain Chinese sentence for operators.
    """

    code: int
    disposition: Disposition
    mark: Mark | None
    reason: str


_D, _M = Disposition, Mark

_LINES = (
    Errcode(0, _D.done, None, "成功"),  # rules; global
    Errcode(-1, _D.retry, None, "微信系统繁忙，稍后自动重试"),  # rules; global
    Errcode(40001, _D.refresh_token, None, "接口凭证无效，已尝试更新"),  # rules; global
    Errcode(40014, _D.refresh_token, None, "接口凭证不合法，已尝试更新"),  # rules; global
    Errcode(42001, _D.refresh_token, None, "接口凭证过期，已尝试更新"),  # rules; global
    Errcode(40003, _D.next_channel, _M.unbind, "用户标识（openid）已失效，解除绑定，改用其他渠道"),  # rules
    Errcode(40013, _D.halt, None, "公众号或小程序的 AppID 不正确，请检查配置"),  # global
    Errcode(40125, _D.halt, None, "AppSecret 不正确，请检查配置或是否已在后台重置"),  # global
    Errcode(40164, _D.halt, None, "服务器地址不在 IP 白名单内，请在公众平台后台添加"),  # rules; global
    Errcode(40029, _D.dead_letter, None, "登录凭证（code）无效或已过期，请重新登录"),  # login
    Errcode(40163, _D.dead_letter, None, "登录凭证（code）已被使用，请重新登录"),  # global
    Errcode(40226, _D.dead_letter, None, "微信判定为高风险用户，登录被拦截"),  # login
    # A template that was removed must not keep the message from its reader, so another channel carries it.
    Errcode(40037, _D.next_channel, None, "模板编号不存在或已被删除，请检查模板设置"),  # template; global
    # The client always attaches a token, so a missing one is a defect of ours and not a stale token.
    Errcode(41001, _D.halt, None, "请求缺少接口凭证，程序有误，请联系维护人员"),  # global
    Errcode(43004, _D.next_channel, _M.not_following, "用户未关注公众号，改用其他渠道"),  # rules; template
    Errcode(50005, _D.next_channel, _M.not_following, "用户未关注公众号，改用其他渠道"),  # rules
    Errcode(43019, _D.next_channel, _M.blocked, "用户拒收公众号消息，改用其他渠道"),  # rules
    Errcode(48002, _D.next_channel, _M.blocked, "用户关闭了接收消息，改用其他渠道"),  # rules; global
    Errcode(43101, _D.next_channel, _M.no_consent, "用户没有剩余的订阅授权，改用其他渠道"),  # rules
    Errcode(45002, _D.dead_letter, None, "消息内容超过长度限制"),  # global; customer
    Errcode(45009, _D.wait, None, "接口当日调用次数已用完，等待额度恢复"),  # rules; global
    Errcode(45011, _D.wait, None, "接口调用太频繁，等待一分钟后再试"),  # rules; global; login
    Errcode(45015, _D.next_channel, _M.window_closed, "超过客服消息的 48 小时时限，改用其他渠道"),  # rules
    Errcode(
        45047, _D.next_channel, _M.window_closed, "客服消息条数已达上限，改用其他渠道"
    ),  # rules; customer
    Errcode(47001, _D.dead_letter, None, "消息格式不正确，不再重试"),  # rules; global
    Errcode(47003, _D.dead_letter, None, "消息字段不符合模板要求，不再重试"),  # rules; template
    Errcode(48001, _D.halt, None, "公众号没有该接口的权限，请检查账号设置"),  # rules; global
    Errcode(48004, _D.halt, None, "接口已被微信封禁，请登录公众平台查看"),  # rules; global
    Errcode(50002, _D.halt, None, "账号受限，可能被冻结或注销，请登录公众平台查看"),  # rules; global
)

ERRCODES: dict[int, Errcode] = {line.code: line for line in _LINES}


def lookup(code: int) -> Errcode:
    """Find what to do about an error code.

    Args:
        code: WeChat's ``errcode``; 0 means success.

    Returns:
        The table's line. A code that the table does not know gives ``next_channel``, because the message must
        still reach its reader, with a reason that names the code.
    """
    known = ERRCODES.get(code)
    if known is not None:
        return known
    return Errcode(code, Disposition.next_channel, None, f"微信返回未登记的错误码 {code}，改用其他渠道")
