"""Settings come from the environment only, all problems are named at once, and values never leak."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from server.settings import Mode, Settings, SettingsError, load_settings, parse_accounts, parse_keys

KEY_1 = base64.b64encode(b"1" * 32).decode()
KEY_2 = base64.b64encode(b"2" * 32).decode()
PRODUCTION = {
    "FANGPIN_MONGODB_URI": "mongodb://app:hush-mongo@db.example/?replicaSet=rs0",
    "FANGPIN_REDIS_URL": "redis://:hush-redis@cache.example:6379/0",
    "FANGPIN_PUBLIC_URL": "https://fangpin.example/",
    "FANGPIN_SECRET_KEY": "hush-secret-key-of-more-than-32-characters",
    "FANGPIN_FIELD_KEYS": f"k2:{KEY_2},k1:{KEY_1}",
    "FANGPIN_INDEX_KEYS": f"i1:{KEY_1}",
    "FANGPIN_OA_APP_ID": "wx0123456789abcdef",
    "FANGPIN_OA_SECRET": "hush-oa-secret",
    "FANGPIN_OA_TOKEN": "hushtoken",
    "FANGPIN_OA_AES_KEY": "h" * 43,
}


def test_production_reads_everything() -> None:
    settings = load_settings(PRODUCTION)
    assert settings.mode is Mode.PRODUCTION
    assert (settings.port, settings.metrics_port, settings.address) == (8000, 8001, "0.0.0.0")
    assert settings.public_url == "https://fangpin.example"
    assert list(settings.field_keys.items()) == [("k2", b"2" * 32), ("k1", b"1" * 32)]
    assert settings.index_keys == {"i1": b"1" * 32}
    assert settings.mongodb_database == "fangpin"
    assert settings.data_dir == Path("var").absolute()


def test_production_is_the_default_and_names_all_that_is_missing() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({"FANGPIN_MP_APP_ID": "wxmini", "FANGPIN_OA_TOKEN": "  "})
    assert set(caught.value.problems) == set(PRODUCTION) | {"FANGPIN_MP_SECRET"}
    for name in PRODUCTION:
        assert name in str(caught.value)


def test_all_that_is_malformed_is_named_together_and_no_value_is_shown() -> None:
    bad = PRODUCTION | {
        "FANGPIN_PORT": "hush-port",
        "FANGPIN_FIELD_KEYS": "k1:hush-key",
        "FANGPIN_OA_AES_KEY": "hush-aes",
        "FANGPIN_PUBLIC_URL": "http://hush.example",
        "FANGPIN_SECRET_KEY": "hush-short",
        "FANGPIN_TRUSTED_PROXIES": "hush-proxy",
        "FANGPIN_REDIS_URL": "",
    }
    with pytest.raises(SettingsError) as caught:
        load_settings(bad)
    assert set(caught.value.problems) == {
        "FANGPIN_PORT",
        "FANGPIN_FIELD_KEYS",
        "FANGPIN_OA_AES_KEY",
        "FANGPIN_PUBLIC_URL",
        "FANGPIN_SECRET_KEY",
        "FANGPIN_TRUSTED_PROXIES",
        "FANGPIN_REDIS_URL",
    }
    assert "hush" not in str(caught.value)
    assert caught.value.__context__ is None or "hush" not in str(caught.value.__context__)


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(SettingsError, match="FANGPIN_MODE"):
        load_settings(PRODUCTION | {"FANGPIN_MODE": "staging"})


def test_demo_needs_nothing_and_stays_on_this_machine(tmp_path: Path) -> None:
    settings = load_settings(
        {"FANGPIN_MODE": "demo", "FANGPIN_PORT": "9000", "FANGPIN_DATA_DIR": str(tmp_path)}
    )
    assert settings.address == "127.0.0.1"
    assert settings.public_url == "http://127.0.0.1:9000"
    assert settings.metrics_port == 9001
    assert settings.data_dir == tmp_path
    assert settings.field_keys == {}
    with pytest.raises(SettingsError) as caught:
        settings.need("mongodb_uri", "public_url", "field_keys")
    assert set(caught.value.problems) == {"FANGPIN_MONGODB_URI", "FANGPIN_FIELD_KEYS"}
    assert "kid:base64key" in caught.value.problems["FANGPIN_FIELD_KEYS"]


def test_clients_on_the_machine_find_the_service() -> None:
    assert Settings(mode="demo").local_url == "http://127.0.0.1:8000"
    assert Settings(mode="demo", address="0.0.0.0", port=9).local_url == "http://127.0.0.1:9"
    assert Settings(mode="demo", address="::1").local_simulator_url == "http://[::1]:8100"


def test_masked_shows_no_secret() -> None:
    settings = load_settings(PRODUCTION)
    shown = settings.masked()
    assert "hush" not in repr(shown)
    assert "hush" not in repr(settings)
    assert "hush" not in str(settings.model_dump())
    assert shown["FANGPIN_MONGODB_URI"] == "mongodb://***@db.example/?replicaSet=rs0"
    assert shown["FANGPIN_OA_SECRET"] == "***"
    assert shown["FANGPIN_MP_SECRET"] == ""
    assert shown["FANGPIN_FIELD_KEYS"] == "***"


def test_the_environment_makes_the_same_settings_again() -> None:
    settings = load_settings(PRODUCTION)
    assert load_settings(settings.environment()) == settings


def test_settings_are_frozen_and_read_no_environment_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FANGPIN_PORT", "9999")
    settings = Settings(mode="test")
    assert settings.port == 8000
    with pytest.raises(ValidationError):
        settings.port = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    "text", ["k1", "k1:", "k1:###", f"k1:{KEY_1},k1:{KEY_2}", f":{KEY_1}", "k1:c2hvcnQ="]
)
def test_malformed_key_rings(text: str) -> None:
    with pytest.raises(ValueError, match=r"key|entry") as caught:
        parse_keys(text)
    assert KEY_1 not in str(caught.value)


def test_url_safe_keys_are_read_too() -> None:
    key = bytes([0xFB, 0xFF] * 16)
    assert parse_keys("k:" + base64.urlsafe_b64encode(key).decode()) == {"k": key}


def further(**changes: Any) -> dict[str, Any]:
    """A further account, as it stands in the list."""
    account = {
        "kind": "oa",
        "app_id": "wx00000000000county",
        "secret": "hush-county-secret",
        "token": "hushcountytoken",
        "aes_key": "c" * 43,
        "username": "gh_county",
        "areas": ["431021"],
    }
    return {name: value for name, value in {**account, **changes}.items() if value is not None}


def test_further_accounts_come_after_the_main_one_and_its_mini_program() -> None:
    bare = further(kind="mp", app_id="wx-county-mini", token=None, aes_key=None, username=None, areas=None)
    settings = load_settings(
        PRODUCTION
        | {
            "FANGPIN_MP_APP_ID": "wxmini",
            "FANGPIN_MP_SECRET": "hush-mp-secret",
            "FANGPIN_MP_TOKEN": "hushmptoken",
            "FANGPIN_ACCOUNTS": json.dumps([further(), bare]),
        }
    )
    known = [(one.kind, one.app_id, one.token, one.areas) for one in settings.accounts]
    assert known == [
        ("oa", PRODUCTION["FANGPIN_OA_APP_ID"], "hushtoken", ()),
        ("mp", "wxmini", "hushmptoken", ()),
        ("oa", "wx00000000000county", "hushcountytoken", ("431021",)),
        ("mp", "wx-county-mini", "", ()),
    ]
    assert load_settings(settings.environment()) == settings


def test_without_a_mini_program_and_further_accounts_there_is_one() -> None:
    assert [one.app_id for one in load_settings(PRODUCTION).accounts] == [PRODUCTION["FANGPIN_OA_APP_ID"]]
    assert load_settings(PRODUCTION | {"FANGPIN_ACCOUNTS": " "}).accounts_text.get_secret_value() == ""


@pytest.mark.parametrize(
    "text",
    [
        "hush",
        "{}",
        '"hush"',
        "[1]",
        "[" + json.dumps(further()),
        json.dumps([further(app_id=None)]),
        json.dumps([further(secret=None)]),
        json.dumps([further(secret="")]),
        json.dumps([further(kind="web")]),
        json.dumps([further(app_id="hush/../wx")]),
        json.dumps([further(app_id="")]),
        json.dumps([further(token="hush token")]),
        json.dumps([further(aes_key="hush")]),
        json.dumps([further(aes_key_previous="hush")]),
        json.dumps([further(areas="hush")]),
        json.dumps([further(hush="unknown field")]),
        json.dumps([further(), further(secret="hush-other")]),
    ],
)
def test_malformed_accounts_are_refused_by_name_and_never_shown(text: str) -> None:
    with pytest.raises(ValueError, match="account") as refused:
        parse_accounts(text)
    assert "hush" not in str(refused.value)
    assert refused.value.__cause__ is None
    with pytest.raises(SettingsError) as caught:
        load_settings(PRODUCTION | {"FANGPIN_ACCOUNTS": text})
    assert set(caught.value.problems) == {"FANGPIN_ACCOUNTS"}
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("main", ["FANGPIN_OA_APP_ID", "FANGPIN_MP_APP_ID"])
def test_a_further_account_is_not_the_main_one_again(main: str) -> None:
    given = PRODUCTION | {"FANGPIN_MP_APP_ID": "wxmini", "FANGPIN_MP_SECRET": "hush-mp-secret"}
    with pytest.raises(SettingsError) as caught:
        load_settings(given | {"FANGPIN_ACCOUNTS": json.dumps([further(app_id=given[main])])})
    assert set(caught.value.problems) == {"FANGPIN_ACCOUNTS"}


def test_no_secret_of_an_account_is_ever_printed() -> None:
    settings = load_settings(PRODUCTION | {"FANGPIN_ACCOUNTS": json.dumps([further()])})
    assert settings.masked()["FANGPIN_ACCOUNTS"] == "***"
    shown = (settings.masked(), settings, settings.accounts, *settings.accounts, settings.model_dump())
    for text in map(repr, shown):
        assert "hush" not in text
        assert "c" * 43 not in text
        assert "h" * 43 not in text
