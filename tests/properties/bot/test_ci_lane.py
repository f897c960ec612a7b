"""Whatever an API does and whenever the process dies: a CI system hears each status once, and the last one surely."""

import asyncio
import itertools
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.inputs.webhooks.wish import Origin
from bot.results.client import Limited, StatusClient
from bot.results.lane import Lane
from bot.results.status import Progress, Status
from bot.results.told import COLLECTION, Subject, data_of, subject_of
from engine.errors import TemporaryFailure
from tests.fakes.clock import VirtualClock
from tests.fakes.memory_storage import MemoryDatabase

FATES = ("well", "lost before", "lost after", "dies before", "dies after", "limited", "dies looking")
STATUSES = {
    "planned": Progress.WAITING,
    "running": Progress.RUNNING,
    "paused": Progress.RUNNING,
    "promoting": Progress.RUNNING,
}
DONE = Status(Progress.SUCCEEDED, "succeeded", "it runs")
SUBJECT = Subject("webhook:runs:1", "runs", Origin("acme/shop", "0" * 40), "d-1")


class Died(BaseException):
    """The process is no more."""


class Api(StatusClient):
    """A CI system that treats each call by the next of its `fates`; well when there is none left."""

    def __init__(self, fates: list[str]) -> None:
        self.fates = fates
        self.heard: list[str] = []

    def word(self, status: Status) -> str:
        return status.step

    async def tell(self, origin: Origin, status: Status) -> None:
        fate = self.fates.pop(0) if self.fates else "well"
        if fate in {"well", "lost after", "dies after"}:
            self.heard.append(status.step)
        match fate:
            case "dies before" | "dies after" | "dies looking":
                raise Died
            case "lost before" | "lost after":
                raise TemporaryFailure("The connection broke.")
            case "limited":
                raise Limited("Too many.", retry_after=timedelta(minutes=1))

    async def told(self, origin: Origin, status: Status) -> bool:
        if self.fates and self.fates[0] == "dies looking":
            self.fates.pop(0)
            raise Died
        return self.heard[-1:] == [status.step]


async def play(fates: list[str], steps: list[str]) -> list[str]:
    """What the API hears of a deployment that takes these steps."""
    api, clock, database = Api(list(fates)), VirtualClock(), MemoryDatabase()

    async def tell(*_: str) -> None:
        raise AssertionError("nothing is to be given up")

    def a_lane() -> Lane:
        return Lane("runs", api, database.records, tell, now=clock)

    await database.records.put(COLLECTION, SUBJECT.request, data_of(SUBJECT), at=clock())
    lane = await _again(a_lane(), database)
    for status in (*(Status(STATUSES[step], step, f"it is {step}") for step in steps), DONE):
        lane.want(SUBJECT.request, status)
        try:
            await lane.step()
        except Died:
            lane = await _again(a_lane(), database)
        clock.advance(timedelta(seconds=3))
    lane.want(SUBJECT.request, DONE)
    for _ in range(40):
        try:
            await lane.step()
        except Died:
            lane = await _again(a_lane(), database)
            lane.want(SUBJECT.request, DONE)
        clock.advance(timedelta(minutes=6))
    assert await database.records.all(COLLECTION) == {}
    return api.heard


async def _again(lane: Lane, database: MemoryDatabase) -> Lane:
    """The lane of the process that comes after."""
    for kept in (await database.records.all(COLLECTION)).values():
        lane.add(subject_of(kept))
    return lane


@settings(max_examples=300, deadline=None)
@given(
    fates=st.lists(st.sampled_from(FATES), max_size=12), steps=st.lists(st.sampled_from(sorted(STATUSES)), max_size=6)
)
def test_each_status_is_heard_once_and_the_last_surely(fates: list[str], steps: list[str]) -> None:
    heard = asyncio.run(play(fates, steps))
    assert heard[-1] == "succeeded"
    assert heard.count("succeeded") == 1
    assert all(one != after for one, after in itertools.pairwise(heard))
    wanted = iter([*steps, "succeeded"])
    assert all(any(one == step for step in wanted) for one in heard), "something was told that was not so"
