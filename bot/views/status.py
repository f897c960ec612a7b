"""Short private answers about how things are: services, incidents, alerts, who is on call. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

from alerting.incidents.incident import Incident, State
from bot.readings.now import OnCallRow, Overview, ServiceRow
from bot.views.blocks import (
    Block,
    Mention,
    Message,
    code,
    context,
    cut,
    cut_markup,
    divider,
    escape,
    fitted,
    paragraphs,
    plain,
    section,
    when,
)
from bot.views.deployment import state_line, title
from bot.views.numbers import bar
from engine.deployments.deployment import Deployment

Row = TypeVar("Row")

STATE_MARKS: Final = {"running": "🟢", "failed": "🔴", "updating": "🔵", "deploying": "🔵", "scaling": "🔵"}
MOST_VERSIONS: Final = 20  # of a service, the newest
LONGEST_SPOKEN: Final = 1000  # characters of a fallback that lists things
INCIDENT_MARKS: Final = {State.OPEN: "🔴 open", State.ACKNOWLEDGED: "🟡 acknowledged", State.RESOLVED: "✅ resolved"}


def render_status(overview: Overview, *, service: str | None, mention: Mention) -> Message:
    """Services, what is under way, open incidents and who is on call."""
    rows = [row for row in overview.services if service is None or row.service == service]
    flights = [one for one in overview.deployments if service is None or one.plan.service == service]
    incidents = [one for one in overview.incidents if service is None or one.service == service]
    blocks = [
        *_titled("In flight", flights, flight_line, "Nothing is being deployed."),
        *_titled("Incidents", incidents, lambda one: incident_line(one, mention), "Nothing is broken."),
        *_titled("On call", overview.on_call, lambda row: on_call_line(row, mention), "No schedule is set."),
        *_titled("Services", rows, service_line, "No services yet."),
    ]
    # What goes on comes first: of three hundred services, the tail may be left to the board.
    return Message(f"{len(rows)} services, {len(flights)} in flight, {len(incidents)} open incidents", fitted(blocks))


def render_services(rows: Sequence[ServiceRow], versions: Mapping[str, Sequence[str]]) -> Message:
    """What can be deployed, where, and which versions exist."""
    blocks: list[Block] = []
    for name in dict.fromkeys(row.service for row in rows):
        places = [row for row in rows if row.service == name]
        about = f" · {plain(cut(places[0].description, 200))}" if places[0].description else ""
        known = ", ".join(code(version) for version in versions.get(name, ())[-MOST_VERSIONS:]) or "none found"
        lines = [f"*{plain(name)}*{about}", *map(service_line, places)]
        blocks += [*paragraphs(lines), context(f"Versions: {cut_markup(known, 500)}"), divider()]
    if not blocks:
        return Message("No services yet", [section("No services yet. Add one under `services` in pilothouse.yaml.")])
    return Message(escape(cut("Services: " + "; ".join(map(_spoken, rows)), LONGEST_SPOKEN)), fitted(blocks))


def _spoken(row: ServiceRow) -> str:
    version = row.component.version if row.component and row.component.version else "nothing"
    return f"{row.service} in {row.environment} runs {version}"


def render_incidents(incidents: Sequence[Incident], *, mention: Mention) -> Message:
    """The open incidents."""
    return _list("Open incidents", incidents, lambda one: incident_line(one, mention), "Nothing is broken.")


def render_on_call(rows: Sequence[OnCallRow], *, mention: Mention) -> Message:
    """Who has which shift."""
    nobody = "No schedule is set. Add one under `schedules` in pilothouse.yaml."
    return _list("On call", rows, lambda row: on_call_line(row, mention), nobody)


def service_line(row: ServiceRow) -> str:
    """`🟢 running · shop in production · v2 · 2 of 2 healthy`."""
    component = row.component
    state = component.state.value if component else "registered"
    version = code(component.version) if component and component.version else "nothing deployed yet"
    health = component.health if component else "not running"
    mark = STATE_MARKS.get(state, "⚪")
    line = f"{mark} {state} · {plain(row.service)} in {plain(row.environment)} · {version} · {health}"
    flight = f" · {flight_progress(row.in_flight)}" if row.in_flight else ""
    lacking = f"\n⚠️ misconfigured: {plain(cut(row.misconfigured, LONGEST_SPOKEN))}" if row.misconfigured else ""
    return f"{line}{flight}{lacking}"


def flight_progress(deployment: Deployment) -> str:
    """`v3 at 10 %`."""
    return f"{code(deployment.plan.version)} at {deployment.weight} %"


def flight_line(deployment: Deployment) -> str:
    """A deployment in one line, with its id for commands."""
    what = f"{state_line(deployment)} · {escape(cut(title(deployment), 200))}"
    return f"{what} · {bar(deployment.weight)} · {code(deployment.id)}"


def incident_line(incident: Incident, mention: Mention) -> str:
    """An incident in one line, with its id for commands."""
    taken = f" by {mention(incident.acknowledged_by)}" if incident.acknowledged_by else ""
    state = f"{INCIDENT_MARKS[incident.state]}{taken}"
    return f"{state} · {plain(cut(incident.title, 200))} · since {when(incident.opened_at)} · {code(incident.id)}"


def on_call_line(row: OnCallRow, mention: Mention) -> str:
    """A schedule's shift in one line."""
    if row.person is None:
        return f"*{plain(row.schedule)}*: nobody yet, the schedule has not started"
    return f"*{plain(row.schedule)}*: {mention(row.person)}{_until(row, mention)}"


def shift(row: OnCallRow, mention: Mention) -> str:
    """A shift as whoever has it reads it."""
    return f"*{plain(row.schedule)}*{_until(row, mention)}"


def _until(row: OnCallRow, mention: Mention) -> str:
    until = f" until {when(row.until)}" if row.until else ""
    return until + (f", then {mention(row.after)}" if row.after else "")


def _list(name: str, rows: Sequence[Row], line: Callable[[Row], str], empty: str) -> Message:
    if not rows:
        return Message(empty, [section(empty)])
    blocks = [block for row in rows for block in paragraphs([line(row)])]
    return Message(f"{name}: {len(rows)}", fitted(blocks))


def _titled(name: str, rows: Sequence[Row], line: Callable[[Row], str], empty: str) -> list[Block]:
    return paragraphs([f"*{name}*", *(map(line, rows) if rows else [empty])])
