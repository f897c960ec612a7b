"""What may be asked about alerts and silences, by whom, and who does it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

import alerting.errors as alerting_errors
from alerting.commands import ExpireSilence, SetSilence, SilenceIncident
from alerting.incidents.incident import Incident
from alerting.incidents.journal import IncidentJournal
from alerting.routing.matcher import Matcher, Op, all_match
from alerting.silences.codec import silence_to_json
from alerting.silences.desk import SilenceDesk, matching
from alerting.silences.rules import UNTIL_RESOLVED
from alerting.silences.silence import Silence, SilenceId, State
from bot.readings.held_back import HeldBack
from bot.readings.now import AlertRow
from bot.routes.table import translated
from bot.views.alerts import ShownAlert
from bot.views.silences import ShownSilence
from bot.words.commands import ShowAlerts, ShowSilences
from bot.words.silences import written
from engine.commands import Request
from engine.errors import Denied, Invalid, NotFound, NotNow
from engine.orchestrator import Data, Route
from engine.security.identity import Person
from engine.security.permissions import EVERYWHERE, Permission, allowed

T = TypeVar("T")

ENVIRONMENT: Final = "environment"
SHORTEST_ID: Final = 4  # characters of an id that people shorten


@dataclass(frozen=True, slots=True)
class SilenceRooms:
    """Whom the handlers call; `alerts` are those that are pending or fire, `held_back` says why one is not told."""

    silences: SilenceDesk
    incidents: IncidentJournal
    alerts: Callable[[], Sequence[AlertRow]]
    held_back: Callable[[AlertRow], HeldBack]
    now: Callable[[], datetime]


def silence_routes(rooms: SilenceRooms) -> dict[type, Route]:
    """Every command about silences with its permission, where it acts, and its handler."""
    handlers = _Handlers(rooms)

    def deed(name: str, environment: Any, handle: Callable[[Request, Person], Awaitable[Data]]) -> Route:
        return Route(name, Permission.SILENCE, environment, handle, audited=True)

    def query(name: str, handle: Callable[[Request, Person], Awaitable[Data]]) -> Route:
        return Route(name, Permission.VIEW, lambda _: None, handle, audited=False)

    return {
        SetSilence: deed("silence", lambda one: environment_of(one.matchers), handlers.set),
        SilenceIncident: deed("silence", handlers.of_incident, handlers.silence_incident),
        ExpireSilence: deed("end silence", handlers.of_silence, handlers.expire),
        ShowAlerts: query("alerts", handlers.alerts),
        ShowSilences: query("silences", handlers.list),
    }


def environment_of(matchers: Sequence[Matcher]) -> str | None:
    """The one environment in which these can mute anything; None for more than one, which takes a role everywhere."""
    named = [one.value for one in matchers if one.name == ENVIRONMENT and one.op is Op.EQUAL]
    return named[0] if named and named[0] else None


def check_may_silence(person: Person, matchers: Sequence[Matcher]) -> None:
    """For doors of programs: the same that the door of commands asks. Raises Denied."""
    environment = environment_of(matchers)
    if not allowed(person, Permission.SILENCE, environment):
        where = f"in {environment}" if environment else "in every environment"
        raise Denied(f"{person.name} may not silence alerts {where}.", "Name an environment where you may.")
    check_places(person, matchers)


def check_places(person: Person, matchers: Sequence[Matcher]) -> None:
    """Raises Denied for somebody who may silence in general, but not in a place that these matchers reach too.

    The door knows one environment at most; a silence that names none reaches every one.
    """
    of_place = [one for one in matchers if one.name == ENVIRONMENT]
    for place in person.roles:
        reached = place != EVERYWHERE and all_match(of_place, {ENVIRONMENT: place})
        if reached and not allowed(person, Permission.SILENCE, place):
            remedy = f'Leave it out: `environment!="{place}"`.'
            raise Denied(f"{person.name} may not silence alerts of {place}, which this would reach.", remedy)


def incident_matchers(incident: Incident) -> tuple[Matcher, ...]:
    """The labels of the incident's group, and its environment where all its alerts are in the same.

    Without them a silence for staging would mute production too. A group without labels is what its alerts that fire
    have in common, or else their names. Raises NotNow when they have neither.
    """
    alerts = incident.firing or incident.alerts
    labels = dict(incident.group) or _common([alert.labels for alert in alerts])
    places = {alert.labels.get(ENVIRONMENT, "") for alert in alerts}
    if len(places) == 1 and "" not in places:
        labels = {ENVIRONMENT: places.pop(), **labels}
    if labels:
        return tuple(Matcher(name, Op.EQUAL, value) for name, value in sorted(labels.items()))
    names = sorted({alert.name for alert in alerts} - {""})
    if not names:
        raise NotNow("Its alerts have no label in common.", "Silence them by their labels: `/ops silence`.")
    return (Matcher("alertname", Op.REGEX, "|".join(map(re.escape, names))),)


def _common(labels: Sequence[Mapping[str, str]]) -> dict[str, str]:
    first, *rest = labels
    return {name: value for name, value in first.items() if all(one.get(name) == value for one in rest)}


class _Handlers:
    """One method for each command."""

    def __init__(self, rooms: SilenceRooms) -> None:
        self._rooms = rooms

    async def set(self, request: Request, person: Person) -> Data:
        """Silence what was typed."""
        command: Any = request.command
        check_places(person, command.matchers)
        return await self._set(self._wanted(command.matchers, command.lasts, command.comment, person), person)

    async def silence_incident(self, request: Request, person: Person) -> Data:
        """Silence the group of an incident; the silence that it has already lasts so long from now on."""
        command: Any = request.command
        incident = await self._incident(command)
        check_places(person, incident_matchers(incident))
        comment = f"{incident.title} ({incident.id})"
        wanted = self._wanted(incident_matchers(incident), command.lasts, comment, person)
        known = self._of(incident, wanted.matchers)
        if known is not None:
            wanted = replace(wanted, id=known.id, starts_at=known.starts_at)
        return await self._set(replace(wanted, channel=incident.channel, incident=str(incident.id)), person)

    async def expire(self, request: Request, person: Person) -> Data:
        """End a silence."""
        command: Any = request.command
        known = self._found(command)
        check_places(person, known.matchers)
        if known.state(self._rooms.now()) is State.EXPIRED:
            raise NotNow("This silence has ended already.", "`/ops silences` shows those that have not.")
        return self._answer(await _asked(self._rooms.silences.expire(known.id, str(person.id))))

    async def alerts(self, request: Request, _: Person) -> Data:
        """What is pending or firing, of what matches."""
        command: Any = request.command
        rows = [row for row in self._rooms.alerts() if all_match(command.matchers, row.labels)]
        return {"alerts": list(map(self._shown, rows)), "asked": written(command.matchers)}

    async def list(self, _: Request, __: Person) -> Data:
        """Every silence that is remembered."""
        now, rows = self._rooms.now(), self._rooms.alerts()
        shown = [
            ShownSilence(
                one, one.state(now), len(matching(one.matchers, rows)) if one.state(now) is State.ACTIVE else 0
            )
            for one in self._rooms.silences.all()
        ]
        return {"silences": shown}

    async def of_incident(self, command: SilenceIncident) -> str | None:
        """Where the incident's alerts are."""
        return environment_of(incident_matchers(await self._incident(command)))

    def of_silence(self, command: ExpireSilence) -> str | None:
        """Where the silence mutes."""
        return environment_of(self._found(command).matchers)

    def _wanted(self, matchers: tuple[Matcher, ...], lasts: timedelta | None, comment: str, person: Person) -> Silence:
        now = self._rooms.now()
        if lasts is None and not self._firing(matchers):
            raise NotNow("Nothing that fires now matches, so it would end at once.", "Say for how long instead.")
        ends_at = now + (UNTIL_RESOLVED if lasts is None else lasts)
        made = Silence(SilenceId(""), matchers, now, ends_at, now, str(person.id), comment)
        return replace(made, until_resolved=lasts is None)

    def _of(self, incident: Incident, matchers: Sequence[Matcher]) -> Silence | None:
        """The silence that mutes the incident's group now and was made for it."""
        now, silences = self._rooms.now(), self._rooms.silences.all()
        of = (str(incident.id), tuple(matchers), State.ACTIVE)
        return next((one for one in silences if (one.incident, one.matchers, one.state(now)) == of), None)

    def _firing(self, matchers: Sequence[Matcher]) -> Sequence[AlertRow]:
        return [row for row in matching(matchers, self._rooms.alerts()) if row.state == "firing"]

    async def _set(self, wanted: Silence, person: Person) -> Data:
        made = await _asked(self._rooms.silences.set(wanted, by=str(person.id)))
        known = self._rooms.silences.get(made)
        return self._answer(known if known is not None else replace(wanted, id=made))

    def _answer(self, silence: Silence) -> Data:
        """What the answer is drawn from, as it is remembered for those who ask again."""
        count = len(self._firing(silence.matchers))
        state = silence.state(self._rooms.now()).value
        return {"silence": silence_to_json(silence), "state": state, "muted": count}

    def _shown(self, row: AlertRow) -> ShownAlert:
        muted = self._rooms.silences.muted_by(row.labels, self._rooms.now())
        return ShownAlert(row, str(muted[0]) if muted else "", self._rooms.held_back(row))

    def _found(self, command: ExpireSilence) -> Silence:
        """The silence of this id, or the only one whose id begins so. Raises NotFound, Invalid."""
        typed = str(command.silence)
        exact = self._rooms.silences.get(command.silence)
        if exact is not None:
            return exact
        near = [one for one in self._rooms.silences.all() if one.id.startswith(typed)]
        if len(typed) < SHORTEST_ID or not near:
            raise NotFound(
                f"There is no silence {typed[:40]}.", "`/ops silences` shows which there are.", field="silence"
            )
        if len(near) > 1:
            raise Invalid(f"{len(near)} silences begin with {typed[:40]}.", "Write more of the id.", field="silence")
        return near[0]

    async def _incident(self, command: SilenceIncident) -> Incident:
        return await _asked(self._rooms.incidents.load(command.incident))


async def _asked(work: Awaitable[T]) -> T:
    """The answer; alerting's failures in the engine's words, for the one door knows one tree of errors."""
    try:
        return await work
    except alerting_errors.AlertingError as failure:
        raise translated(failure) from failure
