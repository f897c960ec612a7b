"""Who may silence what, and what comes of it, behind the one door."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from alerting.commands import ExpireSilence, SetSilence, SilenceIncident
from alerting.incidents.events import IncidentOpened
from alerting.incidents.incident import IncidentAlert, IncidentId
from alerting.incidents.journal import IncidentJournal
from alerting.routing.matcher import Matcher, Op
from alerting.silences.desk import SilenceDesk
from alerting.silences.silence import Silence, SilenceId
from bot.inputs.api.summaries import silence_line
from bot.readings.held_back import TOLD, HeldBack
from bot.readings.now import AlertRow
from bot.routes.silences import SilenceRooms, incident_matchers, silence_routes
from bot.views.outcome import render_outcome
from bot.words.commands import ShowAlerts, ShowSilences
from engine.commands import Actor, Request, Response
from engine.orchestrator import Orchestrator
from engine.security.audit import STREAM, Audit
from engine.security.identity import Directory, Person
from engine.security.permissions import Role
from tests.fakes.blockkit import KNOWN_USER, check, words
from tests.fakes.clock import VirtualClock
from tests.fakes.memory_storage import MemoryDatabase

HOUR = timedelta(hours=1)
PEOPLE = {
    "ada": {"*": Role.DEPLOYER},
    "cleo": {"*": Role.VIEWER},
    "sue": {"staging": Role.DEPLOYER},
    "dan": {"*": Role.DEPLOYER, "production": Role.VIEWER},
}
DOWN = Matcher("alertname", Op.EQUAL, "Down")


def of(environment: str, op: Op = Op.EQUAL) -> Matcher:
    return Matcher("environment", op, environment)


@dataclass
class House:
    clock: VirtualClock = field(default_factory=VirtualClock)
    rows: list[AlertRow] = field(default_factory=list)
    holds: dict[str, HeldBack] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.database = MemoryDatabase(self.clock)
        self.desk = SilenceDesk(self.database.log, now=self.clock)
        self.incidents = IncidentJournal(self.database.log)
        people = Directory(
            Person(name, name.title(), (("T0", name),), roles=roles)  # type: ignore[arg-type]
            for name, roles in PEOPLE.items()
        )
        self.door = Orchestrator(
            silence_routes(SilenceRooms(self.desk, self.incidents, lambda: self.rows, self.held, self.clock)),
            lambda: people,
            Audit(self.database.log, now=self.clock),
            self.database.claims,
            self.database.records,
            _ignore,
            _ignore,
            now=self.clock,
        )
        self._asked = 0

    async def ask(self, command: object, by: str = "ada", request: str = "") -> Response:
        self._asked += 1
        made = Request(request or f"r-{self._asked}", self.clock(), "chat", Actor("slack", by, "T0"), command)
        answer = await self.door.handle(made)
        if answer.ok:
            check(render_outcome(command, answer, mention=lambda _: KNOWN_USER))
        return answer

    def held(self, row: AlertRow) -> HeldBack:
        return self.holds.get(row.name, TOLD)

    async def pushed(self, matchers: tuple[Matcher, ...]) -> SilenceId:
        """One that another client made."""
        now = self.clock()
        return await self.desk.set(Silence(SilenceId(""), matchers, now, now + HOUR, now, "x", ""))

    def fire(self, name: str, state: str = "firing", **labels: str) -> None:
        self.rows.append(AlertRow(name, state, {"alertname": name, **labels}, {}, 1.0, self.clock()))

    async def open(self, group: dict[str, str], *alerts: dict[str, str]) -> IncidentId:
        told = tuple(
            IncidentAlert(str(number), "Down", labels, {}, 1.0, self.clock()) for number, labels in enumerate(alerts)
        )
        event = IncidentOpened("k", "Down", "page", "ops", "", "", told, group=group)
        await self.incidents.open(IncidentId("i-1"), event, at=self.clock())
        return IncidentId("i-1")


async def _ignore(*_: object) -> None:
    return None


@pytest.fixture(name="house")
async def a_house() -> House:
    house = House()
    await house.desk.load()
    return house


async def test_a_silence_from_chat(house: House) -> None:
    house.fire("Down", environment="staging")
    answer = await house.ask(SetSilence((DOWN,), HOUR, "upgrade"))
    (silence,) = house.desk.all()
    assert (silence.created_by, silence.comment, silence.ends_at) == ("ada", "upgrade", house.clock() + HOUR)
    told = words(render_outcome(SetSilence((DOWN,), HOUR, "x"), answer, mention=str).blocks)
    assert "Mutes 1 alert" in told
    shown = (await house.ask(ShowAlerts())).data["alerts"]
    assert [one.state for one in shown] == ["silenced"]
    listed = (await house.ask(ShowSilences(), "cleo")).data["silences"]
    assert [(one.silence, one.muted) for one in listed] == [(silence, 1)]


async def test_it_is_written_down_and_done_once(house: House) -> None:
    for _ in range(2):
        assert (await house.ask(SetSilence((DOWN,), HOUR, "upgrade"), request="same")).ok
    assert len(house.desk.all()) == 1
    (entry,) = await house.database.log.read(STREAM)
    assert entry.data["action"] == "silence"


@pytest.mark.parametrize(
    ("by", "matchers", "allowed"),
    [
        ("ada", (DOWN,), True),
        ("cleo", (DOWN,), False),
        ("sue", (DOWN,), False),
        ("sue", (DOWN, of("staging")), True),
        ("sue", (DOWN, of("production")), False),
        ("sue", (DOWN, of("staging|production", Op.REGEX)), False),
        ("dan", (DOWN,), False),
        ("dan", (DOWN, of("production", Op.NOT_EQUAL)), True),
        ("dan", (DOWN, of("prod.*", Op.REGEX)), False),
        ("dan", (DOWN, of("staging")), True),
        ("dan", (DOWN, of("production")), False),
    ],
)
async def test_who_may_silence_what(house: House, by: str, matchers: tuple[Matcher, ...], allowed: bool) -> None:
    answer = await house.ask(SetSilence(matchers, HOUR, "x"), by)
    assert answer.ok is allowed
    assert answer.kind == ("" if allowed else "Denied")
    assert len(house.desk.all()) == allowed
    made = await house.pushed(matchers)
    assert (await house.ask(ExpireSilence(made), by)).ok is allowed


async def test_until_resolved_needs_something_that_fires(house: House) -> None:
    house.fire("Down", "pending")
    answer = await house.ask(SetSilence((DOWN,), None, "x"))
    assert "it would end at once" in answer.error
    house.fire("Down")
    assert (await house.ask(SetSilence((DOWN,), None, "x"))).ok
    assert house.desk.all()[0].until_resolved


async def test_an_id_may_be_short_while_it_is_clear(house: House) -> None:
    await house.ask(SetSilence((DOWN,), HOUR, "x"))
    (silence,) = house.desk.all()
    for short, kind in ((silence.id[:3], "NotFound"), ("zzzz", "NotFound"), ("", "NotFound")):
        assert (await house.ask(ExpireSilence(SilenceId(short)))).kind == kind
    assert (await house.ask(ExpireSilence(SilenceId(silence.id[:6])), "cleo")).kind == "Denied"
    assert (await house.ask(ExpireSilence(SilenceId(silence.id[:6])))).ok
    again = await house.ask(ExpireSilence(silence.id))
    assert (again.kind, again.error) == ("NotNow", "This silence has ended already.")


async def test_an_incident_is_silenced_by_its_group(house: House) -> None:
    here = {"alertname": "Down", "environment": "staging", "instance": "a"}
    incident = await house.open({"alertname": "Down", "service": "shop"}, here, {**here, "instance": "b"})
    assert (await house.ask(SilenceIncident(incident, HOUR), "sue")).ok
    (silence,) = house.desk.all()
    assert [str(one) for one in silence.matchers] == ['alertname="Down"', 'environment="staging"', 'service="shop"']
    assert (silence.channel, silence.incident, silence.comment) == ("ops", "i-1", "Down (i-1)")
    assert (await house.ask(SilenceIncident(IncidentId("gone"), HOUR))).kind == "NotFound"
    house.clock.advance(HOUR / 2)
    assert (await house.ask(SilenceIncident(incident, 4 * HOUR), "ada")).ok
    (longer,) = house.desk.all()
    assert (longer.id, longer.ends_at) == (silence.id, house.clock() + 4 * HOUR)


async def test_an_incident_in_two_places_takes_a_role_in_both(house: House) -> None:
    incident = await house.open({"alertname": "Down"}, {"environment": "staging"}, {"environment": "production"})
    assert [str(one) for one in incident_matchers(await house.incidents.load(incident))] == ['alertname="Down"']
    assert (await house.ask(SilenceIncident(incident, HOUR), "sue")).kind == "Denied"
    assert (await house.ask(SilenceIncident(incident, HOUR), "dan")).kind == "Denied"
    assert (await house.ask(SilenceIncident(incident, HOUR), "ada")).ok


async def test_a_group_without_labels_is_silenced_by_name(house: House) -> None:
    incident = await house.open({}, {"alertname": "Down"})
    assert [str(one) for one in incident_matchers(await house.incidents.load(incident))] == ['alertname="Down"']


async def test_alerts_are_narrowed_by_matchers(house: House) -> None:
    house.fire("Down")
    house.fire("Slow")
    answer = await house.ask(ShowAlerts((DOWN,)), "cleo")
    assert [one.row.name for one in answer.data["alerts"]] == ["Down"]
    assert answer.data["asked"] == 'alertname="Down"'


async def test_alerts_say_what_holds_them_back(house: House) -> None:
    house.fire("Down")
    house.fire("Slow")
    house.holds = {"Down": HeldBack("RackDown", ("nights",)), "Slow": HeldBack("", ("nights",), in_part=True)}
    answer = await house.ask(ShowAlerts(), "cleo")
    assert [one.state for one in answer.data["alerts"]] == ["inhibited", "firing"]


async def test_last_events_tell_of_it(house: House) -> None:
    await house.ask(SetSilence((DOWN,), HOUR, "upgrade"))
    (silence,) = house.desk.all()
    await house.ask(ExpireSilence(silence.id))
    made = await house.pushed((DOWN,))
    house.clock.advance(HOUR)
    await house.desk.tick(house.clock(), [])
    facts = [*await house.database.log.read(f"silence-{silence.id}"), *await house.database.log.read(f"silence-{made}")]
    lines: list[Any] = [silence_line(fact) for fact in facts]
    assert lines[0] == 'ada silenced alertname="Down" until 2026-01-05 10:00 UTC: upgrade'
    assert lines[1] == 'ada ended the silence of alertname="Down".'
    assert lines[3] == 'The silence of alertname="Down" has ended.'
