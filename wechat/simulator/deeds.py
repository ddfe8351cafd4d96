"""What somebody does, as data: the words of `/_sim/events`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from wechat.simulator.tokens import AppKind


class Choice(BaseModel):
    """One line of the window in which a person allows subscription notices."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    template_id: str = Field(min_length=1, description="模板 id")
    status: Literal["accept", "reject", "always"] = Field(
        "accept", description="accept 同意一次，reject 取消，always 长期订阅（发送时不消耗）"
    )


class Picture(BaseModel):
    """One picture that a person sends from the menu."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    media_id: str = Field("", description="图片的 MediaId；不给则生成一个")
    pic_url: str = Field("", description="图片链接")


class Deed(BaseModel):
    """What somebody does, as asked for at `/_sim/events`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: str = Field(description="做什么，见“事件”一节")
    key: str = Field("", description="菜单的 key 或网址、小程序页面路径、模板 id")
    content: str = Field("", description="文字内容；扫码结果；订阅时为 accept、reject 或 always")
    scene: str = Field("", description="参数二维码的场景值")
    ticket: str = Field("", description="参数二维码的 ticket（或二维码里的网址），代替 scene")
    latitude: float = Field(0, ge=-90, le=90, description="纬度")
    longitude: float = Field(0, ge=-180, le=180, description="经度")
    label: str = Field("", description="位置的文字说明")
    media_id: str = Field("", description="图片、语音、视频的 MediaId；不给则生成一个")
    thumb_media_id: str = Field("", description="视频缩略图的 MediaId；不给则生成一个")
    pic_url: str = Field("", description="图片链接")
    count: int = Field(1, ge=1, le=9, description="发图菜单：选了几张图片")
    pictures: list[Picture] = Field(
        default_factory=list, max_length=9, description="发图菜单：选了哪些图片，代替 count"
    )
    recognition: str = Field("", description="语音识别结果；空则不带 Recognition")
    title: str = Field("", description="链接消息的标题")
    description: str = Field("", description="链接消息的摘要")
    url: str = Field("", description="链接消息的网址")
    scan_type: Literal["qrcode", "barcode"] = Field("qrcode", description="扫到的是二维码还是条形码")
    menu_id: int = Field(0, ge=0, description="VIEW 事件的 MenuId；不给则为此人看到的菜单")
    templates: list[Choice] = Field(
        default_factory=list, description="一次弹窗里的几个模板，代替 key 和 content"
    )
    popup_scene: int = Field(1, ge=0, le=2, description="弹窗来自：0 小程序，1 网页，2 图文消息")
    app: AppKind = Field("oa", description="oa 公众号，mp 小程序")
    revoke_info: str = Field("205", description="撤回的授权，例如 205 昵称和头像、206 位置")
    trace_id: str = Field("", description="media_check_async 答复的 trace_id")
    suggest: Literal["pass", "review", "risky"] = Field("pass", description="内容检测的建议")
    fields: dict[str, Any] | None = Field(None, description="增加或替换的 XML 字段")
    duplicate: int = Field(0, ge=0, le=100, description="第一次之后再重复推送几次")
    concurrent: bool = Field(False, description="重复的推送同时发出")

    @field_validator("scene", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        # Scene values may be numbers; the platform writes both kinds the same way.
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @property
    def chosen(self) -> list[Picture]:
        """The pictures somebody sends from the menu; without any given, as many as `count` says."""
        return self.pictures or [Picture.model_validate({})] * self.count

    @property
    def choices(self) -> list[Choice]:
        """The templates somebody decides on, whichever way the request names them."""
        if self.templates or not self.key:
            return self.templates
        status = self.content if self.content in ("reject", "always") else "accept"
        return [Choice.model_validate({"template_id": self.key, "status": status})]
