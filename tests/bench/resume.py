"""How soon a deployment goes on after kill -9."""

import asyncio
from collections.abc import Sequence
from typing import Final

from engine.deployments.journal import subject_of
from tests.bench.figure import Figure
from tests.bench.shop import open_shop
from tests.fakes.house import House
from tests.fakes.scene import Scene

RUNS: Final = 5
INTO_THE_DWELL: Final = 0.5  # seconds
SCENE: Final = Scene(steps=((10, "1s"), (100, "0s")), instances=1)
HOW: Final = (
    "from kill -9 half-way through a canary's dwell of 1 s, with the next start at once, "
    "until the deployment's next event is in the log"
)


async def measure() -> Sequence[Figure]:
    """Seconds, after one kill that is not counted."""
    async with open_shop(SCENE) as house:
        await _run(house, "v2")
        runs = [await _run(house, f"v{1 + index % 2}") for index in range(RUNS)]
    return [Figure("kill -9 to resumed", "s", tuple(runs), HOW, aim=3)]


async def _run(house: House, version: str) -> float:
    id = await house.deploy("ada", version)  # noqa: A001
    await house.approve("ben", id)
    await house.chronicle.wait_type("WeightShifted", subject_of(id))
    await asyncio.sleep(INTO_THE_DWELL)
    loop, before = asyncio.get_running_loop(), house.chronicle.last()
    begin = loop.time()
    await house.kill()
    async with asyncio.TaskGroup() as group:
        group.create_task(house.start(), name="start")
        await house.chronicle.wait(lambda one: one.stream == subject_of(id), after=before, why="The next event")
        taken = loop.time() - begin
    await house.end_of(id, "DeploymentSucceeded")
    return taken
