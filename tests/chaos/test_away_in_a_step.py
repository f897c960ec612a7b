"""The proxy killed, or the database away, at every event of a deployment: it ends as it would have."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from bot.clock.membership import TTL
from engine.deployments.deployment import DeploymentId
from engine.deployments.journal import subject_of
from engine.infrastructure.processes import find_process, is_alive
from tests.fakes import postgres
from tests.fakes.canary import SEEN
from tests.fakes.falls import BLUE_GREEN, CANARY, WELL, Tale, assert_history, assert_stands, names, starts
from tests.fakes.house import ENDS, House, told_once

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(180)]

WITHIN = 40.0
SHORT = 0.5  # seconds
LONG = TTL.total_seconds() + 1
WHOLE = os.environ.get("PILOTHOUSE_TEST_WHOLE") == "1"


async def blow_by_blow(house: House, id: DeploymentId, blow: Callable[[], Awaitable[None]]) -> int:  # noqa: A002
    """Strike after each effect of the deployment but its last; how often that was."""
    after, blows = house.chronicle.of(id)[0].position, 0
    while True:
        one = await house.chronicle.wait(
            lambda one: one.stream == subject_of(id) and one.type not in SEEN,
            after=after,
            within=WITHIN,
            why="To go on",
        )
        if one.type in ENDS:
            return blows
        after, blows = one.position, blows + 1
        await blow()


async def deployed(house: House) -> DeploymentId:
    id = await house.deploy("ada", "v2")  # noqa: A001
    await house.approve("ben", id)
    await house.chronicle.wait_type("DeploymentApproved", subject_of(id))
    return id


async def assert_well(house: House, id: DeploymentId, tale: Tale, since: int) -> None:  # noqa: A002
    assert_history(house, id, tale.forth)
    assert starts(house, since) == names("v2", (1, 2))
    await assert_stands(house, "v2")
    await told_once(house, id, "Succeeded")


@pytest.mark.parametrize("tale", [CANARY, BLUE_GREEN], ids=lambda one: one.kind)
async def test_the_proxy_is_killed_after_each_effect(tmp_path: Path, tale: Tale) -> None:
    async with House(tmp_path, tale.scene(slow=False)) as house:
        await house.start()
        await house.bring_out("v1")
        since = len(house.starts())

        async def kill_proxy() -> None:
            killed = find_process(house.proxy_pid())
            if killed is not None and is_alive(killed):
                os.kill(killed.pid, signal.SIGKILL)

        async with house.load(rate=30) as load:
            id = await deployed(house)  # noqa: A001
            assert await blow_by_blow(house, id, kill_proxy) > 5
            await load.wait(lambda one: one.versions["v2"] > WELL)
            # While there is no proxy nobody is answered; whoever was answered got no error.
            assert load.failed == 0, load.told()
            assert [one for one in load.losses if one.startswith("50")] == [], load.told()
        await assert_well(house, id, tale, since)


@pytest.mark.parametrize("away", [SHORT, LONG] if WHOLE else [SHORT], ids=lambda one: f"for {one:g} s")
async def test_the_database_goes_in_the_middle(tmp_path: Path, postgres_url: str, away: float) -> None:
    """For a moment after each effect, and once for longer than a lease lives."""
    server = postgres.shared_server()
    async with House(tmp_path, CANARY.scene(slow=False), database_url=postgres_url) as house:
        await house.start()
        await house.bring_out("v1")
        since, pid = len(house.starts()), house.pid

        async def cut_off() -> None:
            await asyncio.to_thread(server.cut_off, postgres_url)
            await asyncio.sleep(away)
            await asyncio.to_thread(server.let_in, postgres_url)

        async with house.load(rate=30) as load:
            id = await deployed(house)  # noqa: A001
            if away == SHORT:
                assert await blow_by_blow(house, id, cut_off) > 5
            else:
                await house.chronicle.wait_type("StepEntered", subject_of(id))
                await cut_off()
            await house.end_of(id, "DeploymentSucceeded")
            await load.wait(lambda one: one.versions["v2"] > WELL)
            assert (load.lost, load.failed) == (0, 0), load.told()
        assert house.pid == pid
        await assert_well(house, id, CANARY, since)
