"""Where people's wishes for trains are checked and written down; the drive carries them out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from typing import Final, TypeVar

from engine.catalog import ServiceName
from engine.commands import AbortTrain, ApproveTrain, Deploy, DeployTrain, RejectTrain, Request, TrainId
from engine.deployments.deployment import PersonId, Plan
from engine.deployments.journal import Overtaken
from engine.durable import Durable, Turn
from engine.errors import Invalid, NotNow
from engine.flows.waves import within
from engine.trains.decide import Events, abort_events, approve_events, check_same, reject_events
from engine.trains.deeds import Yard
from engine.trains.events import TrainExpired, TrainPlanned
from engine.trains.journal import TrackTaken, TrainJournal, subject_of
from engine.trains.train import Component, Train, TrainPlan, TrainState

MOST: Final = 50
ATTEMPTS: Final = 8
CommandT = TypeVar("CommandT")


class TrainDesk:
    """One handler for each command. Each raises Refused before anything is written, or gives the train as it is.

    A request that was handled already gives the same train again.
    """

    def __init__(self, journal: TrainJournal, yard: Yard, durable: Durable) -> None:
        self._journal = journal
        self._yard = yard
        self._durable = durable

    async def resume_all(self) -> None:
        """Give every train that has not ended its loop again; for the start of a process."""
        for id in await self._journal.open():  # noqa: A001
            await self._durable.start(subject_of(id))

    def following(self, turn: Turn) -> Turn:
        """The turn of deployments, with the trains that are under way woken as soon as one of them has ended."""

        async def take(subject: str) -> timedelta | None:
            wait = await turn(subject)
            if wait is None:
                for id in await self._journal.open():  # noqa: A001
                    await self._durable.wake(subject_of(id))
            return wait

        return take

    async def ask(self, request: Request, person: PersonId) -> Train:
        """Plan a train; it begins at once when nobody has to approve. Every part is checked before any is begun."""
        command = _command(request, DeployTrain)
        id = TrainId(f"t-{sha256(request.id.encode()).hexdigest()[:12]}")  # noqa: A001
        known = await self._journal.find(id)
        if known is not None:
            return known
        planned = TrainPlanned(await self._plan(command, person), person, request.id)
        try:
            train = await self._journal.begin(id, planned, at=self._yard.now(), correlation=request.id)
        except TrackTaken as taken:
            raise await self._taken(taken.holder) from taken
        except Overtaken:  # the same request, handled at the same time
            train = await self._journal.load(id)
        await self._durable.start(subject_of(id))
        return train

    async def approve(self, request: Request, person: PersonId) -> Train:
        """Agree to every part at once. The same person agreeing again changes nothing."""
        command = _command(request, ApproveTrain)
        train = await self._journal.load(command.train)
        group = self._yard.catalog().environment(train.plan.environment).group
        if train.state is TrainState.PLANNED and approve_events(train, person, command, group, now=self._yard.now()):
            check_same(train, await self._plan(_as_asked(train), train.requested_by))
        return await self._decide(
            command.train, lambda found: approve_events(found, person, command, group, now=self._yard.now()), person
        )

    async def reject(self, request: Request, person: PersonId) -> Train:
        """Refuse a train that waits."""
        command = _command(request, RejectTrain)
        return await self._decide(
            command.train, lambda found: reject_events(found, person, now=self._yard.now()), person
        )

    async def abort(self, request: Request, person: PersonId) -> Train:
        """End a train in whatever state it is; what it has deployed is taken back."""
        command = _command(request, AbortTrain)
        train = await self._decide(command.train, lambda found: abort_events(found, person), person)
        await self._durable.start(subject_of(command.train))  # its loop had ended, where going back is tried anew
        return train

    async def _plan(self, command: DeployTrain, person: PersonId) -> TrainPlan:
        """What would be deployed now. Raises Refused for the first thing that stands in the way of any part."""
        services = [service for service, _ in command.versions]
        _check_services(services)
        catalog, place = self._yard.catalog(), command.environment
        plans = [
            await self._yard.desk.foresee(Deploy(service, version, place, override=command.override), person)
            for service, version in command.versions
        ]
        needs = within({name: service.depends_on for name, service in catalog.services.items()}, services)
        return TrainPlan(
            environment=catalog.environment(place).name,
            components=tuple(_component(plan, needs[plan.service]) for plan in plans),
            approvals_needed=max(plan.approvals_needed for plan in plans),
            four_eyes=any(plan.four_eyes for plan in plans),
            expires_at=min((plan.expires_at for plan in plans if plan.expires_at), default=None),
            group=plans[0].approval_group,
            warnings=tuple(warning for plan in plans for warning in plan.warnings),
            overrides=tuple({one.key: one for plan in plans for one in plan.overrides}.values()),
        )

    async def _decide(self, id: TrainId, decide: Callable[[Train], Events], person: PersonId) -> Train:  # noqa: A002
        """Load, decide, record and wake the loop; again when the drive wrote in between."""
        for _ in range(ATTEMPTS):
            train = await self._journal.load(id)
            events = decide(train)
            try:
                after = await self._journal.record(train, *events, at=self._yard.now(), actor=person)
            except Overtaken:
                continue
            except TrackTaken as taken:
                raise await self._taken(taken.holder) from taken
            await self._durable.wake(subject_of(id))
            if events and isinstance(events[0], TrainExpired):
                raise NotNow("The time to decide is over.", "Ask for it anew.")
            return after
        raise NotNow(f"Train {id} is changing too fast to decide on.", "Try again.")

    async def _taken(self, holder: TrainId) -> NotNow:
        other = await self._journal.load(holder)
        reason = f"Train {other.id} of {other.requested_by} is under way in {other.plan.environment} ({other.state})."
        return NotNow(reason, f"Wait until it has ended, or `/ops train abort {other.id}`.")


def _check_services(services: list[str]) -> None:
    if not 1 <= len(services) <= MOST:
        raise Invalid(f"A train has 1 to {MOST} services, not {len(services)}.", "Name them.", field="versions")
    twice = next((name for name in services if services.count(name) > 1), None)
    if twice is not None:
        raise Invalid(f"{twice[:80]!r} is named twice.", "Name each service once.", field="versions")


def _component(plan: Plan, needs: tuple[str, ...]) -> Component:
    return Component(
        service=plan.service,
        version=plan.version,
        digest=plan.digest,
        previous=plan.previous,
        configuration=plan.configuration,
        needs=tuple(map(ServiceName, needs)),
    )


def _as_asked(train: Train) -> DeployTrain:
    versions = tuple((str(one.service), str(one.version)) for one in train.plan.components)
    return DeployTrain(versions, train.plan.environment, train.plan.override)


def _command(request: Request, kind: type[CommandT]) -> CommandT:
    if not isinstance(request.command, kind):
        raise TypeError(f"{type(request.command).__name__} was sent to the handler of {kind.__name__}.")
    return request.command
