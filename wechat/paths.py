"""The platform's paths that this project calls, in one table under one host setting.

Paths that the table does not name still work (wechatpy's endpoint classes bring many more); they get
``DEFAULT_TIMEOUT``, carry a token, and are repeatable only when they are GETs.
"""

from dataclasses import dataclass

#: The host that wechatpy writes into its endpoint classes; every occurrence is replaced by the setting.
PLATFORM_HOST = "https://api.weixin.qq.com"
#: The host of the pictures of parametric QR codes. Source: showQRCode.
PICTURE_HOST = "https://mp.weixin.qq.com"
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
        host: the platform's host that serves it.
    """

    path: str
    method: str
    token: bool = True
    timeout: float = DEFAULT_TIMEOUT
    repeatable: bool = False
    host: str = PLATFORM_HOST


def _reads(path: str, method: str = "GET", timeout: float = DEFAULT_TIMEOUT) -> Path:
    """A path that changes nothing, or sets a whole state: sending it twice does no more than once."""
    return Path(path, method, timeout=timeout, repeatable=True)


_OA = "/cgi-bin/"

# Source of each line: https://developers.weixin.qq.com/doc/service/api/ (official account) and
# https://developers.weixin.qq.com/miniprogram/dev/server/API/ (mini program); the page is named at the line.

# --- what every call needs
STABLE_TOKEN = Path(
    _OA + "stable_token", "POST", token=False, timeout=5, repeatable=True
)  # getStableAccessToken
JSAPI_TICKET = _reads(_OA + "ticket/getticket", timeout=5)  # getTicket
CALLBACK_IPS = _reads(_OA + "getcallbackip")  # getCallbackIp
API_IPS = _reads(_OA + "get_api_domain_ip")  # getApiDomainIp

# --- messages
# A POST, but the same client_msg_id to the same person sends one message within 10 minutes: the client
# repeats it only when that id is present.
TEMPLATE_SEND = Path(_OA + "message/template/send", "POST", timeout=5)  # sendTemplateMessage
SUBSCRIPTION_SEND = Path(_OA + "message/subscribe/bizsend", "POST", timeout=5)  # sendNewSubscribeMsg
NOTICE_SEND = Path(_OA + "message/subscribe/send", "POST", timeout=5)  # sendMessage
CUSTOMER_SEND = Path(_OA + "message/custom/send", "POST", timeout=5)  # sendCustomMessage
CUSTOMER_TYPING = Path(_OA + "message/custom/typing", "POST", timeout=5)  # setTyping

# --- the template library
INDUSTRY_SET = Path(_OA + "template/api_set_industry", "POST")  # setIndustry: once a month
INDUSTRY_GET = _reads(_OA + "template/get_industry")  # getIndustry
TEMPLATE_ADD = Path(_OA + "template/api_add_template", "POST")  # addTemplate: 25 in all
TEMPLATE_LIST = _reads(_OA + "template/get_all_private_template")  # getAllTemplates
TEMPLATE_DELETE = Path(_OA + "template/del_private_template", "POST")  # deleteTemplate

# --- menus
MENU_CREATE = _reads(_OA + "menu/create", "POST")  # createCustomMenu
MENU_GET = _reads(_OA + "menu/get")  # getMenu
MENU_DELETE = _reads(_OA + "menu/delete")  # deleteMenu
MENU_ADD_CONDITIONAL = Path(_OA + "menu/addconditional", "POST")  # addConditionalMenu: 2,000 a day
MENU_DELETE_CONDITIONAL = Path(_OA + "menu/delconditional", "POST")  # deleteConditionalMenu: 2,000 a day
MENU_TRY_MATCH = _reads(_OA + "menu/trymatch", "POST")  # tryMatchMenu

# --- people and tags
USER_INFO = _reads(_OA + "user/info", timeout=5)  # userInfo
USER_INFO_BATCH = _reads(_OA + "user/info/batchget", "POST")  # batchUserInfo
USER_LIST = _reads(_OA + "user/get")  # getFans
USER_REMARK = _reads(_OA + "user/info/updateremark", "POST")  # updateRemark
TAG_CREATE = Path(_OA + "tags/create", "POST")  # createTag
TAG_LIST = _reads(_OA + "tags/get")  # getTags
TAG_RENAME = _reads(_OA + "tags/update", "POST")  # updateTag
TAG_DELETE = Path(_OA + "tags/delete", "POST")  # deleteTag
TAG_USERS = _reads(_OA + "tags/members/batchtagging", "POST")  # batchTagging
UNTAG_USERS = _reads(_OA + "tags/members/batchuntagging", "POST")  # batchUntagging
TAGS_OF_USER = _reads(_OA + "tags/getidlist", "POST")  # getTagidList

# --- codes that phones scan
QR_CREATE = Path(_OA + "qrcode/create", "POST")  # createQRCode: 100,000 permanent ones
QR_PICTURE = Path(
    _OA + "showqrcode", "GET", token=False, repeatable=True, host=PICTURE_HOST
)  # createQRCode, 通过ticket换取二维码
MINI_CODE = _reads("/wxa/getwxacodeunlimit", "POST")  # getUnlimitedQRCode

# --- signing in
# Log-in codes work once: a repeat after a lost answer would only say that the code was used.
CODE_TO_SESSION = Path("/sns/jscode2session", "GET", token=False, timeout=5)  # code2Session
OAUTH_TOKEN = Path("/sns/oauth2/access_token", "GET", token=False, timeout=5)  # snsAccessToken
PHONE_NUMBER = Path("/wxa/business/getuserphonenumber", "POST", timeout=5)  # getPhoneNumber

# --- media
MEDIA_UPLOAD = Path(_OA + "media/upload", "POST", timeout=30)  # uploadTempMedia
MEDIA_GET = _reads(_OA + "media/get", timeout=30)  # getMedia
MATERIAL_ADD = Path(_OA + "material/add_material", "POST", timeout=30)  # addMaterial

# --- content checks
CHECK_TEXT = _reads("/wxa/msg_sec_check", "POST", timeout=5)  # msgSecCheck
CHECK_MEDIA = Path("/wxa/media_check_async", "POST", timeout=5)  # mediaCheckAsync

PATHS: dict[str, Path] = {entry.path: entry for entry in list(vars().values()) if isinstance(entry, Path)}


def find(path: str, method: str) -> Path:
    """Find a path's line in the table.

    Args:
        path: the path under the host, with its leading slash and without a query.
        method: ``GET`` or ``POST``, used for paths that the table does not name.

    Returns:
        The table's line, or a line of defaults.
    """
    return PATHS.get(path) or Path(path, method, repeatable=method == "GET")


def bases(api_base: str) -> dict[str, str]:
    """Say where each of the platform's hosts is.

    Args:
        api_base: the address in place of ``PLATFORM_HOST``. A simulator or a gateway has all paths under one
            address; only the platform itself serves its pictures from another host.

    Returns:
        The address of each host, without a slash at the end.
    """
    base = api_base.rstrip("/")
    return {PLATFORM_HOST: base, PICTURE_HOST: PICTURE_HOST if base == PLATFORM_HOST else base}
