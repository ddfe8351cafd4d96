"""The command line: what it shows, what it refuses, and what it reads from operators' files."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from server import CannotRun
from server.importing import import_file
from server.migrate import migrate
from server.parts import Parts, parts_for
from server.settings import Settings
from tests.worker.helpers import collection

ROOT = Path(__file__).parents[2]
REGIONS = """\
code,parent_code,kind,name,grid_code,since,former_code
43,,province,湖南省,,2021-01-01,
4310,43,city,郴州市,,2021-01-01,
431021,4310,county,桂阳县,,2021-01-01,
431021101,431021,township,白石乡,,2021-01-01,
431021101201,431021101,village,枫木村,,2021-01-01,
431021101201W1,431021101201,grid,第一网格,,2021-01-01,
431021101201001,431021101201,group,一组,431021101201W1,2021-01-01,
"""
STAFF = """\
staff_no,name,phone,unit,role,area_code,active
GB0004,王示例,13800000004,枫木村村委会,village_head,431021101201,1
GB0005,冯示例,13800000005,枫木村村委会,grid_worker,431021101201W1,1
"""


def fangpin(folder: Path, *words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run the command with nothing but this environment."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FANGPIN_")}
    return subprocess.run(
        [sys.executable, "-m", "server", *words],
        cwd=ROOT,
        env={**kept, "FANGPIN_DATA_DIR": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


@pytest.fixture
async def bare(settings: Settings) -> AsyncIterator[Parts]:
    """The parts on a database that has been brought up and holds nobody."""
    await migrate(settings)
    async with parts_for(settings) as built:
        yield built


async def read(parts: Parts, folder: Path, kind: str, text: str, encoding: str = "utf-8") -> list[str]:
    """Import a file; the lines of the report."""
    file = folder / f"{kind}.csv"
    file.write_bytes(text.encode(encoding))
    return (await import_file(parts.settings, kind, file)).splitlines()


async def everything(parts: Parts, name: str) -> list[dict[str, Any]]:
    """All documents of a collection, in one order."""
    return await collection(parts, name).find().sort("_id", 1).to_list(None)


# --- commands --------------------------------------------------------------------------------------


def test_the_settings_are_shown_without_a_secret(settings: Settings, tmp_path: Path) -> None:
    uri = "mongodb://fangpin:a-database-password@127.0.0.1:1/?replicaSet=rs0"
    environment = {**settings.environment(), "FANGPIN_MONGODB_URI": uri}
    shown = fangpin(tmp_path, "settings", **environment)
    assert shown.returncode == 0
    lines = dict(line.split("=", 1) for line in shown.stdout.splitlines() if "=" in line)
    assert lines["FANGPIN_MONGODB_URI"] == "mongodb://***@127.0.0.1:1/?replicaSet=rs0"
    assert lines["FANGPIN_OA_APP_ID"] == settings.oa_app_id
    secrets = [name for name in environment if name.endswith(("SECRET", "_KEY", "_KEYS", "_TOKEN"))]
    assert len(secrets) == 7
    for name in secrets:
        assert lines[name] == "***"
        assert environment[name] not in shown.stdout


def test_production_does_not_start_without_its_secrets_and_names_them(tmp_path: Path) -> None:
    refused = fangpin(tmp_path, "serve", FANGPIN_OA_APP_ID="wx0123456789abcdef")
    assert refused.returncode == 2
    for name in (
        "MONGODB_URI",
        "REDIS_URL",
        "SECRET_KEY",
        "FIELD_KEYS",
        "INDEX_KEYS",
        "OA_SECRET",
        "OA_TOKEN",
    ):
        assert f"FANGPIN_{name}:" in refused.stderr
    assert "FANGPIN_OA_APP_ID:" not in refused.stderr
    assert "Traceback" not in refused.stderr


def test_production_takes_no_demo_data(settings: Settings, tmp_path: Path) -> None:
    production = {"FANGPIN_MODE": "production", "FANGPIN_PUBLIC_URL": "https://fangpin.example"}
    refused = fangpin(tmp_path, "seed", **{**settings.environment(), **production})
    assert refused.returncode == 2
    assert refused.stderr.strip() == "正式环境（FANGPIN_MODE=production）不能写入演示数据。"


async def test_bringing_the_database_up_twice_changes_nothing(bare: Parts) -> None:
    database = bare.mongo[bare.settings.mongodb_database]

    async def state() -> dict[str, Any]:
        names = sorted(await database.list_collection_names())
        indexes = {name: await database[name].index_information() for name in names}
        return {name: (indexes[name], await everything(bare, name)) for name in names}

    limit = {"table": "limits", "key": "accept"}
    await database["code_tables"].update_one(limit, {"$set": {"value.days": 9}})
    await database["answers"].update_one({"kind": "text"}, {"$set": {"text": "本县的话"}})
    before = await state()
    assert before["code_tables"][1]
    await migrate(bare.settings)
    assert await state() == before


# --- files -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk"])
async def test_files_are_read_as_spreadsheets_save_them(bare: Parts, tmp_path: Path, encoding: str) -> None:
    [regions] = await read(bare, tmp_path, "regions", REGIONS, encoding)
    assert regions == "区划：导入 7 行，未变 0 行，拒绝 0 行。"
    [staff] = await read(bare, tmp_path, "staff", STAFF, encoding)
    assert staff == "工作人员：导入 2 行，2 人，拒绝 0 行。"
    group = await bare.services.regions.by_code("431021101201001")
    assert await bare.services.regions.full_name(group) == "白石乡 枫木村 一组"
    responsible = await bare.services.staff.responsible_for(group)
    assert responsible and responsible["name"] == "冯示例"
    # A telephone number is never kept in the open.
    assert "13800000005" not in str(await everything(bare, "staff"))


async def test_each_refused_row_is_named_with_its_reason_and_the_others_go_in(
    bare: Parts, tmp_path: Path
) -> None:
    bad_regions = [
        ("431021101202,431021101,hamlet,甲村,,2021-01-01,", "kind「hamlet」不认识"),
        ("431021101203,431021101,village,,,2021-01-01,", "缺少 name"),
        ("431021101204,431021999,village,乙村,,2021-01-01,", "上级 parent_code「431021999」不存在"),
        ("431021101204001,431021101204,group,一组,,2021-01-01,", "上级 parent_code「431021101204」"),
        ("431021101205,431021,village,丙村,,2021-01-01,", "不能直接放在"),
        ("431021101201,431021101,village,丁村,,2021-01-01,", "重复"),
        ("431021101206,431021101,village,戊村,,2021年,", "YYYY-MM-DD"),
        ("4310-2110,431021101,village,己村,,2021-01-01,", "数字或大写字母"),
        ("431021101207,431021101,village,庚村,,2021-01-01,999999", "former_code「999999」不存在"),
    ]
    report = await read(bare, tmp_path, "regions", REGIONS + "\n".join(row for row, _ in bad_regions))
    assert report[0] == f"区划：导入 7 行，未变 0 行，拒绝 {len(bad_regions)} 行。"
    for line, (told, (_, reason)) in enumerate(zip(report[1:], bad_regions, strict=True), 9):
        assert told.startswith(f"  第 {line} 行：")
        assert reason in told
    assert await collection(bare, "regions").count_documents({}) == 7

    bad_staff = [
        ("GB0005,另一人,,,grid_worker,431021101201W1,1", "已属于另一个人"),
        ("GB0006,钱示例,12345,,grid_worker,431021101201W1,1", "11 位手机号"),
        ("GB0007,孙示例,,,emperor,431021101201,1", "role「emperor」不认识"),
        ("GB0008,李示例,,,village_head,999,1", "area_code「999」不在区划中"),
        (",周示例,,,village_head,431021101201,1", "缺少 staff_no"),
    ]
    report = await read(bare, tmp_path, "staff", STAFF + "\n".join(row for row, _ in bad_staff))
    # One number that stands for two people spoils the good row of that number as well.
    spoilt = [("", "有别的行被拒绝"), *bad_staff]
    assert report[0] == f"工作人员：导入 1 行，1 人，拒绝 {len(spoilt)} 行。"
    for line, (told, (_, reason)) in enumerate(zip(report[1:], spoilt, strict=True), 3):
        assert told.startswith(f"  第 {line} 行：")
        assert reason in told
    assert await collection(bare, "staff").distinct("staff_no") == ["GB0004"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\xff\xfe\x00 nothing that could be read \x81", "不是 UTF-8 或 GBK"),
        ("staff_no,name\n1,甲\n".encode(), "表头缺少 role、area_code"),
        (b"", "表头缺少"),
    ],
    ids=["noise", "columns", "empty"],
)
async def test_a_file_of_another_kind_is_refused_whole(
    bare: Parts, tmp_path: Path, data: bytes, words: str
) -> None:
    file = tmp_path / "staff.csv"
    file.write_bytes(data)
    with pytest.raises(CannotRun, match=words):
        await import_file(bare.settings, "staff", file)
    assert await collection(bare, "staff").count_documents({}) == 0


async def test_to_read_a_file_again_keeps_every_id_and_a_bound_phone(bare: Parts, tmp_path: Path) -> None:
    await read(bare, tmp_path, "regions", REGIONS)
    await read(bare, tmp_path, "staff", STAFF)
    await collection(bare, "staff").update_one({"staff_no": "GB0005"}, {"$set": {"person_id": "p1"}})
    regions, staff = await everything(bare, "regions"), await everything(bare, "staff")

    assert await read(bare, tmp_path, "regions", REGIONS) == ["区划：导入 0 行，未变 7 行，拒绝 0 行。"]
    await read(bare, tmp_path, "staff", STAFF.replace("王示例,13800000004", "王示例,13900000004"))
    assert await everything(bare, "regions") == regions
    again = await everything(bare, "staff")
    stable = ("_id", "staff_no", "person_id", "unit", "grants", "active")
    assert [{k: s.get(k) for k in stable} for s in again] == [{k: s.get(k) for k in stable} for s in staff]
    assert await collection(bare, "units").count_documents({}) == 1


async def test_a_place_with_a_new_code_and_name_stays_the_same_place(bare: Parts, tmp_path: Path) -> None:
    await read(bare, tmp_path, "regions", REGIONS)
    await read(bare, tmp_path, "staff", STAFF)
    before = await bare.services.regions.by_code("431021101201")
    renamed = REGIONS.splitlines()[0] + "\n431021101299,431021101,village,枫林村,,2026-07-01,431021101201\n"
    assert await read(bare, tmp_path, "regions", renamed) == ["区划：导入 1 行，未变 0 行，拒绝 0 行。"]
    after = await bare.services.regions.by_code("431021101299")
    assert (after["_id"], after["name"], after["areas"]) == (before["_id"], "枫林村", before["areas"])
    assert [one["code"] for one in after["codes"]] == ["431021101201", "431021101299"]
    assert await bare.services.regions.find_by_code("431021101201") is None
    head = await bare.services.staff.supervisors_of(after["areas"], 0)
    assert [one["staff_no"] for one in head] == ["GB0004"]
