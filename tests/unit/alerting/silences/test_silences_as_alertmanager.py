"""Scripts of setting and ending silences, sent to a real Alertmanager and to us: the same answers and silences."""

import random
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import aiohttp
import pytest

from tests.fakes.alert_door import Door
from tests.fakes.alertmanager import Alertmanager, missing_alertmanager

pytestmark = pytest.mark.skipif(missing_alertmanager() is not None, reason=str(missing_alertmanager()))

CONFIG: Final = "route: {receiver: default}\nreceivers: [{name: default}]\n"
CLOSE: Final = timedelta(seconds=5)
MATCHERS: Final = [
    [{"name": "alertname", "value": "Down", "isRegex": False, "isEqual": True}],
    [{"name": "alertname", "value": "Slow", "isRegex": False, "isEqual": True}],
    [
        {"name": "instance", "value": "a.*", "isRegex": True, "isEqual": False},
        {"name": "alertname", "value": "Down", "isRegex": False, "isEqual": True},
    ],
    [{"name": "alertname", "value": "", "isRegex": False, "isEqual": True}],
    [{"name": "alertname", "value": ".*", "isRegex": True, "isEqual": True}],
    [{"name": "", "value": "x", "isRegex": False, "isEqual": True}],
    [],
]
HOURS: Final = [-2, -1, 0, 1, 2, 3]
SCRIPTS: Final = 12
STEPS: Final = 25


class Peer:
    """One side: where it is, and the silences it made by their order."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = f"{url}/api/v2"
        self.made: list[str] = []

    async def set(self, silence: Mapping[str, Any], known: int | None) -> tuple[int, object]:
        """Status, and which silence it is now or what is wrong."""
        body = {**silence, "id": self.made[known]} if known is not None else silence
        async with self._session.post(f"{self._url}/silences", json=body) as answer:
            said = await answer.json(content_type=None)
        if answer.status != 200:
            return answer.status, said
        if said["silenceID"] not in self.made:
            self.made.append(said["silenceID"])
        return 200, self.made.index(said["silenceID"])

    async def expire(self, known: int) -> tuple[int, object]:
        async with self._session.delete(f"{self._url}/silence/{self.made[known]}") as answer:
            return answer.status, None

    async def all(self) -> list[dict[str, Any]]:
        """Every silence it made, with the order for the id."""
        async with self._session.get(f"{self._url}/silences") as answer:
            found = {one["id"]: one for one in await answer.json()}
        return [{**found[id_], "id": place} for place, id_ in enumerate(self.made)]


@pytest.fixture(name="peers")
async def two_peers() -> AsyncIterator[tuple[Peer, Peer]]:
    async with (
        Alertmanager(CONFIG) as real,
        Door().serving() as ours,
        aiohttp.ClientSession() as session,
    ):
        yield Peer(session, real.url), Peer(session, f"{ours}/alertmanager")


async def _both(peers: tuple[Peer, Peer], work: Any) -> tuple[Any, Any]:
    return await work(peers[0]), await work(peers[1])


def _silence(chance: random.Random, now: datetime) -> dict[str, Any]:
    start = chance.choice(HOURS)
    return {
        "matchers": chance.choice(MATCHERS[:3] if chance.random() < 0.8 else MATCHERS),
        "startsAt": (now + timedelta(hours=start)).isoformat(),
        "endsAt": (now + timedelta(hours=start + chance.choice([0, 1, 1, 2, 4]))).isoformat(),
        "createdBy": chance.choice(["ada", ""]),
        "comment": chance.choice(["upgrade", ""]),
    }


def _again(chance: random.Random, silence: dict[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """An update that keeps some of what is there."""
    kept = [name for name in ("matchers", "startsAt", "endsAt") if chance.random() < 0.6]
    return {**silence, **{name: known[name] for name in kept}}


def _same(real: Mapping[str, Any], ours: Mapping[str, Any]) -> None:
    for name in ("id", "status", "comment", "createdBy"):
        assert real[name] == ours[name], (name, real, ours)
    assert _sorted(real["matchers"]) == _sorted(ours["matchers"])
    for name in ("startsAt", "endsAt", "updatedAt"):
        difference = datetime.fromisoformat(real[name]) - datetime.fromisoformat(ours[name])
        assert abs(difference) < CLOSE, (name, real, ours)


def _sorted(matchers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(matchers, key=lambda one: sorted(map(str, one.items())))


async def test_scripts_come_out_the_same(peers: tuple[Peer, Peer]) -> None:
    for seed in range(SCRIPTS):
        for peer in peers:
            peer.made.clear()
        await _run(peers, random.Random(seed))


async def _run(peers: tuple[Peer, Peer], chance: random.Random) -> None:
    for _ in range(STEPS):
        made = len(peers[0].made)
        known = chance.randrange(made) if made and chance.random() < 0.5 else None
        if known is not None and chance.random() < 0.3:
            real, ours = await _both(peers, lambda peer, known=known: peer.expire(known))
        else:
            silence = _silence(chance, datetime.now(UTC).replace(microsecond=0))
            if known is not None:
                silence = _again(chance, silence, (await peers[0].all())[known])
            real, ours = await _both(peers, lambda peer, silence=silence, known=known: peer.set(silence, known))
        assert real == ours
        for left, right in zip(*await _both(peers, Peer.all), strict=True):
            _same(left, right)
