"""`/ops report`: what may be written, who may ask, and what is answered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alerting.incidents.incident import Incident, IncidentId, Suspect
from bot.readings.reports import Wanted, make_report
from bot.routes.reports import ReportRooms, report_routes
from bot.views.outcome import render_outcome
from bot.views.report import render_report
from bot.words.commands import parse
from bot.words.grammar import Misunderstood, Vocabulary
from bot.words.reports import ShowReport
from engine.catalog import EnvironmentName, ServiceName, Version
from engine.commands import Actor, Request, Response
from engine.deployments.deployment import DeploymentId, PersonId, Purpose, State
from engine.deployments.journal import Summary
from engine.deployments.report import report
from engine.security.identity import Person
from engine.security.permissions import Permission, Role

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
VOCABULARY = Vocabulary({"shop": ["production"]}, ["production"])


def deployment(ago: timedelta, state: State = State.SUCCEEDED, service: str = "shop") -> Summary:
    at = NOW - ago
    return Summary(
        id=DeploymentId(f"d-{ago / HOUR:g}"),
        service=ServiceName(service),
        environment=EnvironmentName("production"),
        version=Version("v2"),
        previous=Version("v1"),
        purpose=Purpose.DEPLOY,
        state=state,
        outcome=None,
        reason="",
        requested_by=PersonId("ada"),
        requested_at=at,
        started_at=at,
        ended_at=at + timedelta(minutes=12),
        updated_at=at,
        step=0,
        steps=1,
        weight=100,
    )


def incident(ago: timedelta, *suspects: str) -> Incident:
    at = NOW - ago
    found = [
        Suspect(name, "shop", "production", "v2", "v1", "ada", at, rank, "", can_roll_back=True)
        for rank, name in enumerate(suspects, 1)
    ]
    return Incident(
        id=IncidentId(f"i-{ago / HOUR:g}"),
        key="HighErrors",
        title="HighErrors",
        service="shop",
        environment="production",
        severity="critical",
        channel="incidents",
        policy="primary",
        opened_at=at,
        suspects=tuple(found),
    )


class Journal:
    """Both journals at once: the newest first."""

    def __init__(self, *known: Any) -> None:
        self._known = known

    async def recent(self, limit: int = 20) -> Any:
        return self._known[:limit]


@pytest.mark.parametrize(
    ("line", "days"), [("report", 30), ("report 7", 7), ("report 90d", 90), ("report 1 day", 1), ("REPORT 14 days", 14)]
)
def test_days_are_read(line: str, days: int) -> None:
    assert parse(line, VOCABULARY) == ShowReport(days)


@pytest.mark.parametrize("line", ["report 0", "report 367", "report soon", "report 7 weeks", "report -1", "report ٣"])
def test_what_is_no_number_of_days_is_told(line: str) -> None:
    with pytest.raises(Misunderstood) as told:
        parse(line, VOCABULARY)
    assert told.value.usage == "/ops report [DAYS]"


async def test_whoever_may_look_may_ask_and_gets_the_figures() -> None:
    rooms = ReportRooms(Journal(deployment(HOUR), deployment(9 * HOUR)), Journal(), "http://board", lambda: NOW)
    route = report_routes(rooms)[ShowReport]
    assert route.permission is Permission.VIEW
    person = Person(PersonId("cleo"), "Cleo", (), roles={"*": Role.VIEWER})
    request = Request("r", NOW, "chat", Actor("token", "cleo"), ShowReport(7))
    response = Response("r", NOW, ok=True, data=await route.handle(request, person))
    message = render_outcome(request.command, response, mention=str)
    assert message.text.startswith("Deployments of the last 7 days: 2 a week, lead time 12m")
    assert "http://board/reports?days=7" in str(message.blocks)
    assert "*shop* in production: 2 a week · lead 12m · failed 0 % · 0 of 2" in str(message.blocks)


async def test_an_incident_counts_by_its_first_suspect_and_only_where_it_is_asked_for() -> None:
    known = Journal(deployment(HOUR), deployment(9 * HOUR))
    incidents = Journal(incident(2 * HOUR), incident(4 * HOUR, "d-9", "d-1"))
    found = await make_report(Wanted(7), known, incidents, now=NOW)
    assert (found.figures.restored, found.figures.restore_time) == (1, 3 * HOUR + timedelta(minutes=12))
    elsewhere = await make_report(Wanted(7, "cart"), known, incidents, now=NOW)
    assert (elsewhere.figures.changes, elsewhere.figures.restored) == (0, 0)


async def test_a_long_history_is_read_as_far_back_as_is_needed() -> None:
    known = Journal(*(deployment(n * HOUR) for n in range(1, 3000)))
    found = await make_report(Wanted(90), known, Journal(), now=NOW)
    assert found.figures.deployments == 90 * 24


def test_nothing_and_very_much_are_told_within_the_limits_of_a_message() -> None:
    empty = render_report(report([], [], now=NOW, days=1), board="http://board")
    assert "Nothing was deployed in the last day." in str(empty.blocks)
    many = [deployment(n * HOUR, State.FAILED, f"service-{n}") for n in range(1, 200)]
    message = render_report(report(many, [], now=NOW, days=30))
    assert "And 179 more on the board." in str(message.blocks)
    assert "100 % · 199 of 199" in str(message.blocks)
    assert len(message.blocks) <= 50
