"""WeChat's error codes, with the words the platform answers.

Source: 全局返回码说明 and the error tables of the single interfaces in the platform's documentation.
"""

from __future__ import annotations

import secrets

ERRMSG: dict[int, str] = {
    -1: "system error",
    40001: "invalid credential, access_token is invalid or not latest",
    40002: "invalid grant_type",
    40003: "invalid openid",
    40008: "invalid message type",
    40013: "invalid appid",
    40014: "invalid access_token",
    40018: "invalid button name size",
    40019: "invalid button key size",
    40016: "invalid button size",
    40020: "invalid button url size",
    40023: "invalid sub button size",
    40029: "invalid code",
    40037: "invalid template_id",
    40066: "invalid url",
    40097: "invalid args",
    40125: "invalid appsecret",
    40163: "code been used",
    40164: "invalid ip, not in whitelist",
    40226: "code blocked",
    41001: "access_token missing",
    41002: "appid missing",
    41004: "appsecret missing",
    41008: "missing code",
    42001: "access_token expired",
    43001: "require GET method",
    43002: "require POST method",
    43004: "require subscribe",
    43019: "require remove blacklist",
    43101: "user refuse to accept the msg",
    44002: "empty post data",
    44004: "empty content",
    45009: "reach max api daily quota limit",
    45011: "api minute-quota reach limit, must slower, retry next minute",
    45015: "response out of time limit or subscription is canceled",
    45026: "template num exceeds limit",
    45047: "out of response count limit",
    46003: "menu no exist",
    47001: "data format error",
    47003: "argument invalid!",
    48001: "api unauthorized",
    48002: "user block receive message",
    48004: "api forbidden for irregularities",
    50002: "user limited",
    50005: "user is unsubscribed",
}


class PlatformError(Exception):
    """An answer of the platform with an error code other than 0.

    Arguments:
        errcode: WeChat's code.
        detail: words that replace the table's; WeChat names the wrong field for some codes.
    """

    def __init__(self, errcode: int, detail: str | None = None) -> None:
        super().__init__(errcode)
        self.errcode = errcode
        self.detail = detail

    def answer(self) -> dict[str, object]:
        """Return the JSON body; its words end in a request id (`rid`) as the platform's do."""
        return error_answer(self.errcode, self.detail)


def error_answer(errcode: int, detail: str | None = None) -> dict[str, object]:
    """Return the JSON body for an error code, known or not."""
    words = detail or ERRMSG.get(errcode, "error")
    rid = secrets.token_hex(4)
    return {"errcode": errcode, "errmsg": f"{words} rid: {rid}-{rid[:4]}-{rid[4:]}"}
