"""Two replicas on one PostgreSQL: what one was driving when it was killed or stopped, the other ends the same way."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from bot.clock.membership import TTL
from engine.deployments.deployment import DeploymentId
from engine.deployments.journal import subject_of
from tests.fakes.canary import ONCE
from tests.fakes.falls import BEGIN, ENDING, assert_history, assert_stands, names, reading, starts, step, until
from tests.fakes.house import House, told_once
from tests.fakes.scene import Scene
from tests.fakes.twin import Pair, Twin

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(180)]

TAKEN_OVER_WITHIN = TTL.total_seconds() * 4 / 3 + 1
ENDS_WITHIN = 15.0
DWELL = 8.0
LOOK = 0.05


@pytest_asyncio.fixture
async def pair(request: pytest.FixtureRequest, tmp_path: Path, postgres_url: str) -> AsyncIterator[Pair]:
    """Two replicas, and v1 in production."""
    async with House(tmp_path, request.param, database_url=postgres_url) as one:
        await one.start()
        await one.bring_out("v1")
        async with Twin(tmp_path / "twin", one) as two:
            await two.start()
            yield Pair(one, two)


def scene(*steps: tuple[int, str]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("pair", [Scene(steps=steps)], indirect=True, ids=["canary"])


async def driven(pair: Pair) -> DeploymentId:
    id = await pair.one.deploy("ada", "v2")  # noqa: A001
    await pair.one.approve("ben", id)
    return id


async def goes_on(house: House, id: DeploymentId, after: int) -> None:  # noqa: A002
    await house.chronicle.wait(
        lambda one: one.stream == subject_of(id), after=after, within=TAKEN_OVER_WITHIN, why="The takeover"
    )


@scene((10, f"{DWELL:g}s"), (100, "300ms"))
async def test_whoever_drives_is_killed_twice_and_the_other_takes_over(pair: Pair) -> None:
    one, since = pair.one, len(pair.one.starts())
    async with one.load(rate=30) as load:
        id = await driven(pair)  # noqa: A001
        for mark in (("StepEntered", 10), ("StepEntered", 100)):
            await until(one, id, mark)
            killed = await pair.driver(id)
            await killed.kill()
            await goes_on(one, id, one.chronicle.last())
            await killed.start()
        await one.end_of(id, "DeploymentSucceeded")
        await load.wait(lambda seen: seen.versions["v2"] > 20)
        assert (load.lost, load.failed) == (0, 0), load.told()
    assert_history(one, id, ONCE)
    assert starts(one, since) == names("v2", (1, 2))
    await assert_stands(one, "v2")
    await told_once(one, id, "Succeeded")


@scene((10, "300ms"), (50, f"{DWELL:g}s"), (100, "300ms"))
async def test_a_stopped_replica_does_nothing_once_another_took_over(pair: Pair) -> None:
    one, since = pair.one, len(pair.one.starts())
    async with one.load(rate=30) as load:
        id = await driven(pair)  # noqa: A001
        await until(one, id, ("StepEntered", 10))
        stopped = await pair.driver(id)
        await pair.stop(stopped)
        try:
            await goes_on(one, id, one.chronicle.last())
            await until(one, id, ("WeightShifted", 50))
        finally:
            os.kill(stopped.pid, signal.SIGCONT)
        shares, code = await watched(one, stopped, "v2")
        await one.end_of(id, "DeploymentSucceeded")
        assert (load.lost, load.failed) == (0, 0), load.told()
    assert code == 1
    assert "could not renew its lease" in stopped.tail(), stopped.tail()
    assert "Traceback" not in stopped.tail(), stopped.tail()
    assert shares == sorted(shares), f"the shares of v2 after the stopped replica went on: {shares}"
    assert_history(one, id, [*BEGIN, *step(0, 10), *step(1, 50), *step(2, 100), *ENDING])
    assert starts(one, since) == names("v2", (1, 2))
    await assert_stands(one, "v2")
    await told_once(one, id, "Succeeded")


async def watched(one: House, stopped: House, version: str) -> tuple[list[int], int]:
    """The shares of a version until the replica that went on has ended, and its exit code."""
    shares: list[int] = []
    async with asyncio.timeout(ENDS_WITHIN):
        ended = asyncio.ensure_future(stopped.ended())
        while not ended.done():
            shares.append(next((share for name, share in (await reading(one)).weights.items() if name == version), 0))
            await asyncio.sleep(LOOK)
    return shares, await ended
