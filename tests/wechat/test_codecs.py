"""The callbacks of several accounts at one address: each goes to its own account, or to none."""

import hashlib
import re

import pytest
from wechatpy.crypto import WeChatCrypto

from wechat.codec import BadBody, BadSignature, CallbackRefused, Codec, Codecs, StaleTimestamp

NOW = 1_800_000_000
CITY, COUNTY, MINI = "wx0000000000000city", "wx00000000000county", "wx0000000000000mini"
KEYS = {
    CITY: "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
    COUNTY: "GFEDCBA9876543210zyxwvutsrqponmlkjihgfedcba",
    MINI: "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG",
}
OLD_KEY = "ABCDEFG0123456789abcdefghijklmnopqrstuvwxyz"
NAMES = {CITY: "gh_city", COUNTY: "gh_county", MINI: "gh_mini"}
#: The county's account has a token of its own; the city's and its mini program share one.
TOKENS = {CITY: "citytoken", COUNTY: "countytoken", MINI: "citytoken"}


def codec(app_id: str, *, now: float = NOW, **changes: object) -> Codec:
    known: dict = {
        "token": TOKENS[app_id],
        "aes_key": KEYS[app_id],
        "previous_aes_key": OLD_KEY if app_id == COUNTY else None,
        "username": NAMES[app_id],
        "now": lambda: now,
    }
    return Codec(app_id, **{**known, **changes})


CODECS = Codecs([codec(CITY), codec(COUNTY), codec(MINI)])


def text_to(app_id: str) -> bytes:
    return (
        f"<xml><ToUserName>{NAMES[app_id]}</ToUserName><FromUserName>oSomebody</FromUserName>"
        f"<CreateTime>{NOW}</CreateTime><MsgType>text</MsgType><Content>在吗</Content><MsgId>7</MsgId></xml>"
    ).encode()


def plain(app_id: str) -> tuple[dict[str, str], bytes]:
    query = {"timestamp": str(NOW), "nonce": "n0nce"}
    signed = "".join(sorted([TOKENS[app_id], *query.values()]))
    return {**query, "signature": hashlib.sha1(signed.encode()).hexdigest()}, text_to(app_id)


def elements(envelope: bytes) -> dict[str, str]:
    """The elements of an envelope by their names."""
    return dict(re.findall(r"<(\w+)>(?:<!\[CDATA\[)?([^<\]]+)", envelope.decode()))


def sealed(sender: Codec, app_id: str, key: str = "current") -> tuple[dict[str, str], bytes]:
    """What an account posts in safe mode, signed and encrypted by its own codec."""
    body = sender.seal(text_to(app_id), key)
    found = elements(body)
    query = {
        "timestamp": found["TimeStamp"],
        "nonce": found["Nonce"],
        "encrypt_type": "aes",
        "msg_signature": found["MsgSignature"],
    }
    return query, body


@pytest.mark.parametrize("app_id", KEYS)
@pytest.mark.parametrize("by_path", [True, False], ids=["by path", "by what was sent"])
def test_each_account_is_found(app_id: str, by_path: bool) -> None:
    path = app_id if by_path else None
    for query, body in (sealed(codec(app_id), app_id), plain(app_id)):
        message = CODECS.decode(query, body, path)
        assert (message.app_id, message.to_user) == (app_id, NAMES[app_id])


def test_the_order_of_the_accounts_does_not_matter() -> None:
    turned = Codecs([codec(MINI), codec(COUNTY), codec(CITY)])
    for app_id in KEYS:
        assert turned.decode(*sealed(codec(app_id), app_id)).app_id == app_id
        assert turned.decode(*plain(app_id)).app_id == app_id


def test_the_path_s_account_is_asked_and_no_other() -> None:
    with pytest.raises(BadSignature):
        CODECS.decode(*sealed(codec(COUNTY), COUNTY), CITY)
    with pytest.raises(BadSignature):
        CODECS.decode(*plain(COUNTY), CITY)
    # The token is the same, so only what is inside tells whose it is.
    with pytest.raises(BadBody, match="wrong_account"):
        CODECS.decode(*plain(MINI), CITY)
    for app_id in ("wx-nobody", ""):
        with pytest.raises(BadSignature, match="no_such_account") as refused:
            CODECS.decode(*plain(CITY), app_id)
        assert refused.value.status == 403


def test_the_app_id_inside_tells_accounts_with_one_token_and_one_key_apart() -> None:
    twins = [codec(app_id, aes_key=KEYS[CITY], token=TOKENS[CITY]) for app_id in KEYS]
    both = Codecs(twins)
    for twin in twins:
        assert both.decode(*sealed(twin, twin.app_id)).app_id == twin.app_id


def test_in_plain_mode_the_original_id_tells_them_apart_where_it_is_known() -> None:
    nameless = Codecs([codec(CITY, username=None), codec(MINI, username=None)])
    assert nameless.decode(*plain(MINI)).app_id == CITY
    assert nameless.decode(*plain(MINI), MINI).app_id == MINI


def opened(reply: bytes, app_id: str, key: str) -> str:
    """A sealed reply as the platform reads it: by the account's token and a key."""
    found = elements(reply)
    crypto = WeChatCrypto(TOKENS[app_id], key, app_id)
    xml: str = crypto.decrypt_message(
        reply.decode(), found["MsgSignature"], found["TimeStamp"], found["Nonce"]
    )
    return xml


@pytest.mark.parametrize("app_id", KEYS)
def test_a_reply_is_sealed_by_the_account_that_was_written_to(app_id: str) -> None:
    reply = CODECS.reply(CODECS.decode(*sealed(codec(app_id), app_id)), "收到")
    assert "收到" in opened(reply, app_id, KEYS[app_id])


def test_the_previous_key_of_any_account_still_decrypts_and_seals_the_answer() -> None:
    message = CODECS.decode(*sealed(codec(COUNTY), COUNTY, "previous"))
    assert (message.app_id, message.key) == (COUNTY, "previous")
    assert "收到" in opened(CODECS.reply(message, "收到"), COUNTY, OLD_KEY)


@pytest.mark.parametrize(
    ("refusal", "query", "body"),
    [
        # What the account says whose signature fits, whichever place it has among them.
        (StaleTimestamp, *sealed(codec(COUNTY, now=NOW - 1000), COUNTY)),
        (BadBody, plain(COUNTY)[0], b"<xml></xml>"),
        (BadBody, plain(MINI)[0], b"noise"),
        (BadSignature, {**plain(COUNTY)[0], "signature": "0" * 40}, text_to(COUNTY)),
        (BadSignature, {}, text_to(CITY)),
    ],
    ids=["stale", "empty", "noise", "forged", "nothing"],
)
def test_the_refusal_is_that_of_the_account_whose_signature_fits(
    refusal: type[CallbackRefused], query: dict[str, str], body: bytes
) -> None:
    with pytest.raises(CallbackRefused) as refused:
        CODECS.decode(query, body)
    assert type(refused.value) is refusal


def test_an_account_that_takes_sealed_bodies_only_is_not_passed_over_for_another() -> None:
    # The mini program's token is the same and it takes plain bodies, but this one names the city's account.
    with pytest.raises(BadBody):
        Codecs([codec(CITY, allow_plain=False), codec(MINI)]).decode(*plain(CITY))


@pytest.mark.parametrize("app_id", KEYS)
def test_the_address_is_checked_for_each_account(app_id: str) -> None:
    query, _ = plain(app_id)
    assert CODECS.echo({**query, "echostr": "4711"}) == "4711"
    assert CODECS.echo({**query, "echostr": "4711"}, app_id) == "4711"
    with pytest.raises(BadSignature):
        CODECS.echo({**query, "echostr": "4711"}, CITY if app_id == COUNTY else COUNTY)
    with pytest.raises(BadSignature, match="no_such_account"):
        CODECS.echo({**query, "echostr": "4711"}, "wx-nobody")


def test_without_any_account_nothing_is_taken() -> None:
    with pytest.raises(BadSignature, match="no_such_account"):
        Codecs([]).decode(*plain(CITY))
