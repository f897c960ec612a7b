"""Each event of the log in one short line, for lists of what happened lately. Pure but for reading the subject."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, Protocol

from alerting.incidents.codec import event_from_json
from alerting.incidents.fold import describe
from alerting.incidents.incident import Incident, IncidentId, incident_of
from alerting.notify.events import STREAM as NOTIFICATIONS
from alerting.notify.events import error_of, sent_of
from alerting.notify.notification import Reason
from alerting.silences.codec import silence_from_json
from alerting.silences.journal import EXPIRED
from alerting.silences.journal import PREFIX as SILENCE
from alerting.silences.silence import SYSTEM
from bot.inputs.api.schemas import Happening
from bot.words.silences import written
from engine.catalog import Catalog
from engine.components.journal import stream_of
from engine.components.lifecycle import Moved, Routed, Seen
from engine.deployments.deployment import Deployment, DeploymentId
from engine.deployments.events import DeploymentPlanned, parse_event
from engine.deployments.journal import PREFIX, id_of
from engine.deployments.story import line_of
from engine.security.audit import STREAM as AUDIT
from storage.events import Event, EventLog

KEPT: Final = 256  # subjects whose names are remembered
INCIDENT: Final = "incident-"
COMPONENT: Final = "component-"
_LOOK_BACK: Final = 400  # events read to find those worth telling

COMPONENT_WORDS: Final[Mapping[str, str]] = {
    Moved.REGISTERED: "registered",
    Moved.DEPLOYMENT_STARTED: "is being deployed",
    Moved.DEPLOYED: "is running",
    Moved.DEPLOYMENT_FAILED: "could not be deployed",
    Moved.SCALE_REQUESTED: "is changing its number of instances",
    Moved.SCALED: "has the wanted number of instances",
    Moved.UPDATE_REQUESTED: "is being updated",
    Moved.UPDATED: "is running",
    Moved.UPDATE_FAILED: "could not be updated",
    Moved.STOP_REQUESTED: "is being stopped",
    Moved.STOPPED: "has stopped",
    Moved.UNREGISTERED: "is no longer looked after",
    Routed.CHANGED: "has a router that is not as it was set",
    Routed.RESTORED: "has its router as it should be",
    Routed.GIVEN_UP: "does not keep its router",
}
INSTANCE_WORDS: Final[Mapping[str, str]] = {
    Seen.HEALTHY: "is healthy",
    Seen.UNHEALTHY: "is unhealthy",
    Seen.RESTARTED: "was started again",
    Seen.RESTART_FAILED: "could not be started again",
    Seen.VANISHED: "has gone",
    Seen.APPEARED: "runs although its service is stopped there",
}
REASON_WORDS: Final[Mapping[Reason, str]] = {
    Reason.FIRST: "nothing was told of it before",
    Reason.NEW_FIRING: "new alerts fire",
    Reason.ALL_RESOLVED: "all are resolved",
    Reason.NEW_RESOLVED: "some are resolved",
    Reason.REPEAT: "the repeat interval has passed",
}


class DeploymentsById(Protocol):
    """The engine's journal, for reading."""

    async def find(self, id: DeploymentId) -> Deployment | None: ...  # noqa: A002


class IncidentsById(Protocol):
    """Alerting's journal, for reading."""

    async def find(self, incident: IncidentId) -> Incident | None: ...


class Summaries:
    """Tells events. Remembers the subjects it read."""

    def __init__(
        self, log: EventLog, catalog: Callable[[], Catalog], deployments: DeploymentsById, incidents: IncidentsById
    ) -> None:
        self._log = log
        self._catalog = catalog
        self._deployments = deployments
        self._incidents = incidents
        self._known: OrderedDict[str, Deployment | Incident] = OrderedDict()

    async def tell(self, event: Event) -> Happening:
        """`event` with its line."""
        return Happening(
            position=event.position,
            type=event.type,
            stream=event.stream,
            at=event.at,
            summary=await self._summary(event),
        )

    async def latest(self, limit: int) -> list[Happening]:
        """The newest events worth telling, the newest first."""
        told: list[Happening] = []
        for event in await self._log.read_all(limit=_LOOK_BACK, newest_first=True):
            happening = None if hidden(event) else await self.tell(event)
            if happening is not None and happening.summary:
                told.append(happening)
            if len(told) == limit:
                break
        return told

    async def _summary(self, event: Event) -> str:
        if event.stream.startswith(COMPONENT):
            return component_line(event.type, self._place(event.stream), event.data)
        if event.stream.startswith(SILENCE):
            return silence_line(event)
        if event.stream == NOTIFICATIONS:
            return notification_line(event)
        subject = await self._subject(event)
        match subject:
            case Deployment():
                return deployment_line(event, subject)
            case Incident():
                return incident_line(event, subject)
        return ""

    def _place(self, stream: str) -> str:
        """`shop in production`; the stream's own words when the settings name the place no more."""
        for place in self._catalog().placements():
            if stream_of(place.service, place.environment) == stream:
                return f"{place.service} in {place.environment}"
        return stream.removeprefix(COMPONENT)

    async def _subject(self, event: Event) -> Deployment | Incident | None:
        known = self._known.get(event.stream)
        # A deployment's plan never changes; an incident is told as it was then, from its own history.
        if known is None or (isinstance(known, Incident) and known.stream_version < event.version):
            known = await self._read(event.stream)
        if known is not None:
            self._known[event.stream] = known
            self._known.move_to_end(event.stream)
        if len(self._known) > KEPT:
            self._known.popitem(last=False)
        return known

    async def _read(self, stream: str) -> Deployment | Incident | None:
        if stream.startswith(PREFIX):
            return await self._deployments.find(id_of(stream))
        if stream.startswith(INCIDENT):
            return await self._incidents.find(incident_of(stream))
        return None


def hidden(event: Event) -> bool:
    """Whether the event is not for everybody: the audit trail is read by other means."""
    return event.stream == AUDIT


def deployment_line(event: Event, deployment: Deployment) -> str:
    """`shop v2 in production: Step 2 passed.`"""
    known = parse_event(event.type, event.data)
    # The subject is as it is now; trouble of now would hide the event that began it.
    line = line_of(known, replace(deployment, trouble="")) if known is not None else ""
    if isinstance(known, DeploymentPlanned):
        return line  # it names the service itself
    plan = deployment.plan
    return f"{plan.service} {plan.version} in {plan.environment}: {line}" if line else ""


def incident_line(event: Event, incident: Incident) -> str:
    """`HighErrors: ben acknowledged it.`"""
    if event.type == "IncidentOpened":
        return f"{incident.title}: incident opened."
    line = describe(incident, event_from_json(event.type, event.data))
    # The words depend on the state at that time, which the timeline kept.
    then = [entry.text for entry in incident.history if entry.at == event.at]
    told = then[0] if line and len(then) == 1 else line
    return f"{incident.title}: {told}" if told else ""


def silence_line(event: Event) -> str:
    """`ben silenced alertname="Down" until 2026-01-05 10:00 UTC: upgrade` or `ben ended the silence of …`."""
    silence = silence_from_json(event.data)
    what = written(silence.matchers)
    if event.type != EXPIRED:
        return f"{event.actor} silenced {what} until {silence.ends_at:%Y-%m-%d %H:%M} UTC: {silence.comment}"
    if silence.ended_by == SYSTEM:
        return f"The silence of {what} has ended: nothing that it muted fires any more."
    return f"{event.actor} ended the silence of {what}." if silence.ended_by else f"The silence of {what} has ended."


def notification_line(event: Event) -> str:
    """`pages was told of alertname="Down": 2 firing, as new alerts fire.` or `pages could not be told of …`"""
    told, error = sent_of(event), error_of(event).rstrip(".")
    group = ", ".join(f'{name}="{value}"' for name, value in sorted(told.group_labels.items())) or "all alerts together"
    counts = ", ".join(
        f"{count} {what}" for count, what in ((told.firing, "firing"), (told.resolved, "resolved")) if count
    )
    if error:
        return f"{told.receiver} could not be told of {group} ({counts}): {error}."
    return f"{told.receiver} was told of {group}: {counts}, as {REASON_WORDS[told.reason]}."


def component_line(kind: str, place: str, data: Mapping[str, Any]) -> str:
    """`shop in production is being updated.` or `shop-production-v2-1 is unhealthy: HTTP 500.`"""
    if kind in INSTANCE_WORDS:
        name, words = str(data["instance"]), INSTANCE_WORDS[kind]
    elif kind in COMPONENT_WORDS:
        name, words = place, COMPONENT_WORDS[kind]
    else:
        return ""
    reason = str(data.get("reason") or "")
    return f"{name} {words}: {reason}" if reason else f"{name} {words}."
