"""Demo data: two counties of Chenzhou with invented townships and villages, and a few phones."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

import aiohttp

from casework.account.model import TemplateRecord
from casework.notices.kinds import FIELD_LABELS, TEMPLATES, Template
from handlers.phone import ROOT
from server import CannotRun
from server.importing import import_rows, read_csv
from server.migrate import bring_up
from server.parts import Parts, parts_for
from server.publishing import publish_menus
from server.settings import Mode, Settings

#: The label of the one-line status in the demo's templates.
STATUS_LABEL = "事项"


@dataclass(frozen=True)
class DemoPerson:
    """A phone in the simulator. `staff_no` binds it to a member of staff."""

    key: str
    nickname: str
    role_hint: str
    staff_no: str | None = None

    @property
    def ids(self) -> dict[str, str]:
        """The three ids by which the simulator knows this person; the same at each start."""
        return {
            "openid": f"oDemo_{self.key}",
            "mp_openid": f"mDemo_{self.key}",
            "unionid": f"uDemo_{self.key}",
        }


PEOPLE = (
    DemoPerson("villager_1", "枫木村村民甲", "villager"),
    DemoPerson("villager_2", "石桥村村民乙", "villager"),
    DemoPerson("villager_3", "云岭村村民丙", "villager"),
    DemoPerson("grid_1", "枫木村第一网格", "cadre", "GB0005"),
    DemoPerson("grid_2", "枫木村第二网格", "cadre", "GB0006"),
    DemoPerson("head_1", "枫木村村支书", "cadre", "GB0004"),
    DemoPerson("township_1", "白石乡审核", "cadre", "GB0003"),
    DemoPerson("supervisor_1", "桂阳县监测中心", "cadre", "GB0001"),
    DemoPerson("supervisor_2", "安仁县监测中心", "cadre", "GB0022"),
)


def _templates(settings: Settings) -> Iterator[tuple[TemplateRecord, Template, int | None]]:
    """Each account's templates, with the type that the platform gives those of subscription notices: 3 for
    the lasting consent that an official account of a public service may ask for, 2 for consent each time."""
    kinds: tuple[tuple[str, Literal["template", "subscription"], int | None], ...] = (
        (settings.oa_app_id, "template", None),
        (settings.oa_app_id, "subscription", 3),
        (settings.mp_app_id, "subscription", 2),
    )
    for app_id, use, type_ in kinds:
        for key, template in TEMPLATES.items():
            record: TemplateRecord = {
                "_id": f"{app_id}:{use}:{key}",
                "app_id": app_id,
                "use": use,
                "key": key,
                "template_id": f"demo-{use}-{key}",
                "keywords": dict(template.keywords),
                "long_term": type_ == 3,
            }
            yield record, template, type_


async def furnish_simulator(parts: Parts) -> None:
    """Make the demo's phones and templates in the simulator, and bring the menus there; doing so again
    changes nothing."""
    base = parts.settings.wechat_api_base
    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(timeout=timeout, raise_for_status=True) as http:
        for number, person in enumerate(PEOPLE):
            met = {"nickname": person.nickname, "role_hint": person.role_hint, **person.ids}
            met["phone"] = f"138000000{number:02d}"
            await http.post(f"{base}/_sim/users", json=met)
        # The phones show the mini program's pages as they are on the web.
        pages = {parts.settings.mp_app_id: f"{parts.settings.public_url}{ROOT}"}
        await http.post(f"{base}/_sim/config", json={"web_pages": pages})
        for record, template, type_ in _templates(parts.settings):
            lines = [
                f"{STATUS_LABEL if name == 'status' else FIELD_LABELS[name]}:{{{{{keyword}.DATA}}}}"
                for name, keyword in template.keywords.items()
            ]
            body: dict[str, Any] = {
                "app_id": record["app_id"],
                "template_id": record["template_id"],
                "title": template.title,
                "content": "\n".join(lines),
                "type": type_,
            }
            await http.post(f"{base}/_sim/templates", json=body)
    await publish_menus(parts, parts.settings.oa_app_id)


async def _meet_people(parts: Parts) -> None:
    """Know the demo's people as fans, bind the cadres' phones to their staff, and keep the templates."""
    account, stores = parts.services.account, parts.stores
    for record, _, _ in _templates(parts.settings):
        await stores.account.put_template(record)
    for person in PEOPLE:
        ids = person.ids
        person_id = await account.meet(parts.settings.oa_app_id, ids["openid"], ids["unionid"])
        await account.set_fan(parts.settings.oa_app_id, ids["openid"], following=True, blocked=False)
        if person.staff_no:
            staff = (await stores.staff.by_no([person.staff_no]))[person.staff_no]
            if staff.get("person_id") != person_id:
                await stores.staff.save([{**staff, "person_id": person_id}])


async def seed(settings: Settings) -> None:
    """Write the demo data; doing so again changes nothing that is there."""
    if settings.mode is Mode.PRODUCTION:
        raise CannotRun("正式环境（FANGPIN_MODE=production）不能写入演示数据。")
    async with parts_for(settings) as parts:
        await bring_up(parts)
        folder = files("server") / "demo_data"
        # Starting again keeps what has been changed since.
        kinds = () if await parts.stores.staff.by_no([str(PEOPLE[-1].staff_no)]) else ("regions", "staff")
        for kind in kinds:
            with folder.joinpath(f"{kind}.csv").open("rb") as file:
                await import_rows(parts, kind, read_csv(file.read(), kind))
        await _meet_people(parts)
        await furnish_simulator(parts)
