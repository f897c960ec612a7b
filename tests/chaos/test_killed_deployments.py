"""kill -9 at every event of a deployment of each strategy, one after the other, forth and back, on both databases.

With PILOTHOUSE_TEST_WHOLE=1 every strategy goes through all of it on both databases; else those that find most.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from engine.deployments.deployment import DeploymentId
from engine.deployments.journal import subject_of
from tests.fakes.falls import (
    BLUE_GREEN,
    CANARY,
    RECREATE,
    ROLLING,
    TALES,
    UNDONE,
    WELL,
    Falls,
    Tale,
    assert_history,
    assert_stands,
    names,
    starts,
    until,
)
from tests.fakes.house import House, told_once
from tests.fakes.load import Load

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(180)]

WHOLE = os.environ.get("PILOTHOUSE_TEST_WHOLE") == "1"


def told(*less: tuple[str, Tale]) -> pytest.MarkDecorator:
    """The databases and strategies of a test: all of them, or only `less`."""
    every = [(database, tale) for database in ("sqlite", "postgresql") for tale in TALES]
    chosen = every if WHOLE else less
    return pytest.mark.parametrize(
        ("database", "tale"), chosen, ids=[f"{tale.kind} on {database}" for database, tale in chosen]
    )


@pytest.fixture
def url(request: pytest.FixtureRequest, database: str) -> str:
    """The database of the house."""
    return str(request.getfixturevalue("postgres_url")) if database == "postgresql" else ""


@asynccontextmanager
async def opened(room: Path, tale: Tale, url: str, *, slow: bool = False) -> AsyncIterator[tuple[House, Load]]:
    """A house under load in which v1 runs, and every request is answered but where there has to be a downtime."""
    async with House(room, tale.scene(slow=slow), database_url=url) as house:
        await house.start()
        await house.bring_out("v1")
        proxy = house.proxy_pid()
        async with house.load(rate=30) as load:
            await load.wait(lambda one: one.ok > 5)
            yield house, load
        assert load.failed == 0, load.told()
        answered = [one for one in load.losses if not (tale.downtime and one.startswith("503 "))]
        assert answered == [], load.told()
        assert house.proxy_pid() == proxy


async def approved(house: House, version: str) -> DeploymentId:
    id = await house.deploy("ada", version)  # noqa: A001
    await house.approve("ben", id)
    return id


async def settled(load: Load, version: str) -> None:
    before = load.versions[version]
    await load.wait(lambda one: one.versions[version] > before + WELL)


@told(("sqlite", ROLLING), ("sqlite", BLUE_GREEN), ("postgresql", CANARY))
async def test_killed_at_each_of_its_events_it_ends_the_same(tmp_path: Path, url: str, tale: Tale) -> None:
    async with opened(tmp_path, tale, url) as (house, load):
        since = len(house.starts())
        id = await house.deploy("ada", "v2")  # noqa: A001
        await house.fall(subject_of(id), "DeploymentPlanned")
        after = house.chronicle.last()
        await house.approve("ben", id)
        falls = Falls(house, id, after)
        await falls.until_the_end()
        await settled(load, "v2")
        assert_history(house, id, tale.forth)
        assert starts(house, since) == names("v2", (1, 2))
        await assert_stands(house, "v2")
        await told_once(house, id, "Succeeded")
    assert len(falls.at) >= len(tale.forth) // 2, falls.at


@told(("sqlite", CANARY), ("sqlite", BLUE_GREEN), ("postgresql", RECREATE))
async def test_killed_at_each_event_of_its_way_back_the_old_version_has_it_all(
    tmp_path: Path, url: str, tale: Tale
) -> None:
    async with opened(tmp_path, tale, url, slow=True) as (house, load):
        since = len(house.starts())
        id = await approved(house, "v2")  # noqa: A001
        await until(house, id, tale.abort_at)
        after = house.chronicle.last()
        await (await house.person("ada")).command("deploys", f"/ops abort {id}")
        await house.chronicle.wait_type("AbortAsked", subject_of(id), after=after)
        falls = Falls(house, id, after)
        await falls.until_the_end()
        await settled(load, "v1")
        assert_history(house, id, tale.back)
        assert starts(house, since) == names("v2", tale.started) | names("v1", tale.restarted)
        await assert_stands(house, "v1")
        await told_once(house, id, "aborted")


@told(("sqlite", RECREATE))
async def test_killed_at_each_event_of_a_roll_back_to_the_former_version(tmp_path: Path, url: str, tale: Tale) -> None:
    async with opened(tmp_path, tale, url) as (house, load):
        await house.bring_out("v2")
        since, after = len(house.starts()), house.chronicle.last()
        id = await house.asked("ada", "/ops rollback shop production")  # noqa: A001
        falls = Falls(house, id, after)
        await falls.until_the_end()
        await settled(load, "v1")
        assert_history(house, id, UNDONE)
        assert starts(house, since) == names("v1", (1, 2))
        await assert_stands(house, "v1")
        await told_once(house, id, "Succeeded")
