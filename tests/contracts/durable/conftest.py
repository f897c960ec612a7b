"""The engines that keep the promise of engine/durable.py, each behind one way to let time pass."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import pytest

from engine.durable import Durable, Turn
from engine.durable_dbos import DbosDurable
from tests.fakes import postgres
from tests.fakes.durable import FakeDurable, VirtualClock

WITHIN = 60.0


class Turns:
    """A turn that says what the test told it to say; it keeps what it was asked."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.answers: dict[str, list[timedelta | Exception | None]] = {}
        self.meanwhile: dict[str, Callable[[], Awaitable[None]]] = {}  # what a turn of this subject also does
        self.at_once = 0
        self.most_at_once = 0

    async def __call__(self, subject: str) -> timedelta | None:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        if subject in self.meanwhile:
            await self.meanwhile[subject]()
        self.taken.append(subject)
        script = self.answers.get(subject, [])
        answer = script.pop(0) if len(script) > 1 else (script[0] if script else None)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Bench(Protocol):
    turns: Turns

    @property
    def durable(self) -> Durable: ...

    async def until(self, met: Callable[[], bool]) -> None: ...


class FakeBench:
    def __init__(self) -> None:
        self.turns = Turns()
        self.fake = FakeDurable(self.turns, VirtualClock())
        self.durable = self.fake

    async def until(self, met: Callable[[], bool]) -> None:
        for _ in range(10):
            await self.fake.run_for(timedelta(seconds=1))
            if met():
                return
        pytest.fail(f"It did not come about; turns: {self.turns.taken}")


class DbosBench:
    def __init__(self, url: str, turns: Turns, executor: str = "one") -> None:
        self.turns = turns
        self.durable: DbosDurable = make_dbos(url, turns, executor)

    async def until(self, met: Callable[[], bool]) -> None:
        await eventually(met)


def make_dbos(url: str, turn: Turn, executor: str) -> DbosDurable:
    return DbosDurable(url, turn, executor_id=executor, poll=timedelta(milliseconds=20))


async def eventually(met: Callable[[], bool]) -> None:
    """Wait for what another thread or process brings about."""
    deadline = time.monotonic() + WITHIN
    while not met():
        if time.monotonic() > deadline:
            pytest.fail("It did not come about in time.")
        await asyncio.sleep(0.01)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database for DBOS."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'durable.sqlite'}"
    if reason := postgres.missing():
        pytest.skip(reason)
    return postgres.shared_server().new_database()


@pytest.fixture(params=["fake", "sqlite", "postgresql"])
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    """One engine, running."""
    if request.param == "fake":
        yield FakeBench()
        return
    if request.param == "postgresql" and (reason := postgres.missing()):
        pytest.skip(reason)
    sqlite = f"sqlite:///{tmp_path / 'durable.sqlite'}"
    real = DbosBench(sqlite if request.param == "sqlite" else postgres.shared_server().new_database(), Turns())
    await real.durable.launch()
    yield real
    await real.durable.close()
