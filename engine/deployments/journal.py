"""Where deployments are kept: their facts in the event log, a card each for lists, snapshots for long ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import msgspec

from engine.catalog import EnvironmentName, ServiceName, Version
from engine.components.orphans import Ended
from engine.deployments import fold
from engine.deployments.deployment import Deployment, DeploymentId, Outcome, PersonId, Purpose, State
from engine.deployments.events import DeploymentEvent, DeploymentPlanned, event_data, parse_event
from engine.deployments.words import sentence
from engine.errors import NotFound
from storage.cards import every_card
from storage.errors import Conflict, KeyTaken
from storage.events import Card, CardChange, Event, EventLog, NewEvent, Snapshot

KIND: Final = "deployment"
PREFIX: Final = "deployment/"
SNAPSHOT_EVERY: Final = 100
SNAPSHOT_FORMAT: Final = 2  # raised when the fold changes, so that older snapshots are folded anew

SYSTEM: Final = "system"


class Overtaken(Exception):  # it is news, not a fault
    """Somebody else wrote to the deployment first: load it again and decide anew. Nothing was written."""


class PlaceTaken(Exception):
    """Another deployment (`holder`) is in flight in the same place. Nothing was written."""

    def __init__(self, holder: DeploymentId) -> None:
        super().__init__(f"Deployment {holder} is in flight there.")
        self.holder = holder


@dataclass(frozen=True, slots=True)
class Summary:
    """What lists show of a deployment, read from its card."""

    id: DeploymentId
    service: ServiceName
    environment: EnvironmentName
    version: Version
    previous: Version | None
    purpose: Purpose
    state: State
    outcome: Outcome | None
    reason: str
    requested_by: PersonId
    requested_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    updated_at: datetime | None
    step: int
    steps: int
    weight: int
    in_line_since: datetime | None = None

    @property
    def open(self) -> bool:
        """Whether it is still in flight."""
        return self.ended_at is None


def subject_of(id: DeploymentId) -> str:  # noqa: A002
    """The stream of a deployment, which is also the subject of its durable loop."""
    return f"{PREFIX}{id}"


def id_of(subject: str) -> DeploymentId:
    """The deployment a subject or stream belongs to."""
    return DeploymentId(subject.removeprefix(PREFIX))


class DeploymentJournal:
    """Reads and writes deployments. Every method may raise StorageUnavailable.

    What is in flight is remembered as it was read or written last, and only what came after is read again.
    """

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._known: dict[DeploymentId, Deployment] = {}

    async def find(self, id: DeploymentId) -> Deployment | None:  # noqa: A002
        """The deployment, or None when there is none of that id."""
        stream = subject_of(id)
        start = self._known.get(id) or _restored(await self._log.snapshot(stream))
        events = await self._log.read(stream, after=start.stream_version if start else 0)
        found = _folded(id, start, events)
        if found is not None:
            self._remember(found)
        return found

    async def load(self, id: DeploymentId) -> Deployment:  # noqa: A002
        """The deployment. Raises NotFound."""
        found = await self.find(id)
        if found is None:
            remedy = "The status shows which there are."
            raise NotFound(f"There is no deployment {id[:40]!r}.", remedy, field="deployment")
        return found

    async def end_of(self, id: str) -> Ended | None:  # noqa: A002
        """How it ended, for the component it was in charge of; None while it is in flight, or unknown."""
        found = await self.find(DeploymentId(id))
        if found is None or not found.ended:
            return None
        return Ended(sentence(f"Deployment {id} is {found.state}: {found.reason}"), found.state is State.CANCELLED)

    async def begin(
        self,
        id: DeploymentId,  # noqa: A002
        planned: DeploymentPlanned,
        *then: DeploymentEvent,
        at: datetime,
        actor: str,
        correlation: str = "",
    ) -> Deployment:
        """Write a new deployment. Raises PlaceTaken when another is in flight there, Overtaken when the id exists."""
        first = fold.begin(id, planned, at=at)
        return await self._append(first, (planned, *then), _after(first, then, at), 0, at, actor, correlation)

    async def record(
        self, deployment: Deployment, *events: DeploymentEvent, at: datetime, actor: str = SYSTEM
    ) -> Deployment:
        """Append facts to the deployment as it was loaded and give it as it is now.

        Raises Overtaken when somebody else wrote first, IllegalMove when a fact does not fit the state; then nothing
        is written.
        """
        if not events:
            return deployment
        after = _after(deployment, events, at)
        return await self._append(deployment, events, after, deployment.stream_version, at, actor, "")

    async def in_flight(self) -> tuple[Summary, ...]:
        """Every deployment that has not ended, the newest first."""
        return _summaries(await every_card(self._log, KIND, open=True))

    async def in_flight_at(self, service: str, environment: str) -> Summary | None:
        """The deployment in flight there, if any."""
        found = await self._log.cards(KIND, key=_key(service, environment), open=True, limit=1)
        return next(iter(_summaries(found)), None)

    async def latest(self, service: str, environment: str, *, limit: int = 20) -> tuple[Summary, ...]:
        """The deployments of one service in one environment, the newest first."""
        return _summaries(await self._log.cards(KIND, key=_key(service, environment), limit=limit))

    async def recent(self, *, limit: int = 20, since: datetime | None = None) -> tuple[Summary, ...]:
        """The deployments of all services, the newest first, those that changed since `since` when given."""
        found = _summaries(await self._log.cards(KIND, limit=limit))
        return tuple(one for one in found if since is None or one.updated_at is None or one.updated_at >= since)

    async def _append(
        self,
        before: Deployment,
        events: Sequence[DeploymentEvent],
        after: Deployment,
        expected: int,
        at: datetime,
        actor: str,
        correlation: str,
    ) -> Deployment:
        new = [NewEvent(type(one).__name__, event_data(one), actor, correlation) for one in events]
        stream = subject_of(before.id)
        try:
            await self._log.append(stream, new, expected=expected, at=at, card=_card(after))
        except Conflict as conflict:
            raise Overtaken(conflict.reason) from conflict
        except KeyTaken as taken:
            raise PlaceTaken(id_of(taken.stream)) from taken
        if after.stream_version // SNAPSHOT_EVERY > expected // SNAPSHOT_EVERY:
            await self._log.save_snapshot(_snapshot(stream, after, at))
        self._remember(after)
        return after

    def _remember(self, deployment: Deployment) -> None:
        """Keep it while it is in flight, unless something newer is known."""
        if deployment.ended:
            self._known.pop(deployment.id, None)
            return
        known = self._known.get(deployment.id)
        if known is None or known.stream_version <= deployment.stream_version:
            self._known[deployment.id] = deployment


def _after(deployment: Deployment, events: Sequence[DeploymentEvent], at: datetime) -> Deployment:
    for event in events:
        deployment = fold.apply(deployment, event, at=at)
    return deployment


def _folded(id: DeploymentId, start: Deployment | None, events: Sequence[Event]) -> Deployment | None:  # noqa: A002
    deployment = start
    for stored in events:
        event = parse_event(stored.type, stored.data)
        if isinstance(event, DeploymentPlanned) and deployment is None:
            deployment = fold.begin(id, event, at=stored.at)
        elif event is not None and deployment is not None:
            deployment = fold.apply(deployment, event, at=stored.at)
        if deployment is not None:
            deployment = replace(deployment, stream_version=stored.version)
    return deployment


def _snapshot(stream: str, deployment: Deployment, at: datetime) -> Snapshot:
    data = {"format": SNAPSHOT_FORMAT, "deployment": msgspec.to_builtins(deployment)}
    return Snapshot(stream, deployment.stream_version, data, at)


def _restored(snapshot: Snapshot | None) -> Deployment | None:
    if snapshot is None or snapshot.data.get("format") != SNAPSHOT_FORMAT:
        return None
    return msgspec.convert(snapshot.data["deployment"], Deployment)


def _key(service: str, environment: str) -> str:
    return f"{service}/{environment}"


def _card(deployment: Deployment) -> CardChange:
    plan = deployment.plan
    return CardChange(
        kind=KIND,
        key=_key(plan.service, plan.environment),
        state=deployment.state,
        open=not deployment.ended,
        data=_summary_data(deployment),
    )


def _summary_data(deployment: Deployment) -> dict[str, Any]:
    plan = deployment.plan
    summary = Summary(
        id=deployment.id,
        service=plan.service,
        environment=plan.environment,
        version=plan.version,
        previous=plan.previous,
        purpose=deployment.purpose,
        state=deployment.state,
        outcome=deployment.outcome,
        reason=deployment.reason,
        requested_by=deployment.requested_by,
        requested_at=deployment.requested_at,
        started_at=deployment.started_at,
        ended_at=deployment.ended_at,
        updated_at=deployment.updated_at,
        step=deployment.step,
        steps=len(plan.strategy.steps),
        weight=deployment.weight,
        in_line_since=deployment.in_line_since,
    )
    data: Mapping[str, Any] = msgspec.to_builtins(summary)
    return dict(data)


def _summaries(cards: Sequence[Card]) -> tuple[Summary, ...]:
    return tuple(msgspec.convert(card.data, Summary) for card in cards)
