"""Deployments by the clock: which slots, once each, and what is told of those that were missed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from bot.inputs.schedules import AGAIN, DeployByClock, due
from bot.settings.cron import parse_cron
from bot.settings.triggers import DeploySchedule
from engine.commands import Deploy, Request, Response
from engine.errors import TemporaryFailure
from tests.fakes.clock import VirtualClock
from tests.fakes.memory_storage import MemoryDatabase

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
MONDAY = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def slots(cron: str, zone: str, after: datetime, count: int = 3) -> list[str]:
    found = parse_cron(cron, zone)
    times: list[str] = []
    while len(times) < count and (at := found.next_after(after)) is not None:
        times.append(f"{at:%m-%d %H:%M}")
        after = at
    return times


@pytest.mark.parametrize(
    ("cron", "zone", "after", "told"),
    [
        ("* * * * *", "UTC", MONDAY + 30 * SECOND, ["01-05 09:01", "01-05 09:02", "01-05 09:03"]),
        ("0 3 * * *", "Europe/Paris", MONDAY, ["01-06 02:00", "01-07 02:00", "01-08 02:00"]),
        ("0 0 * * 0", "UTC", MONDAY, ["01-11 00:00", "01-18 00:00", "01-25 00:00"]),
        ("0 0 * * 7", "UTC", MONDAY, ["01-11 00:00", "01-18 00:00", "01-25 00:00"]),
        ("0 0 * * 1-5", "UTC", MONDAY + timedelta(days=3), ["01-09 00:00", "01-12 00:00", "01-13 00:00"]),
        ("0 0 * * fri-mon/2", "UTC", MONDAY, ["01-09 00:00", "01-11 00:00", "01-16 00:00"]),
        ("0 0 * * */3", "UTC", MONDAY, ["01-07 00:00", "01-10 00:00", "01-11 00:00"]),
        ("15 14 1 * *", "UTC", MONDAY, ["02-01 14:15", "03-01 14:15", "04-01 14:15"]),
        # Summer time ends: half past two comes twice and counts once, unless every hour counts.
        (
            "30 2 * * *",
            "Europe/Berlin",
            datetime(2026, 10, 24, 12, tzinfo=UTC),
            ["10-25 00:30", "10-26 01:30", "10-27 01:30"],
        ),
        (
            "30 * * * *",
            "Europe/Berlin",
            datetime(2026, 10, 25, 0, tzinfo=UTC),
            ["10-25 00:30", "10-25 01:30", "10-25 02:30"],
        ),
        # It begins: half past two does not come, and is an hour later.
        (
            "30 2 * * *",
            "Europe/Berlin",
            datetime(2026, 3, 28, 12, tzinfo=UTC),
            ["03-29 01:30", "03-30 00:30", "03-31 00:30"],
        ),
    ],
)
def test_slots_are_those_of_cron(cron: str, zone: str, after: datetime, told: list[str]) -> None:
    assert slots(cron, zone, after) == told


@pytest.mark.parametrize(
    ("cron", "told"),
    [
        ("daily", "has 1 fields"),
        ("0 3 * * * *", "has 6 fields"),
        ("60 3 * * *", "can't be read"),
        ("0 3 * * 8", "'8' is no day of the week"),
        ("0 3 * * someday", "'someday' is no day of the week"),
        ("0 3 * * */0", "no step of days"),
        ("0 3 1 * mon", "both a day of the month and a day of the week"),
        ("0 3 31 2 *", "never comes"),
    ],
)
def test_what_is_no_time_is_refused(cron: str, told: str) -> None:
    with pytest.raises(ValueError, match=told.replace("'", ".")):
        parse_cron(cron, "UTC")


def test_all_times_of_an_absence_are_counted_to_a_limit() -> None:
    schedule = DeploySchedule("often", parse_cron("* * * * *", "UTC"), "shop", "staging", "v1", MINUTE)
    found = due(schedule, since=MONDAY, now=MONDAY + timedelta(minutes=90, seconds=5))
    assert found is not None
    assert (found.newest, found.missed) == (MONDAY + 90 * MINUTE, 89)
    assert due(schedule, since=MONDAY, now=MONDAY + 59 * SECOND) is None


@dataclass
class Scene:
    """The clock's deployments with a door that answers as `answers` says, or that all is well."""

    version: str = "latest"
    grace: timedelta = 5 * MINUTE
    clock: VirtualClock = field(default_factory=lambda: VirtualClock(MONDAY))
    database: MemoryDatabase = field(default_factory=MemoryDatabase)
    asked: list[Request] = field(default_factory=list)
    answers: list[Response] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    running: str | None = "v1"
    there: Sequence[str] = ("v1", "v2")
    unwell: bool = False

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Another process goes on."""
        cron = parse_cron("0 * * * *", "UTC")
        schedule = DeploySchedule("hourly", cron, "shop", "staging", self.version, self.grace)
        records = self.database.records
        self.agent = DeployByClock([schedule], records, self, self.versions, self.runs, self.tell, now=self.clock)

    async def handle(self, request: Request) -> Response:
        self.asked.append(request)
        return self.answers.pop(0) if self.answers else Response(request.id, self.clock(), ok=True)

    async def versions(self, service: str, environment: str) -> Sequence[str]:
        if self.unwell:
            raise TemporaryFailure("The registry is away.")
        return self.there

    async def runs(self, service: str, environment: str) -> str | None:
        return self.running

    async def tell(self, what: str, remedy: str) -> None:
        self.told.append(f"{what} {remedy}")

    async def later(self, time: timedelta) -> None:
        await self.agent.tick(self.clock.advance(time))


async def begun(**changes: object) -> Scene:
    scene = Scene(**changes)  # type: ignore[arg-type]
    await scene.later(timedelta(0))
    return scene


async def test_a_slot_is_done_once_by_the_system() -> None:
    scene = await begun()
    for _ in range(130):
        await scene.later(MINUTE)
    assert [one.command for one in scene.asked] == [Deploy("shop", "v2", "staging")] * 2
    assert [one.id for one in scene.asked] == [
        f"schedule:hourly:{(MONDAY + number * HOUR).isoformat()}" for number in (1, 2)
    ]
    assert {(one.source, one.actor.kind) for one in scene.asked} == {("schedule", "system")}
    assert not scene.told


async def test_what_runs_already_is_not_deployed() -> None:
    scene = await begun(running="v2")
    await scene.later(HOUR)
    assert not scene.asked
    assert not scene.told


async def test_a_short_absence_is_made_up_for_and_a_long_one_is_told() -> None:
    scene = await begun()
    await scene.later(HOUR + 4 * MINUTE)
    assert len(scene.asked) == 1
    scene.restart()
    await scene.later(3 * HOUR + 10 * MINUTE)
    assert len(scene.asked) == 1
    (told,) = scene.told
    assert "hourly (shop latest to staging) was missed 3 times, the last one due at 2026-01-05 13:00 UTC" in told
    await scene.later(MINUTE)
    assert len(scene.told) == 1


async def test_of_several_missed_ones_the_last_is_made_up_for() -> None:
    scene = await begun()
    await scene.later(2 * HOUR + MINUTE)
    assert [one.id for one in scene.asked] == [f"schedule:hourly:{(MONDAY + 2 * HOUR).isoformat()}"]
    (told,) = scene.told
    assert "was missed 1 time." in told


async def test_a_crash_before_it_was_noted_asks_the_same_again() -> None:
    scene = await begun()
    put = scene.database.records.put

    async def crash(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    scene.database.records.put = crash  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        await scene.later(HOUR)
    scene.database.records.put = put  # type: ignore[method-assign]
    scene.restart()
    await scene.later(SECOND)
    first, second = scene.asked
    assert first.id == second.id


async def test_what_fails_for_a_moment_is_asked_again_until_its_time_is_over() -> None:
    scene = await begun(unwell=True)
    await scene.later(HOUR)
    scene.unwell = False
    await scene.later(SECOND)
    assert not scene.asked
    scene.answers = [Response("", MONDAY, ok=False, error="Away.", kind="TemporaryFailure")]
    await scene.later(AGAIN)
    await scene.later(AGAIN)
    assert len(scene.asked) == 2
    assert not scene.told


async def test_a_refusal_is_told() -> None:
    scene = await begun()
    scene.answers = [Response("", MONDAY, ok=False, error="Staging is frozen.", remedy="Wait.", kind="NotNow")]
    await scene.later(HOUR)
    assert scene.told == ["The schedule hourly could not deploy: Staging is frozen. Wait."]
    await scene.later(MINUTE)
    assert len(scene.asked) == 1


async def test_without_any_version_it_is_told() -> None:
    scene = await begun(there=())
    await scene.later(HOUR)
    assert "There is no version of shop yet." in scene.told[0]
