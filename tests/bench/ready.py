"""How long a start takes."""

import asyncio
from collections.abc import Sequence
from typing import Final

import aiohttp

from tests.bench.figure import Figure
from tests.bench.shop import open_shop
from tests.fakes.house import House
from tests.fakes.scene import Scene

RUNS: Final = 7
HOW: Final = (
    "from starting the process until `/readyz` has answered 200, on the SQLite database of the run before, "
    "with its instances and proxy still running"
)


async def measure() -> Sequence[Figure]:
    """Seconds, after one start that is not counted."""
    async with open_shop(Scene()) as house:
        await _start(house)
        runs = [await _start(house) for _ in range(RUNS)]
    return [Figure("Start to ready", "s", tuple(runs), HOW, aim=2.5)]


async def _start(house: House) -> float:
    await house.stop()
    loop = asyncio.get_running_loop()
    begin = loop.time()
    await house.start(connected=False)
    async with aiohttp.ClientSession() as session, session.get(f"{house.board}/readyz") as answer:
        assert answer.status == 200, await answer.text()
    return loop.time() - begin
