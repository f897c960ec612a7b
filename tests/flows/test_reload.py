"""Rule and routing files changed under the running product: used when they are right, told and left when not."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest_asyncio

from tests.fakes.watchtower import ROUTING, Watchtower

RULES = "groups: [{name: all, interval: 1s, rules: [{alert: Down, expr: down}]}]\n"
MORE = "groups: [{name: all, interval: 1s, rules: [{alert: Down, expr: down}, {alert: Slow, expr: slow}]}]\n"
NAME = "only"
A = {"instance": "a"}


@pytest_asyncio.fixture
async def tower(tmp_path: Path) -> AsyncIterator[Watchtower]:
    async with Watchtower(tmp_path, RULES) as tower:
        await tower.start(NAME)
        yield tower


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await true():  # noqa: ASYNC110  # another process says when
            await asyncio.sleep(0.1)


async def metric(tower: Watchtower, name: str) -> float:
    async with aiohttp.ClientSession() as session, session.get(f"{tower.boards[NAME]}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith(f"{name} ")))


async def said(tower: Watchtower, text: str) -> bool:
    ada = await tower.workspace.client("ada")
    return any(text in one["text"] for one in await ada.messages("incidents"))


async def test_changed_rules_are_used_and_what_fires_goes_on(tower: Watchtower) -> None:
    tower.prometheus.truth.update(down=[A], slow=[A])
    first = await tower.hears("Down", "a")
    tower.rules.write_text(MORE)
    await tower.hears("Slow", "a")
    tower.rules.write_text("groups: [{name: all, rules: [{alert: Down}]}]\n")
    await until(lambda: said(tower, "The changed rule files can't be used; what was read before stays."))
    assert await said(tower, "field 'expr' must be set in rule")
    assert await metric(tower, "pilothouse_config_reload_successful") == 0
    async with aiohttp.ClientSession() as session, session.get(f"{tower.boards[NAME]}/api/v1/rules") as answer:
        assert "field 'expr' must be set in rule" in await answer.text()
    tower.prometheus.truth["slow"] = []
    await tower.hears("Slow", resolved=["a"])  # the rules before go on

    tower.rules.write_text(MORE)
    await until(lambda: said(tower, "The rule files can be used again."))
    assert await metric(tower, "pilothouse_config_reload_successful") == 1
    tower.prometheus.truth["down"] = []
    last = await tower.hears("Down", resolved=["a"])
    assert last["alerts"][0]["startsAt"] == first["alerts"][0]["startsAt"]
    assert len([one for one in tower.heard if one["groupLabels"]["alertname"] == "Down"]) == 2


async def test_a_rule_that_is_taken_out_ends_its_alerts(tower: Watchtower) -> None:
    tower.prometheus.truth["down"] = [A]
    await tower.hears("Down", "a")
    tower.rules.write_text("groups: []\n")
    await tower.hears("Down", resolved=["a"])


async def test_changed_routing_is_used_and_a_broken_one_is_not(tower: Watchtower) -> None:
    hook = f"http://127.0.0.1:{tower._port}/hook"
    tower.routing.write_text("route: {receiver: nobody}\n")
    await until(lambda: said(tower, "The changed routing file can't be used; what was read before stays."))
    tower.prometheus.truth["down"] = [A]
    await tower.hears("Down", "a")
    tower.routing.write_text(ROUTING.format(hook=hook).replace("[alertname]", "[alertname, instance]"))
    await until(lambda: said(tower, "The routing file can be used again."))
    tower.prometheus.truth["down"] = [A, {"instance": "b"}]
    body = await tower.hears("Down", "b")
    assert body["groupLabels"] == {"alertname": "Down", "instance": "b"}


async def test_rule_files_that_are_away_for_a_moment_end_nothing(tower: Watchtower) -> None:
    tower.prometheus.truth["down"] = [A]
    await tower.hears("Down", "a")
    aside = tower.rules.with_suffix(".aside")
    tower.rules.rename(aside)
    await until(lambda: said(tower, "The changed rule files can't be used; what was read before stays."))
    aside.rename(tower.rules)
    await until(lambda: said(tower, "The rule files can be used again."))
    tower.prometheus.truth["down"] = [A, {"instance": "b"}]
    await tower.hears("Down", "a", "b")
    assert len(tower.heard) == 2


async def test_a_hang_up_signal_reads_everything_anew(tower: Watchtower) -> None:
    before = await metric(tower, "pilothouse_config_last_reload_seconds")
    os.kill(tower._replicas[NAME].pid, signal.SIGHUP)

    async def later() -> bool:
        return await metric(tower, "pilothouse_config_last_reload_seconds") > before

    await until(later)


async def test_a_post_reads_everything_anew_and_says_what_is_wrong(tower: Watchtower) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{tower.boards[NAME]}/-/reload") as answer:
            assert answer.status == 200
        tower.rules.write_text("groups: [{name: all, rules: [{alert: Down}]}]\n")
        async with session.post(f"{tower.boards[NAME]}/prometheus/-/reload") as answer:
            assert (answer.status, "field 'expr' must be set in rule" in await answer.text()) == (500, True)
        tower.rules.write_text(RULES)
        async with session.post(f"{tower.boards[NAME]}/alertmanager/-/reload") as answer:
            assert answer.status == 200
