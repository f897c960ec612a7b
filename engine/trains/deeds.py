"""What a train does to each of its services: a normal deployment, and the way back from it. Safe to repeat.

Each deployment belongs to whoever asked for the train, and everybody who approved the train approves it too, at the
deployments' own desk. So each deployment's record stands for itself, and what holds for every other deployment holds
for it: four eyes, groups, digests, locks, freezes, limits, gates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from engine.catalog import Catalog, Placement, ServiceName, Version
from engine.commands import Abort, Actor, Approve, Deploy, Request, RollBack
from engine.deployments.decide import DeploymentNotNow
from engine.deployments.deployment import Deployment, DeploymentId, PersonId, Plan, State
from engine.deployments.desk import id_for
from engine.deployments.journal import SYSTEM, DeploymentJournal
from engine.deployments.releases import Releases
from engine.durable import MayAct, alone
from engine.errors import NotNow, PermanentFailure, Refused, TemporaryFailure
from engine.flows.advance import Broken, Finished, Underway
from engine.flows.saga import Operation
from engine.ports import Instance, InstanceHealth
from engine.trains.decide import check_passed, void
from engine.trains.train import Component, Train

LOOK: Final = timedelta(seconds=5)
"""How long until a deployment that is under way is looked at again; its end is told at once (TrainDesk.following)."""


class Desk(Protocol):
    """The deployments' desk, as trains need it."""

    async def foresee(self, command: Deploy, person: PersonId) -> Plan: ...
    async def deploy(self, request: Request, person: PersonId) -> Deployment: ...
    async def approve(self, request: Request, person: PersonId) -> Deployment: ...
    async def abort(self, request: Request, person: PersonId) -> Deployment: ...
    async def roll_back(self, request: Request, person: PersonId) -> Deployment: ...


class Components(Protocol):
    """The book of components, as trains need it."""

    async def stable(self, place: Placement) -> Version | None: ...
    async def observe(self, place: Placement) -> Sequence[Instance]: ...
    async def stop(self, place: Placement, *, by: str, at: datetime) -> object: ...


@dataclass(frozen=True, slots=True)
class Yard:
    """What trains are made of. `may_act` is asked before each effect."""

    desk: Desk
    deployments: DeploymentJournal
    releases: Releases
    components: Components
    catalog: Callable[[], Catalog]
    now: Callable[[], datetime]
    may_act: MayAct = alone


class TrainDeeds:
    """Implements Deeds for one train as it was loaded."""

    def __init__(self, train: Train, yard: Yard) -> None:
        self._train = train
        self._yard = yard

    async def act(self, operation: Operation) -> Finished | Underway | Broken:
        """Ask for its deployment, agree to it, and look how it goes."""
        part = self._train.plan.component(operation.name)
        await self._yard.may_act()
        deployment = await self._deployed(part)
        try:
            deployment = await self._agreed(deployment)
        except Refused as refused:
            return Broken(str(refused))
        return _came_of(deployment)

    async def undo(self, operation: Operation) -> Finished | Underway:
        """Abort its deployment, or roll it back once it has succeeded; what never ran before is stopped."""
        part = self._train.plan.component(operation.name)
        await self._yard.may_act()
        deployment = await self._yard.deployments.find(id_for(self._key(part.service)))
        if deployment is None:
            return Finished("nothing of it was begun")
        match deployment.state:
            case State.CANCELLED | State.ROLLED_BACK:
                return Finished(f"{part.previous or 'nothing'} runs, as before")
            case State.FAILED:
                raise PermanentFailure(f"Deployment {deployment.id} could not be undone. {deployment.reason}")
            case State.SUCCEEDED:
                return await self._rolled_back(part, deployment)
            case _:
                return await self._aborted(deployment)

    async def _deployed(self, part: Component) -> Deployment:
        """Its deployment, asked for when it is not there yet, and only if it is what was agreed to."""
        agreed = self._train.plan
        command = Deploy(part.service, part.version, agreed.environment, override=agreed.override)
        request = self._request(self._key(part.service), command)
        known = await self._yard.deployments.find(id_for(request.id))
        if known is not None:
            return known
        plan = await self._yard.desk.foresee(command, self._train.requested_by)
        if (plan.digest, plan.configuration, plan.previous) != (part.digest, part.configuration, part.previous):
            raise void(self._train, f"{part.service} in {plan.environment}")
        return await self._yard.desk.deploy(request, self._train.requested_by)

    async def _agreed(self, deployment: Deployment) -> Deployment:
        check_passed(self._train, deployment.plan.overrides)
        for person in self._train.approvers:
            if deployment.state is not State.PLANNED or deployment.approved:
                break
            approve = Approve(deployment.id, deployment.plan.digest)
            key = f"{self._key(deployment.plan.service)}:approved:{person}"
            deployment = await self._yard.desk.approve(self._request(key, approve), person)
        return deployment

    async def _aborted(self, deployment: Deployment) -> Underway:
        if deployment.state is not State.ROLLING_BACK:
            try:
                await self._yard.desk.abort(self._request(f"{deployment.id}:abort", Abort(deployment.id)), self._who())
            except NotNow as ended:  # it did at this moment; then the next look decides
                raise TemporaryFailure(str(ended)) from ended
        return Underway("its deployment is aborted", LOOK, deployment.id)

    async def _rolled_back(self, part: Component, deployment: Deployment) -> Finished | Underway:
        key = f"{self._key(part.service)}:back:{self._train.retries}"
        back = await self._yard.deployments.find(id_for(key))
        if back is None:
            left = await self._left(part, deployment.id)
            return left or await self._asked_back(key, part, deployment)
        if back.state is State.SUCCEEDED:
            return Finished(f"{back.plan.version} runs again")
        if back.ended:
            raise PermanentFailure(f"Roll-back {back.id} ended as {_words(back.state)}. {back.reason}")
        return Underway(f"roll-back {back.id} is {_words(back.state)}", LOOK, back.id)

    async def _left(self, part: Component, id: DeploymentId) -> Finished | Underway | None:  # noqa: A002
        """What there is to say without a roll-back; None when one is to be asked for."""
        place = self._yard.catalog().placement(part.service, self._train.plan.environment)
        flying = await self._yard.deployments.in_flight_at(part.service, place.environment)
        if flying is not None and flying.state is not State.PLANNED:
            return Underway(f"waits for deployment {flying.id} of {flying.requested_by} to end", LOOK, id)
        stable = await self._yard.components.stable(place)
        if part.previous is None and stable in {None, part.version}:
            return await self._stopped(place, stable)
        if stable == part.previous:
            return Finished(f"{stable} runs again")
        if stable != part.version:
            raise PermanentFailure(f"{stable} was deployed since, and is left as it is.")
        return None

    async def _stopped(self, place: Placement, stable: Version | None) -> Finished | Underway:
        """Nothing ran before, so nothing shall run again."""
        if stable is not None:
            try:
                await self._yard.components.stop(place, by=self._who(), at=self._yard.now())
            except NotNow as busy:
                raise TemporaryFailure(str(busy)) from busy
        left = [one for one in await self._yard.components.observe(place) if one.health is not InstanceHealth.DEAD]
        return Underway("it is stopped, for nothing ran before", LOOK) if left else Finished("nothing runs, as before")

    async def _asked_back(self, key: str, part: Component, deployment: Deployment) -> Underway:
        # By its revision: then a deployment that somebody begins at this moment is never taken for ours and aborted.
        command = RollBack(part.service, self._train.plan.environment, deployment.id, to=await self._revision(part))
        try:
            back = await self._yard.desk.roll_back(self._request(key, command), self._who())
        except DeploymentNotNow as occupied:
            raise TemporaryFailure(str(occupied)) from occupied
        return Underway(f"roll-back {back.id} is {_words(back.state)}", LOOK, back.id)

    async def _revision(self, part: Component) -> str:
        """The newest release of what ran before; "" when there is none, for it ran before releases were numbered."""
        known = await self._yard.releases.all(part.service, self._train.plan.environment)
        return next((f"#{one.revision}" for one in reversed(known) if one.version == part.previous), "")

    def _key(self, service: ServiceName) -> str:
        return f"{self._train.id}:{service}"

    def _who(self) -> PersonId:
        return self._train.aborted_by or PersonId(SYSTEM)

    def _request(self, key: str, command: object) -> Request:
        return Request(key, self._yard.now(), "schedule", Actor("system", "train"), command)


def _came_of(deployment: Deployment) -> Finished | Underway | Broken:
    told = f"Deployment {deployment.id} ended as {_words(deployment.state)}. {deployment.reason}".strip()
    match deployment.state:
        case State.SUCCEEDED:
            return Finished("runs", deployment.id)
        case State.CANCELLED | State.ROLLED_BACK:
            raise PermanentFailure(told)
        case State.FAILED:
            return Broken(told)
    return Underway(deployment.held or _words(deployment.state), LOOK, deployment.id)


def _words(state: State) -> str:
    return state.replace("_", " ")
