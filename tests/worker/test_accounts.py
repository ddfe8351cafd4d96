"""Several official accounts at once: each has its own callback, fans, answers, templates and token."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from casework.account.service import CACHE_SECONDS
from casework.notices.kinds import TEMPLATES
from casework.notices.rules import RECEIPT_PATIENCE
from server.parts import Parts
from server.settings import Settings, load_settings
from tests.support import Phones, place_of
from tests.worker.helpers import (
    TEMPLATE,
    apply_events,
    carry,
    collection,
    move,
    notice_of,
    put,
    results,
)

COUNTY = "wxtest00000000county"
#: Anren County, and a village of it; the other county of the demo has no account of its own.
AREA = "431028"
TOKEN = "/cgi-bin/stable_token"
WHO = "villager_1"
CITY_CALLBACK = "/wechat/callback"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """A city's account, and one of a county."""
    county = {
        "app_id": COUNTY,
        "secret": "county-secret-of-a-test",
        "token": "tokenofacounty",
        "aes_key": "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG",
        "username": "gh_county",
        "areas": [AREA],
    }
    return load_settings(settings.environment() | {"FANGPIN_ACCOUNTS": json.dumps([county])})


@dataclass(frozen=True)
class Account:
    """The county's account in the simulator, and the villager as it knows them."""

    parts: Parts
    phones: Phones
    openid: str = f"oCounty_{WHO}"

    async def control(self, method: str, path: str, body: Any = None) -> Any:
        """Call `/_sim/…` for this account."""
        sep = "&" if "?" in path else "?"
        return await self.phones.control(method, f"{path}{sep}app_id={COUNTY}", body)

    async def does(self, type_: str, **more: Any) -> Any:
        """What the villager does in this account."""
        return await self.control("POST", "events", {"openid": self.openid, "type": type_, **more})

    async def said(self, type_: str, **more: Any) -> str:
        """What the account answers at once."""
        done = await self.does(type_, **more)
        assert done["accepted"], done
        return str((done["reply"] or {}).get("Content", ""))

    async def follow(self) -> None:
        """The villager follows this account, too."""
        await self.does("subscribe")
        await apply_events(self.parts)

    async def fan(self) -> dict[str, Any]:
        """What we know of the villager here."""
        return dict(await self.parts.services.account.fan(COUNTY, self.openid) or {})

    async def calls(self, path: str = TEMPLATE) -> int:
        """How often this account called a path."""
        return int((await self.control("GET", f"calls?path={path}"))["count"])

    async def inbox(self) -> list[dict[str, Any]]:
        """What this account sent to the villager; answers do not count."""
        items = (await self.control("GET", f"inbox?openid={self.openid}"))["items"]
        return [m for m in items if m["channel"] != "reply"]


@pytest.fixture
async def county(parts: Parts, phones: Phones) -> AsyncIterator[Account]:
    """The county's account with its templates; the villager does not follow it yet."""
    made = Account(parts, phones)
    body = {"nickname": "村民", "follow": False, "openid": made.openid, "mp_openid": "mCounty_1"}
    await made.control("POST", "users", {**body, "unionid": f"uDemo_{WHO}"})
    for key, template in TEMPLATES.items():
        lines = [f"{name}:{{{{{keyword}.DATA}}}}" for name, keyword in template.keywords.items()]
        sent = {"template_id": f"county-{key}", "title": template.title, "content": "\n".join(lines)}
        await made.control("POST", "templates", sent)
        await parts.stores.account.put_template(
            {
                "_id": f"{COUNTY}:template:{key}",
                "app_id": COUNTY,
                "use": "template",
                "key": key,
                "template_id": f"county-{key}",
                "keywords": dict(template.keywords),
            }
        )
    yield made


async def areas_of(parts: Parts, code: str) -> list[str]:
    """The ids of a place and all above it."""
    return (await parts.services.regions.get(await place_of(parts, code)))["areas"]


async def callback(county: Account, path: str) -> None:
    """Let the platform deliver the county's callbacks to a path of ours."""
    url = f"{county.parts.settings.local_url}{path}"
    await county.control("POST", "config", {"callback_url": url})


@pytest.mark.parametrize("path", [f"{CITY_CALLBACK}/{COUNTY}", CITY_CALLBACK], ids=["by path", "by message"])
@pytest.mark.parametrize("mode", ["safe", "compatible", "plain"])
async def test_a_callback_reaches_its_account(county: Account, path: str, mode: str) -> None:
    await callback(county, path)
    await county.control("POST", "config", {"callback_mode": mode})
    assert (await county.control("POST", "verify", {"app": "oa"}))["ok"]
    assert "防贫监测帮扶服务" in await county.said("subscribe")
    assert "不收任何费用" in await county.said("text", content="帮扶政策")
    await apply_events(county.parts)
    await county.parts.services.account.flush()
    fan = await county.fan()
    assert (fan["app_id"], fan["following"]) == (COUNTY, True)
    assert fan["interacted_at"]
    [event] = await collection(county.parts, "platform_events").find().to_list(None)
    assert event["app_id"] == COUNTY
    main = await county.parts.services.account.fan(county.parts.settings.oa_app_id, county.openid)
    assert main is None


async def test_a_callback_at_another_account_s_path_is_refused(county: Account) -> None:
    await callback(county, f"{CITY_CALLBACK}/{county.parts.settings.oa_app_id}")
    for deed in ("subscribe", "text"):
        done = await county.does(deed, content="在吗")
        assert {attempt["status"] for attempt in done["tries"]} == {403}
    await callback(county, f"{CITY_CALLBACK}/wx-nobody")
    assert {attempt["status"] for attempt in (await county.does("click", key="report"))["tries"]} == {403}
    assert await collection(county.parts, "platform_events").count_documents({}) == 0


async def test_one_person_in_two_accounts_is_one_person(county: Account) -> None:
    await county.follow()
    main = await county.parts.services.account.fan(county.parts.settings.oa_app_id, f"oDemo_{WHO}")
    assert main
    assert (await county.fan())["person_id"] == main["person_id"]
    reached = await county.parts.services.account.contact(f"person:{main['person_id']}")
    assert {contact.app_id for contact in reached} == {COUNTY, county.parts.settings.oa_app_id}


async def test_the_account_of_the_place_speaks_first_with_its_own_template_and_token(
    county: Account,
) -> None:
    parts, phones = county.parts, county.phones
    await county.follow()
    inside, outside = await areas_of(parts, AREA), await areas_of(parts, "431021101201001")
    # What came with following is not what is asked for here.
    before = await county.calls(TOKEN)
    at_home = await put(parts, WHO, areas=inside, number="1")
    await carry(parts)
    [message] = await county.inbox()
    assert message["template_id"] == "county-task"
    assert await results(parts, at_home) == [("template", "sent")]
    assert [t.get("app_id") for t in (await notice_of(parts, at_home))["tries"]] == [COUNTY]
    assert await county.calls(TOKEN) == max(before, 1)

    await move(phones, RECEIPT_PATIENCE.total_seconds() + 1)
    elsewhere = await put(parts, WHO, areas=outside, number="2")
    await carry(parts)
    assert [t.get("app_id") for t in (await notice_of(parts, elsewhere))["tries"]] == [
        parts.settings.oa_app_id
    ]
    assert len(await county.inbox()) == 1
    assert len([m for m in await phones.inbox(WHO) if m["channel"] == "template"]) == 1


async def test_whom_the_account_of_the_place_does_not_reach_hears_from_the_main_one(county: Account) -> None:
    parts = county.parts
    inside = await areas_of(parts, AREA)
    id_ = await put(parts, WHO, areas=inside)
    await carry(parts)
    assert [t.get("app_id") for t in (await notice_of(parts, id_))["tries"]] == [parts.settings.oa_app_id]
    other = await put(parts, "villager_2", areas=inside)
    await carry(parts)
    assert (await notice_of(parts, other))["state"] == "sent"
    assert await county.calls() == 0


async def test_who_left_the_one_account_is_still_written_to_by_the_other(county: Account) -> None:
    parts = county.parts
    await county.follow()
    await county.does("unsubscribe")
    await apply_events(parts)
    assert (await county.fan())["following"] is False
    id_ = await put(parts, WHO, areas=await areas_of(parts, AREA))
    await carry(parts)
    assert [t.get("app_id") for t in (await notice_of(parts, id_))["tries"]] == [parts.settings.oa_app_id]


async def test_the_trouble_of_one_account_is_not_the_other_s(county: Account) -> None:
    parts = county.parts
    await county.follow()
    await county.control("POST", "faults", {"path": TEMPLATE, "errcode": 45009})
    held = await put(parts, WHO, areas=await areas_of(parts, AREA))
    await carry(parts)
    free = await put(parts, "villager_2")
    await carry(parts)
    assert (await notice_of(parts, held))["state"] == "pending"
    assert (await notice_of(parts, free))["state"] == "sent"
    assert parts.postman.closed() == {(COUNTY, "template"): "quota"}


async def test_each_account_has_its_own_answers(county: Account) -> None:
    await county.follow()
    answers = collection(county.parts, "answers")
    await answers.update_one({"_id": f"{COUNTY}/policy"}, {"$set": {"text": "安仁县的政策。"}})
    await move(county.phones, CACHE_SECONDS + 1)
    assert await county.said("text", content="政策") == "安仁县的政策。"
    done = await county.phones.does(WHO, "text", content="政策")
    assert "不收任何费用" in done["reply"]["Content"]
