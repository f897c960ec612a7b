"""Requests that fail while canaries shift the traffic."""

import asyncio
from collections.abc import Sequence
from typing import Final

from tests.bench.figure import Figure
from tests.bench.shop import open_shop
from tests.fakes.house import House
from tests.fakes.scene import Scene

RATE: Final = 200.0  # requests a second
SHIFTS: Final = 20
STEPS: Final = ((10, "300ms"), (25, "300ms"), (50, "300ms"), (100, "300ms"))
WARM_UP: Final = 200  # requests


async def measure() -> Sequence[Figure]:
    """All requests that were not answered with success, over 20 shifts."""
    async with open_shop(Scene(steps=STEPS)) as house, house.load(rate=RATE) as load:
        begin = asyncio.get_running_loop().time()
        await load.wait(lambda one: one.ok > WARM_UP)
        shifts = [await _canary(house, f"v{2 - index % 2}") for index in range(SHIFTS // len(STEPS))]
        seconds = asyncio.get_running_loop().time() - begin
    assert sum(shifts) == SHIFTS, shifts
    how = (
        f"{load.sent} requests in {seconds:.0f} s through the proxy while {len(shifts)} canaries shifted {SHIFTS} "
        "times, each with two new instances started and two old ones drained and stopped; "
        "lost connections and answers of 5xx count as failed"
    )
    return [Figure(f"Failed requests over {SHIFTS} canary shifts", "requests", (load.lost + load.failed,), how, aim=0)]


async def _canary(house: House, version: str) -> int:
    """Bring the version out; how often it shifted."""
    id = await house.bring_out(version)  # noqa: A001
    return sum(one.type == "WeightShifted" for one in house.chronicle.of(id))
