"""Alerting's incidents and on-call over memory and a virtual clock, with the neighbours faked."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from alerting.errors import AlertingError
from alerting.incidents.desk import IncidentDesk
from alerting.incidents.incident import Incident, IncidentAlert, IncidentId, PageStep, PersonId, incident_of
from alerting.incidents.intake import AlertChange, Place
from alerting.incidents.journal import IncidentJournal
from alerting.incidents.suspects import Change
from alerting.oncall.escalation import EscalationPolicy
from alerting.oncall.escalator import Escalator
from alerting.oncall.rotation import Rotation
from storage.events import EventLog
from tests.fakes.memory_storage import MemoryDatabase

START = datetime(2026, 3, 2, 10, tzinfo=UTC)
ADA, BOB, CY = PersonId("ada"), PersonId("bob"), PersonId("cy")
POLICY = EscalationPolicy(
    "shop",
    (PageStep(0.0, ("schedule:first",)), PageStep(60.0, ("schedule:first/next",)), PageStep(120.0, ("person:cy",))),
)
ROTATIONS = {"first": Rotation("first", (ADA, BOB), START - timedelta(days=1))}
PLACE = Place("shop", "#incidents", "shop", {"service": "shop"})
UNPAGED = Place("shop", "#alerts")


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def alert(name: str = "Slow", since: float = 0, *, value: float = 1.0, **labels: str) -> IncidentAlert:
    """An alert of the shop that fires since so many seconds after START."""
    words = {"alertname": name, "service": "shop", "environment": "production", "severity": "page", **labels}
    return IncidentAlert(f"fp-{name}", name, words, {"summary": f"{name} in the shop"}, value, START + seconds(since))


def firing(name: str = "Slow", since: float = 0, *, value: float = 1.0, seen: float | None = None) -> AlertChange:
    seen_at = None if seen is None else START + seconds(seen)
    return AlertChange("firing", replace(alert(name, since, value=value), seen_at=seen_at))


def resolved(name: str = "Slow", since: float = 0, ended: float = 30) -> AlertChange:
    at = START + seconds(ended)
    return AlertChange("resolved", replace(alert(name, since), ended_at=at, seen_at=at))


@dataclass
class Clock:
    """Time that moves only when a test says so."""

    at: datetime = START

    def __call__(self) -> datetime:
        return self.at

    @property
    def passed(self) -> float:
        """Seconds since START."""
        return (self.at - START).total_seconds()


@dataclass
class FakePager:
    """Tells each key once; `trouble` decides by person what to raise instead. `keys` are all that got through."""

    clock: Clock
    trouble: Callable[[PersonId], AlertingError | None] = lambda _: None
    told: list[tuple[PersonId, float]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    tries: list[tuple[PersonId, float]] = field(default_factory=list)

    async def page(self, key: str, incident: Incident, person: PersonId, level: int) -> None:
        self.tries.append((person, self.clock.passed))
        failure = self.trouble(person)
        if failure is not None:
            raise failure
        self.keys.append(key)
        if self.keys.count(key) == 1:
            self.told.append((person, self.clock.passed))


@dataclass
class FakeDurable:
    """Loops as a table of when each is due; a subject that ended stays ended, as with the real engine."""

    clock: Clock
    due: dict[str, datetime] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    starts: list[str] = field(default_factory=list)

    async def start(self, subject: str) -> None:
        self.starts.append(subject)
        if subject not in self.ended:
            self.due.setdefault(subject, self.clock.at)

    async def wake(self, subject: str) -> None:
        if subject in self.due:
            self.due[subject] = self.clock.at


@dataclass
class FakeChanges:
    """What was changed lately, or the failure to know."""

    known: Sequence[Change] = ()
    failure: AlertingError | None = None

    async def changes(self, since: datetime) -> Sequence[Change]:
        if self.failure is not None:
            raise self.failure
        return [change for change in self.known if change.at >= since or change.in_progress]


@dataclass
class FakeQuiet:
    """Silences by the name of the alert."""

    until: dict[str, datetime] = field(default_factory=dict)

    def silenced_until(self, labels: Mapping[str, str], now: datetime) -> datetime | None:
        end = self.until.get(labels["alertname"])
        return end if end is not None and end > now else None


@dataclass
class World:
    """All of it. `restart` makes new agents over the same log, loops and chat, as a new process would."""

    policies: Mapping[str, EscalationPolicy] = field(default_factory=lambda: {"shop": POLICY})
    place: Place = PLACE
    rotations: Mapping[str, Rotation] = field(default_factory=lambda: ROTATIONS)

    def __post_init__(self) -> None:
        self.clock = Clock()
        self.database = MemoryDatabase()
        self.log: EventLog = self.database.log
        self.pager = FakePager(self.clock)
        self.durable = FakeDurable(self.clock)
        self.changes = FakeChanges()
        self.quiet = FakeQuiet()
        self.restart()

    def restart(self) -> None:
        self.journal = IncidentJournal(self.log)
        self.escalator = Escalator(self.journal, self.rotations, self.pager, self.quiet, now=self.clock)
        self.desk = IncidentDesk(
            self.journal, self.policies, self.rotations, self.changes, self.durable, now=self.clock
        )

    async def take(self, changes: Sequence[AlertChange]) -> None:
        """Tell the desk of a group's alerts."""
        await self.desk.take(changes, self.place)

    async def run(self, until: float) -> None:
        """Let the loops take their turns up to so many seconds after START."""
        end = START + seconds(until)
        while self.durable.due and min(self.durable.due.values()) <= end:
            subject, at = min(self.durable.due.items(), key=lambda item: item[1])
            self.clock.at = max(self.clock.at, at)
            await self.turn(subject)
        self.clock.at = end

    async def turn(self, subject: str) -> None:
        wait = await self.escalator.turn(subject)
        if wait is None:
            self.durable.ended.add(subject)
            del self.durable.due[subject]
        else:
            self.durable.due[subject] = self.clock.at + wait

    async def only(self) -> Incident:
        """The one incident there is."""
        (incident,) = await self.journal.recent()
        return incident

    async def opened(self) -> IncidentId:
        """Open the usual incident and return its id."""
        await self.take([firing()])
        return (await self.only()).id

    def subjects(self) -> list[IncidentId]:
        return [incident_of(subject) for subject in self.durable.due]
