"""Every number the simulator enforces, in one table with the page of the platform's documentation it is from.

`PLATFORM` numbers are WeChat's; `MEMORY` numbers are ours and only keep a long-running simulator small.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PlatformLimits:
    """Limits of the real platform. Times are in seconds, lengths in characters."""

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

    # 客服消息 · 发消息
    customer_window_seconds: int = 48 * 3600
    customer_messages_a_window: int = 5

    # 小程序登录 · code2Session; 网页授权 · 通过code换取网页授权access_token
    login_code_seconds: int = 300
    # 手机号快速验证组件 · getPhoneNumber
    phone_code_seconds: int = 300

    # 接收消息 · "微信服务器在五秒内收不到响应会断掉连接，并且重新发起请求，总共重试三次"
    callback_tries: int = 3

    # 自定义菜单 · 创建接口
    menu_buttons: int = 3
    menu_sub_buttons: int = 5
    menu_name_bytes: int = 16
    menu_sub_name_bytes: int = 60
    menu_key_bytes: int = 128
    menu_url_bytes: int = 1024

    # 公众号 · JS-SDK · jsapi_ticket
    ticket_seconds: int = 7200


@dataclass(frozen=True)
class MemoryLimits:
    """Bounds of what is kept in memory; the oldest goes first."""

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
    request_body_bytes: int = 12 * 1024 * 1024


PLATFORM = PlatformLimits()
MEMORY = MemoryLimits()
SECONDS_A_DAY = 86_400
# The platform's days begin at midnight in China, which has kept one offset all year since 1991.
CHINA_OFFSET_SECONDS = 8 * 3600


def china_day(instant: float) -> int:
    """Return the number of the day in China that holds `instant` (unix seconds)."""
    return int((instant + CHINA_OFFSET_SECONDS) // SECONDS_A_DAY)
