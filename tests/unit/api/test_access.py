"""Who is let in over HTTP: a table of what a request shows and what comes of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.web.access import Knock, is_loopback
from engine.errors import Denied, Unauthenticated
from engine.security.sessions import SESSION_LASTS
from tests.unit.api.house import House, Json

HERE = Knock(peer="127.0.0.1", host="127.0.0.1:8080")
LAN = Knock(peer="10.0.0.9", host="pilothouse.example")
WORLD: Json = {"listens_on": "0.0.0.0", "address": "https://pilothouse.example"}

OPEN = [
    HERE,
    replace(HERE, host="localhost:8080"),
    replace(HERE, peer="::1", host="[::1]:8080"),
    replace(HERE, peer="::ffff:127.0.0.1"),
    replace(HERE, cookie="forged"),
]
CLOSED = [
    replace(HERE, host="evil.example"),
    replace(HERE, host="127.0.0.1.evil.example:8080"),
    replace(HERE, host="localhost.evil.example"),
    replace(HERE, host=""),
    replace(HERE, host="[::1"),
    replace(HERE, host="evil@127.0.0.1@x"),
    replace(HERE, peer="10.0.0.9"),
    replace(HERE, peer=""),
    replace(HERE, forwarded=True),
    replace(HERE, authorization="Bearer ph_12345678_forged"),
    replace(HERE, authorization="Basic YWRhOmFkYQ=="),
    replace(HERE, authorization="Bearer"),
]


@pytest.mark.parametrize("knock", OPEN, ids=str)
async def test_this_machine_reads_without_signing_in(knock: Knock) -> None:
    caller = await House().access.reader(knock)
    assert (caller.by, caller.person) == ("machine", None)


@pytest.mark.parametrize("knock", CLOSED, ids=str)
async def test_others_are_asked_to_sign_in(knock: Knock) -> None:
    with pytest.raises(Unauthenticated) as refusal:
        await House().access.reader(knock)
    assert refusal.value.remedy


@pytest.mark.parametrize(
    "rules",
    [
        WORLD,
        {"listens_on": "0.0.0.0"},
        {"listens_on": "127.0.0.1", "address": "https://pilothouse.example"},  # a proxy on this machine
        {"listens_on": "192.168.1.2", "address": "http://192.168.1.2:8080"},
    ],
)
async def test_nothing_is_open_when_others_can_reach_the_server(rules: Json) -> None:
    with pytest.raises(Unauthenticated):
        await House(**rules).access.reader(HERE)


async def test_a_change_always_needs_a_person() -> None:
    with pytest.raises(Unauthenticated):
        await House().access.doer(HERE)


async def test_a_token_and_a_session_say_who_asks() -> None:
    house = House(**WORLD)
    by_token = await house.access.reader(replace(LAN, authorization=(await house.token("ada"))["Authorization"]))
    by_session = await house.access.reader(replace(LAN, cookie=await house.session("ben")))
    assert (by_token.by, by_token.subject) == ("token", "ada/tests")
    assert (by_session.by, by_session.subject) == ("session", "ben/browser")


async def test_an_expired_session_is_none() -> None:
    house = House(**WORLD)
    cookie = await house.session()
    house.clock.advance(SESSION_LASTS + timedelta(seconds=1))
    with pytest.raises(Unauthenticated):
        await house.access.reader(replace(LAN, cookie=cookie))


async def test_somebody_without_a_role_is_told_who_to_ask() -> None:
    house = House(**WORLD)
    with pytest.raises(Denied, match="Dan may not look"):
        await house.access.reader(replace(LAN, cookie=await house.session("dan")))


@pytest.mark.parametrize(
    ("knock", "allowed"),
    [
        (replace(LAN, fetch_site="same-origin"), True),
        (replace(LAN, origin="https://pilothouse.example"), True),
        (replace(LAN, host="inside:8080", origin="http://inside:8080"), True),
        (replace(LAN, fetch_site="cross-site", origin="https://pilothouse.example"), False),
        (replace(LAN, fetch_site="same-site"), False),
        (replace(LAN, fetch_site="none"), False),
        (replace(LAN, origin="https://evil.example"), False),
        (replace(LAN, origin="null"), False),
        (LAN, False),
    ],
    ids=str,
)
async def test_a_session_changes_only_from_our_own_pages(knock: Knock, allowed: bool) -> None:
    house = House(**WORLD)
    knock = replace(knock, cookie=await house.session())
    if allowed:
        assert (await house.access.doer(knock)).subject == "ada/browser"
    else:
        with pytest.raises(Denied, match="Another site"):
            await house.access.doer(knock)


async def test_metrics_are_for_this_machine_and_for_tokens() -> None:
    house = House(**WORLD)
    assert (await house.access.scraper(HERE)).by == "machine"
    token = (await house.token())["Authorization"]
    assert (await house.access.scraper(replace(LAN, authorization=token))).by == "token"
    for stranger in (LAN, replace(HERE, host="evil.example"), replace(HERE, forwarded=True)):
        with pytest.raises(Unauthenticated):
            await house.access.scraper(stranger)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("LOCALHOST", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("127.0.0.1.nip.io", False),
        ("2130706433", False),
        ("", False),
    ],
)
def test_which_names_mean_this_machine(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback
