"""The bodies that the control paths accept; the documentation page shows them with their descriptions."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from wechat.simulator.config import CallbackMode, check_aes_key
from wechat.simulator.deeds import Deed
from wechat.simulator.events import KINDS
from wechat.simulator.faults import DropWhen
from wechat.simulator.tokens import AppKind
from wechat.simulator.world import RESETTABLE, Outcome


class Strict(BaseModel):
    """A request body in which an unknown field is a mistake."""

    model_config = ConfigDict(extra="forbid")


class UserBody(Strict):
    """A person: `POST /_sim/users`."""

    nickname: str = Field(min_length=1, max_length=64, description="昵称，显示在模拟手机上")
    name: str | None = Field(None, max_length=64, description="姓名")
    role_hint: str | None = Field(None, max_length=32, description="用来分组的标记，例如 villager、cadre")
    phone: str | None = Field(None, max_length=20, description="手机号，供 getuserphonenumber 返回")
    follow: bool = Field(True, description="是否已经关注（不推送事件）")
    openid: str | None = Field(None, min_length=1, max_length=64, description="公众号里的 openid；不给则生成")
    mp_openid: str | None = Field(
        None, min_length=1, max_length=64, description="小程序里的 openid；不给则生成"
    )
    unionid: str | None = Field(
        None, min_length=1, max_length=64, description="unionid；在两个公众号里给同一个，就是同一个人"
    )


class EventBody(Deed):
    """What a person does: `POST /_sim/events`."""

    openid: str = Field(description="谁：公众号 openid、小程序 openid 或 unionid")
    wait: bool = Field(True, description="false 则不等推送完成，立即答复 202")

    @field_validator("type")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in KINDS:
            raise ValueError(f"must be one of {', '.join(KINDS)}")
        return value


def _rooted(path: str) -> str:
    return path if path.startswith(("/", "*")) else f"/{path}"


Path = Annotated[str, Field(min_length=1, max_length=256), AfterValidator(_rooted)]


class FaultBody(Strict):
    """Something that goes wrong on platform paths: `POST /_sim/faults`."""

    path: Path | Annotated[list[Path], Field(min_length=1, max_length=50)] = Field(
        description="微信接口的路径，可以是几个；以 * 结尾表示前缀，单独的 * 表示全部"
    )
    errcode: int | None = Field(None, description="答复这个错误码，不执行")
    errmsg: str | None = Field(None, description="答复的错误说明；不给则用微信的原文")
    http_status: int | None = Field(None, ge=200, le=599, description="答复这个 HTTP 状态，不执行")
    html: bool = Field(False, description="答复一个 HTML 页面，不执行")
    latency_ms: float = Field(0, ge=0, le=600_000, description="先等这么久（毫秒）；只给这一项则照常执行")
    drop: DropWhen | None = Field(
        None, description="不答复就断开：before（或 true）不执行，after 执行之后才断开"
    )
    refuse: bool = Field(False, description="立即重置连接，不执行")
    silence: bool = Field(False, description="接受连接但永远不答复，不执行")
    rate: float = Field(1, ge=0, le=1, description="每次调用出错的概率")
    times: int | None = Field(None, ge=1, description="出错几次后结束；不给则直到删除")
    until_seconds: float | None = Field(None, gt=0, description="按模拟时钟多少秒后结束")
    appid: str | None = Field(None, description="只影响这个 appid 的调用")

    @field_validator("drop", mode="before")
    @classmethod
    def _when(cls, value: Any) -> Any:
        return {True: "before", False: None}.get(value, value) if isinstance(value, bool) else value

    @model_validator(mode="after")
    def _says_something(self) -> FaultBody:
        if not (
            self.errcode is not None
            or self.http_status is not None
            or self.html
            or self.latency_ms
            or self.drop
            or self.refuse
            or self.silence
        ):
            raise ValueError("give one of errcode, http_status, html, latency_ms, drop, refuse, silence")
        return self


class ClockBody(Strict):
    """How to move the clock: `POST /_sim/clock`, with exactly one of the two."""

    advance_seconds: float | None = Field(None, description="向前拨多少秒；负数向后")
    set: datetime | None = Field(None, description="拨到这个时刻，例如 2026-01-31T09:00:00+08:00")

    @model_validator(mode="after")
    def _one(self) -> ClockBody:
        if (self.advance_seconds is None) == (self.set is None):
            raise ValueError("give either advance_seconds or set")
        if self.set is not None and self.set.tzinfo is None:
            raise ValueError("set needs an offset, for example 2026-01-31T09:00:00+08:00")
        return self


class ReceiptsBody(Strict):
    """What becomes of messages, and how the account hears of it; what is not named goes back to normal."""

    status: Outcome = Field(
        "success",
        description=(
            "success 送达，user block 用户拒收，system failed 系统失败，freq limit 频率限制，"
            "none 送达但没有回执"
        ),
    )
    delay_ms: float = Field(0, ge=0, le=600_000, description="回执晚多少毫秒")
    duplicates: int = Field(0, ge=0, le=100, description="同一回执再重复几次")


def _web_url(value: str | None) -> str | None:
    if value is not None and (urlsplit(value).scheme not in ("http", "https") or not urlsplit(value).netloc):
        raise ValueError("must be an http or https URL")
    return value


class ConfigBody(Strict):
    """What can be changed at run time: `POST /_sim/config`."""

    callback_url: Annotated[str | None, AfterValidator(_web_url)] = Field(
        None, description="公众号的服务器地址；null 则不推送"
    )
    callback_mode: CallbackMode | None = Field(
        None, description="safe 安全模式，compatible 兼容模式，plain 明文模式"
    )
    oa_aes_key: Annotated[str, AfterValidator(check_aes_key)] | None = Field(
        None, description="换一个 EncodingAESKey；用旧密钥加密的回复还会接受一段时间"
    )
    mp_callback_url: Annotated[str | None, AfterValidator(_web_url)] = Field(
        None, description="小程序的服务器地址；null 则不推送"
    )
    latency_ms: float | None = Field(None, ge=0, le=600_000, description="每个微信接口先等这么久（毫秒）")
    receipts: ReceiptsBody | None = Field(None, description="消息的结局和回执")
    oauth_domain: str | None = Field(None, max_length=253, description="网页授权域名；null 则不检查")
    snapshot_users: bool | None = Field(None, description="true 则网页授权发出的 code 都是快照页用户")
    web_pages: dict[str, Annotated[str, AfterValidator(_web_url)]] | None = Field(
        None, description="小程序 appid 和它的网页版地址；模拟手机改为打开这个地址接上页面路径"
    )


class TemplateBody(Strict):
    """A message template: `POST /_sim/templates`."""

    app_id: str | None = Field(None, description="公众号或小程序的 appid；不给则为公众号")
    template_id: str = Field(min_length=1, max_length=128, description="模板 id")
    title: str = Field(max_length=128, description="标题")
    content: str = Field(max_length=4096, description="内容，每行如 编号:{{thing1.DATA}}")
    type: Literal[2, 3] | None = Field(
        None, description="2 一次性订阅，3 长期订阅；不给则模板消息和订阅通知都能用"
    )


def _resettable(part: str) -> str:
    if part not in RESETTABLE:
        raise ValueError(f"must be one of {', '.join(RESETTABLE)}")
    return part


class ResetBody(Strict):
    """What to forget: `POST /_sim/reset`."""

    only: list[Annotated[str, AfterValidator(_resettable)]] | None = Field(
        None, description=f"只清这些；不给则清 tokens 以外的全部。可以是 {'、'.join(RESETTABLE)}"
    )
    seed: int | None = Field(None, description="按概率出错的随机数从这个种子重新开始")


class VerifyBody(Strict):
    """Whose callback URL is asked: `POST /_sim/verify`."""

    app: AppKind = Field("oa", description="oa 公众号，mp 小程序")
