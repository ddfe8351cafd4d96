"""The platform's limits, in one table, and what to tell people who exceed them.

A limit is checked before a call, since the platform names one problem at a time, in English, and counts the
call. Sources: pages under https://developers.weixin.qq.com/doc/service/api/ (official account) and
https://developers.weixin.qq.com/miniprogram/dev/server/API/ (mini program); the page is named at the line.
"""

import re
from collections.abc import Callable, Sized
from dataclasses import dataclass
from enum import Enum
from typing import Any


class Unit(Enum):
    """What a limit counts; the value is its Chinese name."""

    characters = "个字"
    bytes = "字节"
    items = "个"
    seconds = "秒"
    number = ""


def _utf8(value: Any) -> int:
    return len(value if isinstance(value, bytes) else str(value).encode())


_SIZE_OF: dict[Unit, Callable[[Any], int]] = {
    Unit.characters: len,
    Unit.bytes: _utf8,
    Unit.items: len,
    Unit.seconds: int,
    Unit.number: int,
}


@dataclass(frozen=True, slots=True)
class Limit:
    """One line of the table.

    Attributes:
        what: the Chinese name of what is limited.
        least, most: the smallest and the largest size allowed.
        unit: what the size counts.
        allowed: what the whole text must match, or ``None``.
        advice: what to do about a text that does not match, in Chinese.
    """

    what: str
    least: int
    most: int
    unit: Unit
    allowed: re.Pattern[str] | None = None
    advice: str = ""

    def problems(self, value: str | bytes | int | Sized, where: str = "") -> list[str]:
        """Tell what is wrong with a value.

        Args:
            value: the text, bytes, list or number.
            where: put before the name, such as ``第 2 个菜单的``.

        Returns:
            Plain Chinese sentences that say what to do; empty when all is well.
        """
        size = _SIZE_OF[self.unit](value)
        what = f"{where}{self.what}"
        found = []
        if size == 0 < self.least and self.unit in (Unit.characters, Unit.bytes):
            found.append(f"{what}不能为空，请填写")
        elif size < self.least:
            found.append(f"{what}至少 {self._count(self.least)}，现为 {self._count(size)}，请增加")
        elif size > self.most:
            found.append(f"{what}最多 {self._count(self.most)}，现为 {self._count(size)}，请减少")
        if self.allowed is not None and size and not self.allowed.fullmatch(str(value)):
            found.append(f"{what}{self.advice}")
        return found

    def _count(self, size: int) -> str:
        return f"{size} {self.unit.value}".rstrip()


# --- menus: createCustomMenu, addConditionalMenu
MENU_BUTTONS = Limit("一级菜单", 1, 3, Unit.items)
MENU_SUB_BUTTONS = Limit("二级菜单", 1, 5, Unit.items)
MENU_NAME = Limit("名称", 1, 16, Unit.bytes)
MENU_SUB_NAME = Limit("名称", 1, 60, Unit.bytes)
MENU_KEY = Limit("KEY", 1, 128, Unit.bytes)
MENU_URL = Limit("链接", 1, 1024, Unit.bytes, re.compile(r"https?://\S+"), "须以 http:// 或 https:// 开头")
# 个性化菜单: "最多只能设置为跳转到3个域名下的链接" (65316)
MENU_HOSTS = Limit("链接指向的域名", 0, 3, Unit.items)

# --- codes that phones scan: createQRCode, getUnlimitedQRCode
QR_SCENE = Limit("二维码场景值", 1, 64, Unit.characters)
QR_SCENE_NUMBER = Limit("二维码场景值", 1, 2**32 - 1, Unit.number)
QR_PERMANENT_NUMBER = Limit("永久二维码场景值", 1, 100_000, Unit.number)
QR_SECONDS = Limit("临时二维码有效时间", 1, 30 * 86_400, Unit.seconds)
MINI_SCENE = Limit(
    "小程序码场景值",
    1,
    32,
    Unit.characters,
    re.compile(r"[0-9A-Za-z!#$&'()*+,/:;=?@\-._~]*"),
    "只能用数字、英文字母和 !#$&'()*+,/:;=?@-._~",
)
MINI_PAGE = Limit("小程序页面", 0, 128, Unit.bytes, re.compile(r"[^/?][^?]*"), "不能以 / 开头，也不能带参数")
MINI_WIDTH = Limit("小程序码宽度（像素）", 280, 1280, Unit.number)

# --- people and tags: batchUserInfo, updateRemark ("长度必须小于30字节"), createTag, batchTagging
PEOPLE_ASKED = Limit("一次查询的用户", 1, 100, Unit.items)
PEOPLE_TAGGED = Limit("一次处理的用户", 1, 50, Unit.items)
REMARK = Limit("备注名", 0, 29, Unit.bytes)
TAG_NAME = Limit("标签名", 1, 30, Unit.bytes)

# --- messages: sendTemplateMessage, sendCustomMessage
CLIENT_MSG_ID = Limit("消息防重编号", 1, 32, Unit.characters)
CUSTOMER_TEXT = Limit("客服消息", 1, 2048, Unit.bytes)

# --- signing in: 网页授权, "最多128字节"
OAUTH_STATE = Limit("授权状态（state）", 1, 128, Unit.bytes)

# --- content checks: msgSecCheck
CHECKED_TEXT = Limit("待检查的文本", 1, 2500, Unit.characters)

# --- media by type: uploadTempMedia, addMaterial
MEDIA: dict[str, Limit] = {
    "image": Limit("图片", 1, 10 * 1024 * 1024, Unit.bytes),
    "voice": Limit("语音", 1, 2 * 1024 * 1024, Unit.bytes),
    "video": Limit("视频", 1, 10 * 1024 * 1024, Unit.bytes),
    "thumb": Limit("缩略图", 1, 64 * 1024, Unit.bytes),
}
