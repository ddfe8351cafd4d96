"""Every number the simulator enforces, in one table with the page of the platform's documentation it is from.

`PLATFORM` numbers are WeChat's; `MEMORY` numbers are ours and only keep a long-running simulator small.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

# What a person does that lets the account write to them for a while.
Interaction = Literal["message", "menu", "subscribe", "scan"]


@dataclass(frozen=True)
class PlatformLimits:
    """Limits of the real platform. Times are in seconds, lengths in characters unless named in bytes."""

    # 开放接口 · 接口调用凭证 · 获取稳定版接口调用凭据 (getStableAccessToken)
    token_seconds: int = 7200
    token_renewal_seconds: int = 300
    token_overlap_seconds: int = 300
    forced_refreshes_a_day: int = 20
    forced_refresh_interval_seconds: int = 30
    token_characters: int = 512

    # 模板消息 · 发送模板消息, and 关于规范公众号模板消息的公告 (first and remark gone since 2023-05)
    template_value_characters: int = 20
    template_idempotency_seconds: int = 600
    templates_an_account: int = 25

    # 订阅通知: a long-term template's consent is not used up; this many are more than anybody sends
    long_term_consents: int = 1_000_000_000

    # 订阅消息 · 选用模板 (addMessageTemplate)
    notices_an_account: int = 25
    notice_keywords_least: int = 2
    notice_keywords_most: int = 5
    notice_scene_characters: int = 15

    # 客服消息 · 发送客服消息 (sendCustomMessage), 全局返回码 45002 and 45008
    customer_text_bytes: int = 2048
    customer_articles: int = 1
    # 客服消息 · 客服输入状态 (setTyping): 45080 names the time, the state lasts 15 s on the phone
    typing_after_seconds: int = 30
    typing_seconds: int = 15

    # 小程序登录 · code2Session; 网页授权 · 通过code换取网页授权access_token
    login_code_seconds: int = 300
    # 网页授权 · 刷新access_token: "refresh_token有效期为30天"
    refresh_token_seconds: int = 30 * 86_400
    # 手机号快速验证组件 · getPhoneNumber
    phone_code_seconds: int = 300

    # 接收消息 · "微信服务器在五秒内收不到响应会断掉连接，并且重新发起请求，总共重试三次"
    callback_tries: int = 3
    # 消息加解密说明 · 开发者FAQ: the previous EncodingAESKey stays in use; for how long is not said
    previous_aes_key_seconds: int = 600
    # 网页授权 · 第一步, 参数说明: state
    oauth_state_bytes: int = 128

    # 自定义菜单 · 创建接口
    menu_buttons: int = 3
    menu_sub_buttons: int = 5
    menu_name_bytes: int = 16
    menu_sub_name_bytes: int = 60
    menu_key_bytes: int = 128
    menu_url_bytes: int = 1024

    # 公众号 · JS-SDK · jsapi_ticket
    ticket_seconds: int = 7200

    # 标签管理 · 创建标签, 批量为用户打标签; 用户管理 · 拉黑用户, 批量获取用户基本信息, 获取用户列表
    tags_an_account: int = 100
    tag_name_bytes: int = 30
    tags_a_person: int = 20
    tagged_a_call: int = 50
    blacklisted_a_call: int = 20
    infos_a_call: int = 100
    followers_a_page: int = 10_000
    # 用户管理 · 设置用户备注名: shorter than 30 characters
    remark_characters: int = 29

    # 账号管理 · 生成带参数的二维码 (createQRCode)
    qr_seconds: int = 60
    qr_seconds_most: int = 30 * 86_400
    qr_permanent: int = 100_000
    qr_scene_id: int = 2**32 - 1
    qr_permanent_scene_id: int = 100_000
    qr_scene_characters: int = 64

    # 素材管理 · 新增临时素材 (uploadTempMedia), 获取永久素材列表 (batchGetMaterial)
    media_seconds: int = 3 * 86_400
    materials_a_page: int = 20

    # 小程序码 · getUnlimitedQRCode, getQRCode, createQRCode
    code_scene_characters: int = 32
    code_path_characters: int = 1024
    code_width_least: int = 280
    code_width_most: int = 1280
    code_width: int = 430
    codes_in_all: int = 100_000

    # 小程序 · 内容安全 · msgSecCheck, mediaCheckAsync: the person was in the mini program within two hours
    check_characters: int = 2500
    check_active_seconds: int = 7200

    # openApi管理 · 重置API调用次数 (clearQuota)
    quota_clearings_a_month: int = 10


@dataclass(frozen=True)
class MemoryLimits:
    """Bounds of what is kept in memory; the oldest goes first."""

    people: int = 200_000
    faults: int = 1_000
    entries_a_person: int = 10_000
    entries_in_all: int = 200_000
    calls_a_path: int = 1_000
    call_paths: int = 200
    call_body_bytes: int = 65_536
    codes: int = 10_000
    tokens: int = 1_000
    idempotency_keys: int = 500_000
    receipts_waiting: int = 200_000
    stream_events: int = 1_000
    qr_codes: int = 200_000
    media: int = 10_000
    media_bytes: int = 64 * 1024 * 1024
    sessions: int = 100_000
    quota_counters: int = 200_000
    request_body_bytes: int = 12 * 1024 * 1024


PLATFORM = PlatformLimits()
MEMORY = MemoryLimits()


@dataclass(frozen=True)
class Window:
    """How many customer messages the account may send within how many seconds of something."""

    messages: int
    seconds: int


# Source: 发送客服消息 (sendCustomMessage), 各场景的客服消息下发规则. Each has its own allowance,
# and doing the same again renews it.
CUSTOMER_WINDOWS: dict[Interaction, Window] = {
    "message": Window(5, 48 * 3600),
    "menu": Window(3, 60),
    "subscribe": Window(3, 60),
    "scan": Window(3, 60),
}


@dataclass(frozen=True)
class Quota:
    """How often a path may be called by one application (or, for log-ins, for one person).

    Arguments:
        daily: calls in a day of China's (45009 beyond), None for no limit.
        minute: calls in a minute.
        minute_errcode: what is answered beyond `minute`.
    """

    daily: int | None = None
    minute: int | None = None
    minute_errcode: int = 45011


# Source: 接口调用频次限制说明 unless a page is named. Paths that are not here have no published limit.
QUOTAS: dict[str, Quota] = {
    # 获取稳定版接口调用凭据, 注意事项
    "/cgi-bin/stable_token": Quota(daily=500_000, minute=10_000),
    "/cgi-bin/token": Quota(daily=2_000),
    "/cgi-bin/menu/create": Quota(daily=1_000),
    "/cgi-bin/menu/get": Quota(daily=10_000),
    "/cgi-bin/menu/delete": Quota(daily=1_000),
    # 创建个性化菜单, 删除个性化菜单, 测试个性化菜单匹配结果
    "/cgi-bin/menu/addconditional": Quota(daily=2_000),
    "/cgi-bin/menu/delconditional": Quota(daily=2_000),
    "/cgi-bin/menu/trymatch": Quota(daily=20_000),
    # Tags took the place of groups and kept their limits.
    "/cgi-bin/tags/create": Quota(daily=1_000),
    "/cgi-bin/tags/get": Quota(daily=1_000),
    "/cgi-bin/tags/update": Quota(daily=1_000),
    "/cgi-bin/tags/members/batchtagging": Quota(daily=100_000),
    "/cgi-bin/tags/members/batchuntagging": Quota(daily=100_000),
    "/cgi-bin/user/get": Quota(daily=500),
    "/cgi-bin/user/info": Quota(daily=5_000_000),
    "/cgi-bin/user/info/batchget": Quota(daily=5_000_000),
    "/cgi-bin/user/info/updateremark": Quota(daily=10_000),
    "/cgi-bin/qrcode/create": Quota(daily=100_000),
    "/cgi-bin/media/upload": Quota(daily=100_000),
    "/cgi-bin/media/get": Quota(daily=200_000),
    "/cgi-bin/message/custom/send": Quota(daily=500_000),
    # 发送模板消息: the limit of an account with fewer than 100,000 followers
    "/cgi-bin/message/template/send": Quota(daily=100_000),
    # 发送订阅消息 (小程序): the limit without payment
    "/cgi-bin/message/subscribe/send": Quota(daily=10_000_000),
    # code2Session: for each user
    "/sns/jscode2session": Quota(minute=100),
    # 获取不限制的小程序码: "45009 调用分钟频率受限(5000次/分钟)"
    "/wxa/getwxacodeunlimit": Quota(minute=5_000, minute_errcode=45009),
    # 文本内容安全识别, 音视频内容安全识别
    "/wxa/msg_sec_check": Quota(daily=2_000_000, minute=4_000),
    "/wxa/media_check_async": Quota(daily=200_000, minute=2_000),
}
SECONDS_A_DAY = 86_400
# The platform's days begin at midnight in China, which has kept one offset all year since 1991.
CHINA_OFFSET_SECONDS = 8 * 3600


def china_month(instant: float) -> tuple[int, int]:
    """Return the year and month in China that hold `instant` (unix seconds)."""
    there = datetime.fromtimestamp(instant + CHINA_OFFSET_SECONDS, UTC)
    return there.year, there.month


def china_day(instant: float) -> int:
    """Return the number of the day in China that holds `instant` (unix seconds)."""
    return int((instant + CHINA_OFFSET_SECONDS) // SECONDS_A_DAY)
