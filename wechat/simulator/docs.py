"""`/_docs`: everything an integrator needs, written from the tables that the simulator itself runs on."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lxml import etree
from pydantic import BaseModel

from wechat.simulator import control, errors, knobs
from wechat.simulator.base import WorldHandler
from wechat.simulator.config import Clock, SimulatorConfig
from wechat.simulator.deeds import Deed
from wechat.simulator.doing import messages
from wechat.simulator.endpoints import ENDPOINTS, Endpoint
from wechat.simulator.events import KINDS, Kind
from wechat.simulator.knobs import MEDIA_ID
from wechat.simulator.limits import PLATFORM, QUOTAS
from wechat.simulator.page import PAGE_POLICY
from wechat.simulator.wire import to_xml
from wechat.simulator.world import World

TOKENS = {"oa": "公众号", "mp": "小程序", "any": "公众号或小程序", None: "不需要"}
TYPES = {
    "string": "文字",
    "integer": "整数",
    "number": "数字",
    "boolean": "true / false",
    "array": "列表",
    "object": "对象",
}
# The people of the examples; nobody's real ids.
SAMPLE_IDS = {
    "openid": "oOA-example-openid-00000001",
    "mp_openid": "oMP-example-openid-00000001",
    "unionid": "oUN-example-unionid-0000001",
}
METHODS = ("GET", "POST", "DELETE")


@dataclass(frozen=True)
class Field:
    """A field of a body, as the page shows it."""

    name: str
    kind: str
    required: bool
    default: str
    says: str


def fields(model: type[BaseModel]) -> list[Field]:
    """Return the fields of a body's model in their order; those without a description are left out."""
    schema = model.model_json_schema()
    required = schema.get("required", [])
    return [
        Field(
            name,
            _kind(one, schema.get("$defs", {})),
            name in required,
            "" if one.get("default") in (None, "", []) else json.dumps(one["default"], ensure_ascii=False),
            one.get("description", ""),
        )
        for name, one in schema["properties"].items()
    ]


def _kind(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return _kind(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "anyOf" in schema:
        kinds = [_kind(one, definitions) for one in schema["anyOf"] if one.get("type") != "null"]
        return " 或 ".join(kinds)
    if "enum" in schema:
        return "、".join(map(str, schema["enum"]))
    if schema.get("type") == "array":
        return (
            f"{TYPES['array']}，每项为{_kind(schema['items'], definitions)}"
            if schema.get("items")
            else TYPES["array"]
        )
    if schema.get("type") == "object" and "properties" in schema:
        inner = "，".join(
            f"{name}（{_kind(one, definitions)}）" for name, one in schema["properties"].items()
        )
        return f"{{ {inner} }}"
    return TYPES[schema["type"]] if "type" in schema else "任意"


def samples(config: SimulatorConfig, clock: Clock) -> Iterator[tuple[str, Kind, str, list[str]]]:
    """Yield (type, kind, what to post, the XML of each message) of everything a person can do.

    The XML is made by the code that makes it for callbacks, in a world of its own.
    """
    world = World(config, clock, random.Random())
    person, _ = world.add_person(
        "张三",
        openid=SAMPLE_IDS["openid"],
        mp_openid=SAMPLE_IDS["mp_openid"],
        unionid=SAMPLE_IDS["unionid"],
    )
    for name, kind in KINDS.items():
        asked = {"openid": person.oa_openid, "type": name, **kind.example}
        deed = Deed.model_validate({"type": name, **kind.example})
        told = [_indented(to_xml(one)) for one in messages(world, person, deed, kind)]
        yield name, kind, json.dumps(asked, ensure_ascii=False, indent=2), told


def _indented(xml: str) -> str:
    parser = etree.XMLParser(strip_cdata=False, resolve_entities=False)
    tree = etree.fromstring(xml.encode(), parser)
    etree.indent(tree)
    text: str = etree.tostring(tree, encoding="unicode")
    return text


def groups() -> dict[str, list[tuple[str, Endpoint]]]:
    """Return the platform's paths by their first part or two, in the order of the table."""
    found: dict[str, list[tuple[str, Endpoint]]] = {}
    for path, endpoint in ENDPOINTS.items():
        parts = path.strip("/").split("/")
        found.setdefault("/" + "/".join(parts[: min(2, len(parts) - 1)]), []).append((path, endpoint))
    return found


def limit(path: str) -> str:
    """Return how often a path may be called, in words."""
    quota = QUOTAS.get(path)
    if quota is None:
        return ""
    parts = (
        f"每天 {quota.daily:,} 次" if quota.daily else "",
        f"每分钟 {quota.minute:,} 次" if quota.minute else "",
    )
    return "，".join(filter(None, parts))


def commands(base: str, config: SimulatorConfig) -> list[tuple[str, str]]:
    """Return (what for, shell command) pairs that work as they stand, one after the other.

    Arguments:
        base: the simulator's own address.
        config: the account they are for.
    """
    openid, account = SAMPLE_IDS["openid"], f"app_id={config.oa_app_id}"
    application = {
        "grant_type": "client_credential",
        "appid": config.oa_app_id,
        "secret": config.oa_secret,
    }
    notice = {"touser": openid, "template_id": "T1", "data": {"thing1": {"value": "有新的任务"}}}
    said = {"openid": openid, "type": "text", "content": "我要求助"}
    busy = {"path": "/cgi-bin/message/*", "errcode": -1, "times": 3}

    def post(path: str, body: dict[str, Any]) -> str:
        return f"curl -s \"{base}{path}\" \\\n  -d '{json.dumps(body, ensure_ascii=False)}'"

    cut = 's/.*"access_token":"\\([^"]*\\).*/\\1/'
    token = f"{post('/cgi-bin/stable_token', application)} \\\n  | sed '{cut}'"
    return [
        ("新建一个已经关注的人", post(f"/_sim/users?{account}", {"nickname": "张三", "openid": openid})),
        ("此人发一句话：会签名、加密，推送到服务器地址", post(f"/_sim/events?{account}", said)),
        ("取 access_token", f"TOKEN=$({token})"),
        ("发一条模板消息", post("/cgi-bin/message/template/send?access_token=$TOKEN", notice)),
        ("看看手机上收到了什么", f'curl -s "{base}/_sim/inbox?{account}&openid={openid}"'),
        ("让接下来三次发送都答复“系统繁忙”", post(f"/_sim/faults?{account}", busy)),
        ("把时钟向前拨一天", post("/_sim/clock", {"advance_seconds": 86400})),
        ("重新开始，随机数也从头来", post(f"/_sim/reset?{account}", {"seed": 1})),
    ]


class DocsHandler(WorldHandler):
    """The documentation page."""

    def get(self) -> None:
        """Show the page for the account that `?app_id=` names, the first one without it."""
        world = self.worlds.of_app(self.get_query_argument("app_id", "")) or self.worlds.first
        base = f"{self.request.protocol}://{self.request.host}"
        self.set_header("Content-Security-Policy", PAGE_POLICY)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "no-referrer")
        self.set_header("Cache-Control", "no-store")
        self.render(
            "docs.html",
            base=base,
            accounts=[one.config for one in self.worlds],
            config=world.config,
            addresses=world.deliverer.addresses,
            commands=commands(base, world.config),
            groups=groups(),
            tokens=TOKENS,
            limit=limit,
            control=[
                (path.replace(MEDIA_ID.pattern, "{media_id}"), handler)
                for path, handler in (*control.routes, *knobs.routes)
                if handler.says
            ],
            methods=METHODS,
            fields=fields,
            samples=samples(world.config, world.clock),
            errors=errors.ERRMSG,
            platform=PLATFORM,
        )


routes = [(r"/_docs/?", DocsHandler)]
