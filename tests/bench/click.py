"""How soon after a click on Approve the first thing happens to the infrastructure."""

import asyncio
from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import Any, Final

from tests.bench.figure import Figure, NotHere
from tests.bench.shop import open_shop, until
from tests.fakes import postgres
from tests.fakes.house import House, has_button
from tests.fakes.scene import Scene

RUNS: Final = 11
LOOK: Final = 0.001  # seconds
BUTTON: Final = "deployment.approve"
SCENE: Final = Scene(steps=((100, "0s"),), instances=1)
WRITTEN: Final = "from the click at the workspace until the new instance's record is in the data folder"
RUNNING: Final = "from the click at the workspace until the new instance's process has begun"
AIMS: Final = {"SQLite": 300.0, "PostgreSQL": 150.0}  # milliseconds


async def measure() -> Sequence[Figure]:
    """Milliseconds to the first record of a new instance, and to its process, on both databases."""
    if reason := postgres.missing():
        raise NotHere(reason)
    url = postgres.shared_server().new_database()
    return [*await _measured("SQLite", ""), *await _measured("PostgreSQL", url)]


async def _measured(database: str, url: str) -> Sequence[Figure]:
    async with open_shop(SCENE, database_url=url) as house:
        await _run(house, "v2")
        runs = [await _run(house, f"v{1 + index % 2}") for index in range(RUNS)]
    written, running = zip(*runs, strict=True)
    name = f"Click on Approve, {database}"
    return [
        Figure(f"{name}, to the first infrastructure write", "ms", written, WRITTEN, aim=AIMS[database]),
        Figure(f"{name}, to the first new process", "ms", running, RUNNING),
    ]


async def _run(house: House, version: str) -> tuple[float, float]:
    id = await house.deploy("ada", version)  # noqa: A001
    ben = await house.person("ben")
    message = await house.message(id, lambda one: has_button(one, BUTTON))
    times = await _timed(house, ben.click(message, BUTTON))
    await house.end_of(id, "DeploymentSucceeded")
    return times


async def _timed(house: House, click: Awaitable[Any]) -> tuple[float, float]:
    loop, records, starts = asyncio.get_running_loop(), _records(house), len(house.starts())

    async def written() -> bool:
        return bool(_records(house) - records)

    async def running() -> bool:
        return len(house.starts()) > starts

    begin = loop.time()
    async with asyncio.TaskGroup() as group:
        group.create_task(_wait(click), name="click")
        await until(written, look=LOOK)
        record = loop.time()
        await until(running, look=LOOK)
        process = loop.time()
    return (record - begin) * 1000, (process - begin) * 1000


async def _wait(click: Awaitable[Any]) -> None:
    await click


def _records(house: House) -> set[Path]:
    return set((house.data / "instances").glob("*.json"))
