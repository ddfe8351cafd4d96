"""What each WeChat error code means for whoever sends, as one table.

Sources named in the table:

* ``rules``: the platform rules of this project (``errcode | what the sender does``).
* ``global``: https://developers.weixin.qq.com/doc/oplatform/developers/errCode/errCode.html
* ``login``: https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/user-login/code2Session.html
* ``template``: https://developers.weixin.qq.com/doc/service/api/notify/template/api_sendtemplatemessage.html
* ``customer``: the page sendCustomMessage under https://developers.weixin.qq.com/doc/service/api/
* ``notice``: its page sendNewSubscribeMsg, and sendMessage of the mini program.
* ``menu``: its pages createCustomMenu and addConditionalMenu.
* ``tag``: its pages createTag, updateTag, deleteTag, batchTagging and batchUserInfo.
* ``media``: its pages uploadTempMedia, getMedia and addMaterial.
* ``token``: its page getAccessToken.
* ``page``: the table of error numbers in its guide to 网页授权; WeChat shows them to the person who signs in.
* ``code``: https://developers.weixin.qq.com/miniprogram/dev/server/API/qrcode-link/qr-code/api_getunlimitedqrcode
* ``check``: https://developers.weixin.qq.com/miniprogram/dev/server/API/sec-center/sec-check/api_msgseccheck
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

_MESSAGES = (
    Errcode(0, _D.done, None, "成功"),  # rules; global
    Errcode(-1, _D.retry, None, "微信系统繁忙，稍后自动重试"),  # rules; global
    Errcode(40001, _D.refresh_token, None, "接口凭证无效，已尝试更新"),  # rules; global
    Errcode(40014, _D.refresh_token, None, "接口凭证不合法，已尝试更新"),  # rules; global
    Errcode(42001, _D.refresh_token, None, "接口凭证过期，已尝试更新"),  # rules; global
    Errcode(40003, _D.next_channel, _M.unbind, "用户标识（openid）已失效，解除绑定，改用其他渠道"),  # rules
    Errcode(40013, _D.halt, None, "公众号或小程序的 AppID 不正确，请检查配置"),  # global
    Errcode(40125, _D.halt, None, "AppSecret 不正确，请检查配置或是否已在后台重置"),  # global
    Errcode(40164, _D.halt, None, "服务器地址不在 IP 白名单内，请在公众平台后台添加"),  # rules; global
    # A template that was removed must not keep the message from its reader, so another channel carries it.
    Errcode(40037, _D.next_channel, None, "模板编号不存在或已被删除，请检查模板设置"),  # template; global
    # The client always attaches a token, so a missing one is a defect of ours and not a stale token.
    Errcode(41001, _D.halt, None, "请求缺少接口凭证，程序有误，请联系维护人员"),  # global
    Errcode(43004, _D.next_channel, _M.not_following, "用户未关注公众号，改用其他渠道"),  # rules; template
    Errcode(50005, _D.next_channel, _M.not_following, "用户未关注公众号，改用其他渠道"),  # rules
    Errcode(43019, _D.next_channel, _M.blocked, "用户拒收公众号消息，改用其他渠道"),  # rules
    Errcode(48002, _D.next_channel, _M.blocked, "用户关闭了接收消息，改用其他渠道"),  # rules; global
    Errcode(43101, _D.next_channel, _M.no_consent, "用户没有剩余的订阅授权，改用其他渠道"),  # rules
    # As above: a wrong page or a closed way must not keep the message from its reader.
    Errcode(40165, _D.next_channel, None, "消息里的小程序页面不存在，请检查设置，改用其他渠道"),  # template
    Errcode(
        41030, _D.next_channel, None, "小程序页面不存在或没有发布，请检查设置，改用其他渠道"
    ),  # notice; code
    Errcode(43107, _D.next_channel, None, "订阅消息能力被封禁，请登录公众平台查看，改用其他渠道"),  # notice
    Errcode(43108, _D.retry, None, "同一用户的消息发送太密，稍后自动重试"),  # notice
    Errcode(45168, _D.next_channel, None, "消息含有敏感词，改用其他渠道"),  # notice
    Errcode(40008, _D.dead_letter, None, "消息类型不正确"),  # global; customer
    Errcode(40102, _D.dead_letter, None, "模板的所属行业不正确"),  # global
    Errcode(43100, _D.wait, None, "所属行业每月只能修改一次，请下月再改"),  # global
    Errcode(40246, _D.dead_letter, None, "模板库里没有所选的关键词，请重新选择"),  # template
    Errcode(44002, _D.dead_letter, None, "请求内容为空"),  # global
    Errcode(44003, _D.dead_letter, None, "图文消息内容为空"),  # global
    Errcode(44004, _D.dead_letter, None, "文本消息内容为空"),  # global; customer
    Errcode(45026, _D.dead_letter, None, "模板已达 25 个，请先删除不用的"),  # global
    Errcode(45027, _D.dead_letter, None, "模板与账号的所属行业不符"),  # global
    Errcode(45028, _D.wait, None, "群发次数已用完，等待额度恢复"),  # global
    Errcode(45072, _D.dead_letter, None, "输入状态的命令不正确"),  # customer
    Errcode(45080, _D.dead_letter, None, "用户 30 秒内没有发来消息，不能显示输入状态"),  # customer
    Errcode(45081, _D.dead_letter, None, "已经在显示输入状态"),  # customer
    Errcode(48008, _D.halt, None, "公众号没有发送该类消息的权限，请检查账号设置"),  # global
    Errcode(45002, _D.dead_letter, None, "消息内容超过长度限制"),  # global; customer
    Errcode(45008, _D.dead_letter, None, "图文消息超过条数限制"),  # global; customer
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

# The set-up of the account or of this software.
_SET_UP = (
    Errcode(40002, _D.halt, None, "凭证类型（grant_type）不正确，程序有误，请联系维护人员"),  # global
    Errcode(40066, _D.halt, None, "接口地址不存在，请检查接口域名设置"),  # global
    Errcode(40101, _D.halt, None, "请求缺少参数，程序有误，请联系维护人员"),  # global
    Errcode(41009, _D.halt, None, "请求缺少用户标识（openid），程序有误，请联系维护人员"),  # global
    Errcode(41002, _D.halt, None, "请求缺少 AppID，请检查配置"),  # global
    Errcode(41004, _D.halt, None, "请求缺少 AppSecret，请检查配置"),  # global
    Errcode(43001, _D.halt, None, "接口须用 GET 请求，程序有误，请联系维护人员"),  # global
    Errcode(43002, _D.halt, None, "接口须用 POST 请求，程序有误，请联系维护人员"),  # global
    Errcode(43003, _D.halt, None, "接口须用 HTTPS 访问，请检查接口域名设置"),  # global
    Errcode(50001, _D.halt, None, "账号没有把该接口授权给本服务，请检查账号设置"),  # global
    Errcode(89501, _D.halt, None, "服务器地址正在等待公众号管理员确认"),  # token
    Errcode(89503, _D.halt, None, "服务器地址调用接口需要公众号管理员确认，请联系管理员"),  # token
    Errcode(89506, _D.halt, None, "管理员 24 小时内两次拒绝了服务器地址，请等 24 小时后再试"),  # token
    Errcode(89507, _D.halt, None, "管理员 1 小时内拒绝了服务器地址，请等 1 小时后再试"),  # token
)

# Signing in: in a page of the official account, or in the mini program.
_SIGNING_IN = (
    Errcode(10003, _D.halt, None, "回调地址的域名与公众平台后台的“网页授权域名”不一致"),  # page
    Errcode(10004, _D.halt, None, "公众号已被封禁，请登录公众平台查看"),  # page
    Errcode(10005, _D.halt, None, "公众号没有该网页授权范围（scope）的权限"),  # page
    Errcode(10006, _D.dead_letter, None, "请先关注该测试号再登录"),  # page
    Errcode(10009, _D.wait, None, "登录操作太频繁，请稍后再试"),  # page
    Errcode(10010, _D.halt, None, "授权链接缺少授权范围（scope），程序有误，请联系维护人员"),  # page
    Errcode(10011, _D.halt, None, "授权链接缺少回调地址（redirect_uri），程序有误，请联系维护人员"),  # page
    Errcode(10012, _D.halt, None, "授权链接缺少 AppID，请检查配置"),  # page
    Errcode(10013, _D.halt, None, "授权链接缺少状态（state），程序有误，请联系维护人员"),  # page
    Errcode(10015, _D.halt, None, "公众号没有授权第三方平台，请检查授权状态"),  # page
    Errcode(10016, _D.halt, None, "网页授权须用公众号的 AppID，请检查配置"),  # page
    Errcode(40029, _D.dead_letter, None, "登录凭证（code）无效或已过期，请重新登录"),  # login; global
    Errcode(40030, _D.dead_letter, None, "网页授权的刷新凭证无效，请重新登录"),  # global
    Errcode(40163, _D.dead_letter, None, "登录凭证（code）已被使用，请重新登录"),  # global
    Errcode(40226, _D.dead_letter, None, "微信判定为高风险用户，登录被拦截"),  # login
    Errcode(41003, _D.dead_letter, None, "缺少网页授权的刷新凭证，请重新登录"),  # global
    Errcode(41008, _D.dead_letter, None, "缺少登录凭证（code），请重新登录"),  # global
    Errcode(42002, _D.dead_letter, None, "网页授权的刷新凭证已过期，请重新登录"),  # global
    Errcode(42003, _D.dead_letter, None, "登录凭证（code）已超时，请重新登录"),  # global
    Errcode(42007, _D.dead_letter, None, "用户修改了微信密码，授权失效，请重新登录"),  # global
)

_MENUS = (
    Errcode(40015, _D.dead_letter, None, "菜单类型不正确"),  # menu; global
    Errcode(40016, _D.dead_letter, None, "一级菜单须为 1 至 3 个"),  # menu; global
    Errcode(40017, _D.dead_letter, None, "菜单按钮类型不正确"),  # menu; global
    Errcode(40018, _D.dead_letter, None, "菜单名称为空或超过 16 字节"),  # menu; global
    Errcode(40019, _D.dead_letter, None, "菜单的 KEY 为空或超过 128 字节"),  # menu; global
    Errcode(40020, _D.dead_letter, None, "菜单链接为空或超过 1024 字节"),  # menu; global
    Errcode(40022, _D.dead_letter, None, "菜单最多两级"),  # global
    Errcode(40023, _D.dead_letter, None, "二级菜单须为 1 至 5 个"),  # menu; global
    Errcode(40024, _D.dead_letter, None, "二级菜单按钮类型不正确"),  # global
    Errcode(40025, _D.dead_letter, None, "二级菜单名称为空或超过 60 字节"),  # global
    Errcode(40026, _D.dead_letter, None, "二级菜单的 KEY 为空或超过 128 字节"),  # global
    Errcode(40027, _D.dead_letter, None, "二级菜单链接为空或超过 1024 字节"),  # global
    Errcode(40039, _D.dead_letter, None, "链接长度不符合要求"),  # global
    Errcode(40048, _D.dead_letter, None, "链接的域名不符合要求"),  # global
    Errcode(40054, _D.dead_letter, None, "二级菜单链接的域名不符合要求"),  # global
    Errcode(40055, _D.dead_letter, None, "菜单链接的域名不符合要求"),  # global
    Errcode(40119, _D.dead_letter, None, "菜单按钮类型不正确"),  # global
    Errcode(40120, _D.dead_letter, None, "二级菜单按钮类型不正确"),  # global
    Errcode(41007, _D.dead_letter, None, "缺少二级菜单"),  # global
    Errcode(45010, _D.dead_letter, None, "菜单个数超过限制"),  # global
    Errcode(85005, _D.dead_letter, None, "小程序没有与公众号关联，请先在公众平台关联"),  # menu
    Errcode(45064, _D.dead_letter, None, "菜单里的小程序没有与公众号关联，请先在公众平台关联"),  # menu
    Errcode(46002, _D.dead_letter, None, "菜单版本不存在"),  # global
    Errcode(46003, _D.dead_letter, None, "还没有设置菜单"),  # menu; global
    Errcode(65301, _D.dead_letter, None, "个性化菜单不存在，可能已被删除"),  # menu; global
    Errcode(65302, _D.dead_letter, None, "没有这个用户"),  # menu; global
    Errcode(65303, _D.dead_letter, None, "没有默认菜单，请先发布默认菜单"),  # menu; global
    Errcode(65304, _D.dead_letter, None, "个性化菜单缺少匹配条件"),  # menu; global
    Errcode(65305, _D.dead_letter, None, "个性化菜单数量已达上限，请先删除不用的"),  # menu; global
    Errcode(65306, _D.halt, None, "账号不支持个性化菜单，请检查账号认证"),  # menu; global
    Errcode(65307, _D.dead_letter, None, "个性化菜单内容为空"),  # menu; global
    Errcode(65308, _D.dead_letter, None, "个性化菜单里有按钮没有类型"),  # menu; global
    Errcode(65309, _D.halt, None, "个性化菜单已被关闭，请登录公众平台查看"),  # menu; global
    Errcode(65316, _D.dead_letter, None, "个性化菜单的链接最多指向 3 个域名"),  # menu; global
    Errcode(65317, _D.dead_letter, None, "菜单链接不正确"),  # menu; global
    Errcode(65318, _D.dead_letter, None, "菜单里的按钮不允许使用"),  # menu
    Errcode(65320, _D.dead_letter, None, "个性化菜单只能按标签匹配，请去掉其他条件"),  # rules; menu
)

_PEOPLE = (
    Errcode(40031, _D.dead_letter, None, "用户列表不正确"),  # global
    Errcode(40032, _D.dead_letter, None, "一次处理的用户数不符合限制"),  # tag; global
    Errcode(45056, _D.dead_letter, None, "标签已达 100 个，请先删除不用的"),  # tag
    Errcode(45057, _D.dead_letter, None, "标签下超过 10 万人，请先取消他们的标签再删除"),  # tag
    Errcode(45058, _D.dead_letter, None, "不能修改系统默认的标签"),  # tag
    Errcode(45059, _D.dead_letter, None, "有用户身上的标签已达 20 个"),  # tag
    Errcode(45157, _D.dead_letter, None, "标签名不合法，或与其他标签重名"),  # tag
    Errcode(45158, _D.dead_letter, None, "标签名超过 30 字节"),  # tag
    Errcode(45159, _D.dead_letter, None, "标签不存在，可能已被删除"),  # tag
    Errcode(46004, _D.dead_letter, None, "用户不存在"),  # global
    Errcode(49003, _D.dead_letter, None, "用户不属于这个公众号"),  # tag
)

_MEDIA = (
    Errcode(40004, _D.dead_letter, None, "媒体文件类型不支持"),  # media; global
    Errcode(40005, _D.dead_letter, None, "文件格式不支持"),  # media; global
    Errcode(40006, _D.dead_letter, None, "文件大小不符合要求"),  # media; global
    Errcode(40007, _D.dead_letter, None, "媒体文件不存在，或已超过 3 天"),  # media; global
    Errcode(40009, _D.dead_letter, None, "图片大小不符合要求"),  # media; global
    Errcode(40010, _D.dead_letter, None, "语音大小不符合要求"),  # global
    Errcode(40011, _D.dead_letter, None, "视频大小不符合要求"),  # global
    Errcode(40012, _D.dead_letter, None, "缩略图大小不符合要求"),  # global
    Errcode(40113, _D.dead_letter, None, "文件格式不支持"),  # global
    Errcode(40118, _D.dead_letter, None, "媒体文件编号的长度不正确"),  # global
    Errcode(40121, _D.dead_letter, None, "媒体文件编号的类型不正确"),  # global
    Errcode(40137, _D.dead_letter, None, "图片格式不支持"),  # global
    Errcode(41005, _D.dead_letter, None, "没有收到文件内容，请重新上传"),  # media; global
    Errcode(41006, _D.dead_letter, None, "缺少媒体文件编号"),  # global
    Errcode(44001, _D.dead_letter, None, "文件内容为空，请重新选择"),  # global
    Errcode(45001, _D.dead_letter, None, "文件超过大小限制"),  # media; global
    Errcode(45007, _D.dead_letter, None, "语音超过 60 秒"),  # global
    Errcode(46001, _D.dead_letter, None, "媒体文件不存在"),  # global
)

_CODES_AND_CHECKS = (
    Errcode(40035, _D.dead_letter, None, "参数不正确"),  # global
    Errcode(40052, _D.dead_letter, None, "二维码类型不正确"),  # global
    Errcode(40053, _D.dead_letter, None, "二维码场景值不正确"),  # global
    Errcode(40097, _D.dead_letter, None, "参数不正确"),  # code; global
    Errcode(40159, _D.dead_letter, None, "小程序页面路径的长度不正确"),  # code
    Errcode(40169, _D.dead_letter, None, "小程序码的场景值长度不正确"),  # code
    Errcode(45029, _D.dead_letter, None, "二维码数量已达上限"),  # code
    Errcode(85096, _D.dead_letter, None, "小程序码不能带 scancode_time 参数"),  # code
    Errcode(40129, _D.dead_letter, None, "内容检查的场景值不正确"),  # check
    Errcode(43104, _D.dead_letter, None, "用户不属于这个小程序，内容检查无法进行"),  # check
    Errcode(61010, _D.dead_letter, None, "用户近两小时没有打开过小程序，内容须由人工审核"),  # check
    Errcode(87014, _D.dead_letter, None, "内容含有违法违规信息"),  # check
)

ERRCODES: dict[int, Errcode] = {
    line.code: line
    for line in (*_MESSAGES, *_SET_UP, *_SIGNING_IN, *_MENUS, *_PEOPLE, *_MEDIA, *_CODES_AND_CHECKS)
}


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
