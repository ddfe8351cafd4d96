"""What WeChat asks of a mini program before it lets anybody see it."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.miniprogram.conftest import compiled
from tests.miniprogram.phone import DOMAIN

MAIN_PACKAGE_BYTES = 2 * 1024 * 1024
# Addresses that are only named: in Vue's and uni-app's remarks to developers.
NAMED = {"https://uniapp.dcloud.net.cn", "https://vuejs.org", "http://www.w3.org"}
ADDRESS = re.compile(r"(?:https?|wss?)://[\w.-]+|(?<=[\"'(])//[\w-]+(?:\.[\w-]+)+")
#: The functions that tell where a phone is; each has to be declared by name.
POSITIONS = ("getLocation", "getFuzzyLocation", "chooseLocation", "choosePoi", "chooseAddress")


@pytest.fixture(scope="module")
def app(build: Path) -> Any:
    return json.loads((build / "app.json").read_text())


def scripts_of(build: Path) -> str:
    return "\n".join(path.read_text() for path in build.rglob("*.js"))


def test_the_official_compilers_accept_every_file(build: Path, tmp_path: Path) -> None:
    assert compiled(build, tmp_path / "build.js") == ""


def test_the_official_compilers_find_what_is_wrong(build: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(build, broken)
    page = "pages/home/home"
    (broken / f"{page}.wxml").write_text("<view><text></view>")
    (broken / f"{page}.wxss").write_text(".list > * { color: red }")
    complaints = compiled(broken, tmp_path / "build.js")
    assert f"wcc: {page}.wxml:1" in complaints
    assert f"wcsc: ERR: {page}.wxss(1:" in complaints


def test_the_main_package_is_small_enough(build: Path, app: Any) -> None:
    apart = [build / package["root"] for package in app.get("subPackages", app.get("subpackages", []))]
    files = [path for path in build.rglob("*") if path.is_file()]
    main = [path for path in files if not any(folder in path.parents for folder in apart)]
    assert sum(path.stat().st_size for path in main) <= MAIN_PACKAGE_BYTES


def test_every_page_has_its_files(build: Path, app: Any) -> None:
    assert app["pages"]
    for page in app["pages"]:
        # A page without a style of its own has no style sheet.
        assert [end for end in ("js", "json", "wxml") if not (build / f"{page}.{end}").is_file()] == [], page


def test_nothing_comes_from_elsewhere(build: Path) -> None:
    named = {
        address
        for path in build.rglob("*")
        if path.suffix in {".js", ".json", ".wxml", ".wxss", ".wxs"}
        for address in ADDRESS.findall(path.read_text())
    }
    assert DOMAIN in named
    assert named - NAMED == {DOMAIN}


def test_what_is_private_is_declared(build: Path, app: Any) -> None:
    assert app["__usePrivacyCheck__"] is True
    scripts = scripts_of(build)
    used = [name for name in POSITIONS if re.search(rf"\.{name}\(", scripts)]
    assert sorted(app.get("requiredPrivateInfos", [])) == used
    if used:
        assert 0 < len(app["permission"]["scope.userLocation"]["desc"]) <= 30
