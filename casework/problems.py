"""Everything that can go wrong for a user, as one list of typed problems.

The layer that finds a problem raises it; HTTP turns it into an answer in one place
(`handlers/problems.py`). `code` is stable for programs; `title` tells people what to do.
"""

from collections.abc import Sequence
from typing import Any, ClassVar


class Problem(Exception):
    """Base of all problems.

    `errors` lists wrong fields as ``{"field": dotted path, "message": Chinese sentence}``;
    `extra` holds further members of the answer (never personal data).
    """

    code: ClassVar[str] = "problem"
    default_title: ClassVar[str] = "操作没有完成，请稍后再试。"

    def __init__(
        self, title: str | None = None, *, errors: Sequence[dict[str, str]] = (), **extra: Any
    ) -> None:
        self.title = title or self.default_title
        self.errors = list(errors)
        self.extra = extra
        super().__init__(self.code)


class Malformed(Problem):
    """The request cannot be read at all."""

    code = "malformed"
    default_title = "提交的内容无法读取，请返回重试。"


class InvalidForm(Problem):
    """The request is readable, and some fields are wrong; `errors` names them all."""

    code = "invalid_form"
    default_title = "有几处填写不对，请按提示修改后再提交。"


class NotSignedIn(Problem):
    """No session, or one that is expired, revoked or forged."""

    code = "not_signed_in"
    default_title = "登录已失效，请重新打开小程序登录。填写的内容会保留。"


class BadCode(Problem):
    """A log-in or binding code that is wrong, used or expired."""

    code = "bad_code"
    default_title = "验证码不对或已过期，请重新获取。"


class NotAllowed(Problem):
    """Signed in, but no role of this person may do this."""

    code = "not_allowed"
    default_title = "您没有办理这项业务的权限，如有疑问请联系乡镇管理员。"


class NotFound(Problem):
    """Not there, or outside this person's reach; the two are not told apart."""

    code = "not_found"
    default_title = "没有找到这条记录，可能已被移走或不归您办理。"


class StaleVersion(Problem):
    """Somebody changed the record first; `yours` and `current` are both in the answer."""

    code = "stale_version"
    default_title = "这条记录刚被别人更新过，请对照最新内容后再提交。"


class WrongState(Problem):
    """The step does not fit the state that the record is in."""

    code = "wrong_state"
    default_title = "这一步现在不能办理，请刷新后查看最新进展。"


class KeyReused(Problem):
    """The same Idempotency-Key came with another body."""

    code = "key_reused"
    default_title = "同一次提交的内容前后不一致，请重新打开表单提交。"


class TooLarge(Problem):
    """The body or picture is over its limit."""

    code = "too_large"
    default_title = "内容太大，请减少文字或压缩照片后再提交。"


class NotAPicture(Problem):
    """The upload is no picture that we take, whatever its name says."""

    code = "not_a_picture"
    default_title = "这个文件不是可用的照片，请重新拍照或选择 JPG、PNG 图片。"


class NotARecording(Problem):
    """The upload is no sound that phones record, whatever its name says."""

    code = "not_a_recording"
    default_title = "这段语音的格式不能识别，请在页面里重新录一段。"


class WrongOffset(Problem):
    """A part of a file that does not go on where the file ends so far; `received` bytes are there."""

    code = "wrong_offset"
    default_title = "前面还有没传到的部分，请从断开的地方接着上传。"


class TooOften(Problem):
    """A rate limit; `retry_after` seconds are in the answer."""

    code = "too_often"
    default_title = "操作太频繁，请稍等片刻再试。"


class ClientTooOld(Problem):
    """The client no longer speaks this API; it keeps its queue and asks for an update."""

    code = "client_too_old"
    default_title = "当前版本太旧，请关闭后重新打开以更新。未发送的内容会保留。"


class Away(Problem):
    """A part that we need does not answer just now."""

    code = "away"
    default_title = "系统正忙，请稍后再试。填写的内容不会丢失。"
