"""Three replicas on one PostgreSQL: rules are evaluated once, notifications told once, and another goes on."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from tests.fakes.watchtower import Watchtower, story

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(180)]

RULES = """
groups:
  - {name: down, interval: 1s, rules: [{alert: Down, expr: down, labels: {severity: page}}]}
  - {name: slow, interval: 1s, rules: [{alert: Slow, expr: slow, for: 2s, keep_firing_for: 3s}]}
"""
A, B, C = {"instance": "a"}, {"instance": "b"}, {"instance": "c"}


@pytest_asyncio.fixture
async def tower(tmp_path: Path, postgres_url: str) -> AsyncIterator[Watchtower]:
    async with Watchtower(tmp_path, RULES, database_url=postgres_url) as tower:
        for name in ("one", "two", "three"):
            await tower.start(name)
        yield tower


async def leader(tower: Watchtower) -> str:
    """The replica that evaluates: only it knows of evaluations."""
    async with asyncio.timeout(20), aiohttp.ClientSession() as session:
        while True:
            for name, board in tower.boards.items():
                if name not in tower._replicas:
                    continue
                async with session.get(f"{board}/readyz") as answer:
                    if (await answer.json()).get("acting"):
                        return name
            await asyncio.sleep(0.1)


async def posted(tower: Watchtower) -> list[str]:
    """The alert of each message in the incidents' channel."""
    ada = await tower.workspace.client("ada")
    try:
        own = [one for one in await ada.messages("incidents") if one.get("thread_ts", one["ts"]) in {"", one["ts"]}]
    except KeyError:
        return []  # nobody has posted there yet
    return [name for one in own for name in ("Down", "Slow") if name in one["text"]]


async def test_a_killed_replica_is_followed_by_another_that_tells_nothing_twice(tower: Watchtower) -> None:
    truth = tower.prometheus.truth
    truth["down"] = [A]
    truth["slow"] = [A, B]
    await tower.hears("Down", "a")
    await tower.hears("Slow", "a", "b")
    first = await leader(tower)
    await tower.end(first)
    truth["down"] = [A, B]
    truth["slow"] = [B]
    await tower.hears("Down", "a", "b")
    await tower.hears("Slow", "b", resolved=["a"])
    second = await leader(tower)
    assert second != first

    truth["down"] = []
    await tower.hears("Down", resolved=["a", "b"])
    assert story(tower.heard) == {
        "Down": [({"a"}, set()), ({"a", "b"}, set()), (set(), {"a", "b"})],
        "Slow": [({"a", "b"}, set()), ({"b"}, {"a"})],
    }
    async with asyncio.timeout(30):
        while {"Down", "Slow"} - set(await posted(tower)):  # noqa: ASYNC110  # another process says when
            await asyncio.sleep(0.1)
    assert sorted(await posted(tower)) == ["Down", "Slow"]
    times = Counter(tower.prometheus.asked)
    assert [asked for asked, count in times.items() if count > 1] == []


async def test_a_stopped_and_continued_replica_does_nothing_with_its_old_lease(tower: Watchtower) -> None:
    tower.prometheus.truth["down"] = [A]
    await tower.hears("Down", "a")
    first = await leader(tower)
    pid = tower._replicas[first].pid
    os.kill(pid, signal.SIGSTOP)
    boards = tower.boards.pop(first)
    try:
        tower.prometheus.truth["down"] = [A, B]
        await tower.hears("Down", "a", "b")
        assert await leader(tower) != first
    finally:
        os.kill(pid, signal.SIGCONT)
    tower.boards[first] = boards
    tower.prometheus.truth["down"] = [A, B, C]
    await tower.hears("Down", "a", "b", "c")
    assert story(tower.heard)["Down"] == [({"a"}, set()), ({"a", "b"}, set()), ({"a", "b", "c"}, set())]
    times = Counter(tower.prometheus.asked)
    assert [asked for asked, count in times.items() if count > 1] == []


async def test_an_alert_told_to_any_replica_is_told_on_by_the_one_that_tells(tower: Watchtower) -> None:
    acting = await leader(tower)
    other = next(name for name in tower.boards if name != acting)
    alert = {"labels": {"alertname": "Posted", "instance": "x"}}
    async with aiohttp.ClientSession() as session:
        url = f"{tower.boards[other]}/alertmanager/api/v2/alerts"
        async with session.post(url, json=[alert]) as answer:
            assert answer.status == 200
    await tower.hears("Posted", "x")
    assert story(tower.heard)["Posted"] == [({"x"}, set())]
