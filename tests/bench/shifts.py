"""Requests that fail while canaries and blue-greens take the traffic to and fro, through the whole product."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tests.bench.figure import Figure
from tests.bench.shop import open_shop
from tests.fakes.house import House
from tests.fakes.scene import HEALTHY, Scene

RATE: Final = 100.0  # requests a second
TIMES: Final = 50
WARM_UP: Final = 200  # requests
CANARY: Final = {
    "kind": "canary",
    "steps": [{"weight": 50, "dwell": "0s"}, {"weight": 100, "dwell": "0s"}],
    "gates": [HEALTHY],
}
BLUE_GREEN: Final = {"kind": "blue-green", "gates": [HEALTHY]}


async def measure() -> Sequence[Figure]:
    """All requests that were not answered with success."""
    return [await _measured("canaries", CANARY), await _measured("blue-greens", BLUE_GREEN)]


async def _measured(name: str, strategy: Mapping[str, Any]) -> Figure:
    async with open_shop(Scene(careful=strategy)) as house, house.load(rate=RATE) as load:
        begin = asyncio.get_running_loop().time()
        await load.wait(lambda one: one.ok > WARM_UP)
        shifts = sum([await _shifted(house, f"v{2 - index % 2}") for index in range(TIMES)])
        seconds = asyncio.get_running_loop().time() - begin
    how = (
        f"{load.sent} requests in {seconds:.0f} s through the proxy of the whole product, {shifts} shifts, each "
        "deployment with two new instances started and two old ones drained and stopped; lost connections and answers "
        "of 5xx count as failed"
    )
    return Figure(f"Failed requests over {TIMES} {name}", "requests", (load.lost + load.failed,), how, aim=0)


async def _shifted(house: House, version: str) -> int:
    """Bring the version out; how often it shifted."""
    id = await house.bring_out(version)  # noqa: A001
    return sum(one.type == "WeightShifted" for one in house.chronicle.of(id))
