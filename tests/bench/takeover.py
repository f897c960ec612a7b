"""How soon another replica drives what one was driving when it was killed."""

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bot.clock.membership import TTL
from engine.deployments.journal import subject_of
from tests.bench.figure import Figure, NotHere
from tests.fakes import postgres
from tests.fakes.house import House
from tests.fakes.scene import Scene
from tests.fakes.twin import Pair, Twin

RUNS: Final = 3
AIM: Final = TTL.total_seconds() * 4 / 3 + 1
SCENE: Final = Scene(steps=((10, "2s"), (100, "0s")), instances=1)
HOW: Final = (
    "two replicas on one PostgreSQL; from kill -9 of the one that drives, in a canary's dwell of 2 s, "
    "until the deployment's next event is in the log, written by the other"
)


async def measure() -> Sequence[Figure]:
    """Seconds. Raises NotHere without PostgreSQL."""
    if reason := postgres.missing():
        raise NotHere(reason)
    server = postgres.shared_server()
    url = server.new_database()
    try:
        with tempfile.TemporaryDirectory() as room:
            runs = await _runs(Path(room), url)
    finally:
        await asyncio.to_thread(server.drop_database, url)
    return [Figure("kill -9 to taken over by another replica", "s", tuple(runs), HOW, aim=AIM)]


async def _runs(room: Path, url: str) -> list[float]:
    async with House(room, SCENE, database_url=url) as one:
        await one.start()
        await one.bring_out("v1")
        async with Twin(room / "twin", one) as two:
            await two.start()
            pair = Pair(one, two)
            return [await _run(pair, f"v{2 - index % 2}") for index in range(RUNS)]


async def _run(pair: Pair, version: str) -> float:
    one, loop = pair.one, asyncio.get_running_loop()
    id = await one.deploy("ada", version)  # noqa: A001
    await one.approve("ben", id)
    await one.chronicle.wait_type("WeightShifted", subject_of(id))
    driver = await pair.driver(id)
    begin = loop.time()
    await driver.kill()
    before = one.chronicle.last()
    await one.chronicle.wait(lambda seen: seen.stream == subject_of(id), after=before, within=AIM * 2, why="A takeover")
    taken = loop.time() - begin
    await driver.start()
    await one.end_of(id, "DeploymentSucceeded")
    return taken
