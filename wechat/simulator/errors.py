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
    40004: "invalid media type",
    40005: "invalid file type",
    40007: "invalid media_id",
    40008: "invalid message type",
    40009: "invalid image size",
    40010: "invalid voice size",
    40011: "invalid video size",
    40012: "invalid thumb size",
    40013: "invalid appid",
    40014: "invalid access_token",
    40016: "invalid button size",
    40017: "invalid button type",
    40018: "invalid button name size",
    40019: "invalid button key size",
    40020: "invalid button url size",
    40022: "invalid sub button level",
    40023: "invalid sub button size",
    40024: "invalid sub button type",
    40025: "invalid sub button name size",
    40026: "invalid sub button key size",
    40027: "invalid sub button url size",
    40029: "invalid code",
    40030: "invalid refresh_token",
    40031: "invalid openid list",
    40032: "invalid openid list size",
    40035: "invalid parameter",
    40037: "invalid template_id",
    40052: "invalid action name",
    40053: "invalid action info, please check document",
    40054: "invalid sub button url domain",
    40055: "invalid button url domain",
    40066: "invalid url",
    40097: "invalid args",
    40101: "missing parameter",
    40102: "invalid industry id",
    40125: "invalid appsecret",
    40129: "invalid scene",
    40159: "invalid length for path, or the data is not json string",
    40163: "code been used",
    40164: "invalid ip, not in whitelist",
    40165: "invalid weapp pagepath",
    40169: "invalid length for scene, or the data is not json string",
    40226: "code blocked",
    40246: "invalid keyword_name_list",
    41001: "access_token missing",
    41002: "appid missing",
    41003: "missing refresh_token",
    41004: "appsecret missing",
    41005: "media data missing",
    41006: "missing media_id",
    41008: "missing code",
    41009: "missing openid",
    41030: "invalid page",
    42001: "access_token expired",
    42002: "refresh_token expired",
    43001: "require GET method",
    43002: "require POST method",
    43004: "require subscribe",
    43019: "require remove blacklist",
    43100: "change template too frequently",
    43101: "user refuse to accept the msg",
    43104: "appid does not match openid",
    44002: "empty post data",
    44003: "empty news data",
    44004: "empty content",
    45002: "content size out of limit",
    45008: "article size out of limit",
    45009: "reach max api daily quota limit",
    45011: "api minute-quota reach limit, must slower, retry next minute",
    45015: "response out of time limit or subscription is canceled",
    45026: "template num exceeds limit",
    45029: "qrcode count out of limit",
    45047: "out of response count limit",
    45056: "too many tag now, no need to add new",
    45058: "can't modify sys tag",
    45059: "can't add too much tag in one user",
    45072: "invalid command",
    45080: "no interaction with the user in the last 30 seconds",
    45081: "already typing",
    45157: "invalid tag name",
    45158: "tag name too long",
    45159: "invalid tag id",
    46003: "menu no exist",
    46004: "user no exist",
    47001: "data format error",
    47003: "argument invalid!",
    48001: "api unauthorized",
    48002: "user block receive message",
    48004: "api forbidden for irregularities",
    48006: "forbid to clear quota because of reaching the limit",
    49003: "not match appid with openid",
    50002: "user limited",
    50005: "user is unsubscribed",
    61010: "code is expired",
    65301: "no such menuid of a conditional menu",
    65303: "there is no selfmenu, please create selfmenu first",
    65304: "empty match rule",
    65320: "privacy match rule is no longer supported",
    76021: "cgi_path not found, please check",
    76022: "could not use this cgi_path, no permission",
    85005: "appid not bound weapp",
    87009: "invalid signature",
    200012: "private template count out of limit",
    200014: "invalid tid",
    200016: "invalid start",
    200017: "invalid limit",
    200018: "invalid ids",
    200020: "invalid kid list",
    200021: "invalid scene desc",
}


class PlatformError(Exception):
    """An answer of the platform with an error code other than 0.

    Arguments:
        errcode: one of the codes in `ERRMSG`.
        detail: words that replace the table's; WeChat names the wrong field for some codes.

    Raises:
        KeyError: the code is not in the table.
    """

    def __init__(self, errcode: int, detail: str | None = None) -> None:
        super().__init__(errcode)
        self.errcode = errcode
        self.words = detail or ERRMSG[errcode]

    def answer(self) -> dict[str, object]:
        """Return the JSON body; its words end in a request id (`rid`) as the platform's do."""
        return error_answer(self.errcode, self.words)


def error_answer(errcode: int, detail: str | None = None) -> dict[str, object]:
    """Return the JSON body for an error code, known or not."""
    words = detail or ERRMSG.get(errcode, "error")
    rid = secrets.token_hex(4)
    return {"errcode": errcode, "errmsg": f"{words} rid: {rid}-{rid[:4]}-{rid[4:]}"}
