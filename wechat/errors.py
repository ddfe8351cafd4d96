"""What can go wrong between us and the platform, as exceptions that never hold a token or a secret."""

from collections.abc import Iterable

from wechat.errcodes import Disposition, lookup


class WeChatFailure(Exception):
    """Any failed call to the platform.

    Attributes:
        path: the path that was called, without its query.
        errcode: WeChat's code, or ``None`` when the platform gave none.
        disposition: what the sender does next.
        reason: one plain Chinese sentence for operators.
    """

    def __init__(self, path: str, errcode: int | None, disposition: Disposition, reason: str) -> None:
        super().__init__(path, errcode, disposition.value, reason)
        self.path = path
        self.errcode = errcode
        self.disposition = disposition
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.errcode if self.errcode is not None else '-'} {self.reason}"


class WeChatError(WeChatFailure):
    """The platform answered with an error code.

    Args:
        errcode: WeChat's code.
        errmsg: WeChat's words, already redacted.
        path: the path that was called, without its query.
    """

    errcode: int

    def __init__(self, errcode: int, errmsg: str, path: str) -> None:
        known = lookup(errcode)
        super().__init__(path, errcode, known.disposition, known.reason)
        self.errmsg = errmsg
        self.mark = known.mark

    def __str__(self) -> str:
        return f"{self.path}: {self.errcode} {self.errmsg} ({self.reason})"


class WeChatUnreachable(WeChatFailure):
    """No usable answer came: a time-out, a lost connection, a 5xx, or something that is not the API's JSON.

    Args:
        path: the path that was called, without its query.
        kind: ``timeout``, ``connect``, ``dropped``, ``status``, ``not_json``, ``too_large``, or ``shape`` for
            JSON without what the documentation promises.
        sent: whether the request may have reached the platform; ``False`` only when no connection was made.
        status: the HTTP status, when there was one.
    """

    def __init__(self, path: str, kind: str, *, sent: bool = True, status: int | None = None) -> None:
        what = kind if status is None else f"{kind} {status}"
        super().__init__(path, None, Disposition.retry, f"微信接口没有正常应答（{what}）")
        self.kind = kind
        self.sent = sent
        self.status = status


class TokenUnavailable(WeChatFailure):
    """No access token can be had now; ``disposition`` tells whether trying later can help."""


class CallRefused(WeChatFailure):
    """A call that the platform would refuse, stopped here: nothing was sent and no quota was spent.

    Args:
        path: the path that would have been called.
        problems: every problem found, each a plain Chinese sentence that says what to do.
    """

    def __init__(self, path: str, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(path, None, Disposition.dead_letter, "；".join(self.problems))


class SnapshotUser(WeChatFailure):
    """The page is open in WeChat's snapshot mode, whose openid and unionid belong to nobody.

    Source: snsAccessToken, ``is_snapshotuser``.
    """

    def __init__(self, path: str) -> None:
        reason = "当前是网页快照，无法确认身份，请点页面下方“使用完整服务”后再登录"
        super().__init__(path, None, Disposition.dead_letter, reason)
