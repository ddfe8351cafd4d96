"""What the account answers by itself: kept as data, changed without a new version, and said at once."""

from typing import Any

import pytest

from casework.account.service import CACHE_SECONDS
from server.parts import Parts
from tests.support import Phones
from tests.worker.helpers import collection, move

WHO = "villager_1"
VILLAGE = "place_431021101201"


async def said(phones: Phones, type_: str, /, **more: Any) -> str:
    """What the account answers at once to what the villager does; empty for a bare acknowledgement."""
    done = await phones.does(WHO, type_, **more)
    assert done["accepted"], done
    return str((done["reply"] or {}).get("Content", ""))


async def change(parts: Parts, name: str, **changes: Any) -> None:
    """Change one of the account's answers in the database."""
    id_ = f"{parts.settings.oa_app_id}/{name}"
    result = await collection(parts, "answers").update_one({"_id": id_}, {"$set": changes})
    assert result.matched_count == 1, name


OCCASIONS: list[tuple[str, dict[str, Any], str]] = [
    ("image", {}, "照片已看到"),
    ("video", {}, "照片已看到"),
    ("shortvideo", {}, "照片已看到"),
    ("voice", {}, "已收到语音"),
    ("location", {"latitude": 25.7, "longitude": 112.7, "label": "枫木村"}, "位置已收到"),
    ("text", {"content": "今天天气不错"}, "已收到。申报困难请点"),
    # A voice that WeChat has written down is answered like a text.
    ("voice", {"recognition": "我要申报"}, "请点下方“我要申报”"),
    ("voice", {"recognition": "请问办理进度怎么样了。"}, "还没有查到您的申报"),
    ("voice", {"recognition": "今天天气不错"}, "已收到。申报困难请点"),
    ("scancode_waitmsg", {"key": "scan", "content": "https://example.org/"}, "这个码不是本服务的码"),
    ("scancode_waitmsg", {"key": "scan", "content": "place_000000000000"}, "这个码不是本服务的码"),
    ("scancode_waitmsg", {"key": "scan", "content": VILLAGE}, "这里是白石乡 枫木村的防贫服务码"),
    # Nobody waits for an answer to these.
    ("scancode_push", {"key": "scan", "content": VILLAGE}, ""),
    ("link", {"title": "新闻", "url": "https://example.org/"}, ""),
]


@pytest.mark.parametrize(("type_", "more", "words"), OCCASIONS)
async def test_every_kind_of_message_has_its_answer(
    phones: Phones, type_: str, more: dict[str, Any], words: str
) -> None:
    found = await said(phones, type_, **more)
    assert words in found
    assert bool(words) == bool(found)


async def test_a_changed_answer_is_used_within_half_a_minute(parts: Parts, phones: Phones) -> None:
    before = await said(phones, "text", content="政策")
    await change(parts, "policy", text="新的政策。", keys=["policy", "新政策", "WiFi"])
    await change(parts, "media", text="请到服务大厅。")
    await move(phones, CACHE_SECONDS - 1)
    assert await said(phones, "text", content="政策") == before
    await move(phones, 1.1)
    assert await said(phones, "text", content="请问新政策") == "新的政策。"
    assert await said(phones, "text", content="政策") != before
    assert await said(phones, "text", content="这里有wifi吗") == "新的政策。"
    assert await said(phones, "click", key="policy") == "新的政策。"
    assert await said(phones, "image") == "请到服务大厅。"


async def test_an_answer_that_was_taken_away_is_not_said(parts: Parts, phones: Phones) -> None:
    await collection(parts, "answers").delete_many({})
    await move(phones, CACHE_SECONDS + 1)
    for type_, more in (("text", {"content": "政策"}), ("image", {}), ("click", {"key": "policy"})):
        assert await said(phones, type_, **more) == ""


@pytest.mark.parametrize("text", ["@subscribe_staff", "subscribe_staff", "看看 @subscribe_staff", "@scan"])
async def test_nobody_asks_for_the_words_of_an_occasion(phones: Phones, text: str) -> None:
    assert "已收到。申报困难请点" in await said(phones, "text", content=text)


async def test_the_longest_text_and_signs_of_xml_are_answered(phones: Phones, parts: Parts) -> None:
    await change(parts, "default", text="收到 ]]> <b>&amp;</b> 𠮷")
    await move(phones, CACHE_SECONDS + 1)
    assert await said(phones, "text", content="]]>" * 600) == "收到 ]]> <b>&amp;</b> 𠮷"
