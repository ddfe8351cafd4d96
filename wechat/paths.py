"""The platform's paths that this project calls, in one table under one host setting.

Paths that the table does not name still work (wechatpy's endpoint classes bring many more); they get
``DEFAULT_TIMEOUT``, carry a token, and are repeatable only when they are GETs.
"""

from dataclasses import dataclass

#: The host that wechatpy writes into its endpoint classes; every occurrence is replaced by the setting.
PLATFORM_HOST = "https://api.weixin.qq.com"
DEFAULT_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class Path:
    """One path of the platform.

    Attributes:
        path: the path under the host, with its leading slash.
        method: ``GET`` or ``POST``.
        token: whether the call carries an ``access_token``.
        timeout: seconds for the whole call.
        repeatable: whether the same call may be sent again when nobody knows if the first one arrived.
    """

    path: str
    method: str
    token: bool = True
    timeout: float = DEFAULT_TIMEOUT
    repeatable: bool = False


_OA = "/cgi-bin/"

# Source of each line: https://developers.weixin.qq.com/doc/service/api/ (official account) and
# https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/ (mini program); the page is named at the line.
STABLE_TOKEN = Path(
    _OA + "stable_token", "POST", token=False, timeout=5, repeatable=True
)  # getStableAccessToken
# A POST, but the same client_msg_id to the same person sends one message within 10 minutes: the client
# repeats it only when that id is present.
TEMPLATE_SEND = Path(_OA + "message/template/send", "POST", timeout=5)  # sendTemplateMessage
CUSTOMER_SEND = Path(_OA + "message/custom/send", "POST", timeout=5)  # sendCustomMessage
USER_INFO = Path(_OA + "user/info", "GET", timeout=5, repeatable=True)  # userInfo
# Both log-in codes work once: a repeat after a lost answer would only say that the code was used.
CODE_TO_SESSION = Path("/sns/jscode2session", "GET", token=False, timeout=5)  # code2Session
OAUTH_TOKEN = Path("/sns/oauth2/access_token", "GET", token=False, timeout=5)  # snsAccessToken
OAUTH_USER = Path("/sns/userinfo", "GET", token=False, timeout=5, repeatable=True)  # snsUserInfo
JSAPI_TICKET = Path(_OA + "ticket/getticket", "GET", timeout=5, repeatable=True)  # getTicket
# These only read or set a whole state, so that sending them twice changes nothing more.
MENU_CREATE = Path(_OA + "menu/create", "POST", repeatable=True)  # createCustomMenu
TAG_USERS = Path(_OA + "tags/members/batchtagging", "POST", repeatable=True)  # batchTagging
UNTAG_USERS = Path(_OA + "tags/members/batchuntagging", "POST", repeatable=True)  # batchUntagging
PHONE_NUMBER = Path(
    "/wxa/business/getuserphonenumber", "POST", timeout=5
)  # getPhoneNumber: the code works once
MEDIA_UPLOAD = Path(_OA + "media/upload", "POST", timeout=30)  # uploadTempMedia
MATERIAL_ADD = Path(_OA + "material/add_material", "POST", timeout=30)  # addMaterial

PATHS: dict[str, Path] = {
    entry.path: entry
    for entry in (
        STABLE_TOKEN,
        TEMPLATE_SEND,
        CUSTOMER_SEND,
        USER_INFO,
        CODE_TO_SESSION,
        OAUTH_TOKEN,
        OAUTH_USER,
        JSAPI_TICKET,
        MENU_CREATE,
        TAG_USERS,
        UNTAG_USERS,
        PHONE_NUMBER,
        MEDIA_UPLOAD,
        MATERIAL_ADD,
    )
}


def find(path: str, method: str) -> Path:
    """Find a path's line in the table.

    Args:
        path: the path under the host, with its leading slash and without a query.
        method: ``GET`` or ``POST``, used for paths that the table does not name.

    Returns:
        The table's line, or a line of defaults.
    """
    return PATHS.get(path) or Path(path, method, repeatable=method == "GET")
