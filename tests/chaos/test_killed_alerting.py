"""Alerting killed with -9 at every turn of a story: what fires, what is silenced and what was told survive.

The same story is played without a kill, and both must have been told the same, once each.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from tests.fakes.watchtower import Json, Watchtower, story

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(240)]

RULES = """
groups:
  - name: all
    interval: 1s
    rules:
      - {alert: Down, expr: down}
      - {alert: Kept, expr: kept, keep_firing_for: 5s}
      - {alert: Quiet, expr: quiet}
"""
A, B = {"instance": "a"}, {"instance": "b"}
NAME = "only"
Turn = Callable[[], Awaitable[None]]


class Tale:
    """One telling of the story; `turn` is done between its steps."""

    def __init__(self, tower: Watchtower, turn: Turn) -> None:
        self.tower = tower
        self.turn = turn

    async def play(self) -> None:
        """Alerts begin, join, are silenced, end under the silence, and the silence ends."""
        tower, truth = self.tower, self.tower.prometheus.truth
        truth.update(down=[A], kept=[A])
        await self.turn()
        await tower.hears("Down", "a")
        await self.turn()
        truth["down"] = [A, B]
        await tower.hears("Down", "a", "b")
        await tower.hears("Kept", "a")
        await self.turn()
        truth["kept"] = []  # it goes on firing for a while
        await self.turn()
        truth["quiet"] = [A]
        await tower.hears("Quiet", "a")
        silence = await self.silence("Quiet")
        await self.turn()
        truth["quiet"] = []
        await tower.hears("Kept", resolved=["a"])
        await self.turn()
        await self.unsilence(silence)
        await tower.hears("Quiet", resolved=["a"])
        tower.refusing = True
        truth["down"] = []
        await self.turn()
        tower.refusing = False
        await tower.hears("Down", resolved=["a", "b"])
        await self.turn()

    async def silence(self, name: str) -> str:
        """Silence an alert over the API."""
        body = {
            "matchers": [{"name": "alertname", "value": name, "isRegex": False, "isEqual": True}],
            "startsAt": "2020-01-01T00:00:00Z",
            "endsAt": "2090-01-01T00:00:00Z",
            "createdBy": "ada",
            "comment": "known",
        }
        answer = await self._ask("POST", "silences", body)
        return str(answer["silenceID"])

    async def unsilence(self, silence: str) -> None:
        """End it."""
        await self._ask("DELETE", f"silence/{silence}")

    async def _ask(self, method: str, path: str, body: Json | None = None) -> Json:
        url = f"{self.tower.boards[NAME]}/alertmanager/api/v2/{path}"
        async with aiohttp.ClientSession() as session, session.request(method, url, json=body) as answer:
            assert answer.status == 200, await answer.text()
            text = await answer.text()
            return dict(await answer.json()) if text else {}


@pytest_asyncio.fixture
async def tower(tmp_path: Path) -> AsyncIterator[Watchtower]:
    async with Watchtower(tmp_path, RULES) as tower:
        await tower.start(NAME)
        yield tower


async def unhurt() -> None:
    """Nothing happens."""


async def test_killed_at_every_turn_the_same_is_told_once(tower: Watchtower, tmp_path: Path) -> None:
    async def killed() -> None:
        await tower.end(NAME)
        await tower.start(NAME)

    await Tale(tower, killed).play()
    (tmp_path / "unhurt").mkdir()
    async with Watchtower(tmp_path / "unhurt", RULES) as other:
        await other.start(NAME)
        await Tale(other, unhurt).play()
        assert story(tower.heard) == story(other.heard)
    assert story(tower.heard) == {
        "Down": [({"a"}, set()), ({"a", "b"}, set()), (set(), {"a", "b"})],
        "Kept": [({"a"}, set()), (set(), {"a"})],
        "Quiet": [({"a"}, set()), (set(), {"a"})],
    }
