"""How fast a slash command is acknowledged at 50 commands a second."""

import asyncio
from collections.abc import Sequence
from typing import Final

from bot.workspace import WorkspaceClient
from tests.bench.figure import Figure, percentile
from tests.bench.shop import open_shop
from tests.fakes.house import House
from tests.fakes.scene import Scene

RATE: Final = 50  # commands a second
SECONDS: Final = 6
RUNS: Final = 5
WARM_UP: Final = 50  # commands
LINE: Final = "/ops status"
HOW: Final = (
    f"`{LINE}` typed {RATE} times a second for {SECONDS} s, on time whatever the answers do: from the moment it is due "
    "at the workspace's HTTP API, over Socket Mode to the product, and back to the one who typed; "
    "the answers themselves are delivered within the run too"
)


async def measure() -> Sequence[Figure]:
    """Milliseconds of the median and of the slowest percent, for each run."""
    async with open_shop(Scene()) as house:
        await _run(house, WARM_UP)
        runs = [await _run(house, RATE * SECONDS) for _ in range(RUNS)]
    return [
        Figure("Slash command acknowledged, p50", "ms", tuple(percentile(run, 50) for run in runs), HOW),
        Figure("Slash command acknowledged, p99", "ms", tuple(percentile(run, 99) for run in runs), HOW, aim=50),
    ]


async def _run(house: House, commands: int) -> list[float]:
    person = await house.person("ada")
    loop, mark = asyncio.get_running_loop(), person.mark()
    begin = loop.time() + 0.1
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_typed(person, begin + index / RATE), name=LINE) for index in range(commands)]
    await _answered(person, mark, commands)
    return [task.result() for task in tasks]


async def _typed(person: WorkspaceClient, due: float) -> float:
    """Milliseconds from when it was due."""
    loop = asyncio.get_running_loop()
    await asyncio.sleep(due - loop.time())
    answer = await person.command("deploys", LINE)
    taken = (loop.time() - due) * 1000
    assert answer["ok"], answer
    return taken


async def _answered(person: WorkspaceClient, mark: int, commands: int) -> None:
    """Every command has its private answer."""
    for _ in range(commands):
        await person.wait_for(lambda seen: seen.name == "ephemeral", since=mark)
        mark = next(index for index in range(mark, len(person.seen)) if person.seen[index].name == "ephemeral") + 1
