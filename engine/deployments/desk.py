"""Where people's wishes for deployments are checked and written down; the drive carries them out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from typing import Final, TypeVar

from engine.catalog import Catalog, Placement, Version
from engine.commands import Abort, Approve, Deploy, Promote, Reject, ReleaseOld, Request, Resume, RollBack
from engine.components.lifecycle import ComponentState
from engine.deployments.decide import (
    DeploymentNotNow,
    Present,
    abort_events,
    approve_events,
    promote_events,
    reject_events,
    release_events,
    resume_events,
    return_events,
)
from engine.deployments.deployment import Deployment, DeploymentId, Outcome, PersonId, Plan, Purpose, State
from engine.deployments.differences import differences
from engine.deployments.events import (
    DeploymentCancelled,
    DeploymentEvent,
    DeploymentExpired,
    DeploymentOverridden,
    DeploymentPlanned,
)
from engine.deployments.journal import DeploymentJournal, Overtaken, PlaceTaken, subject_of
from engine.deployments.plan import make_plan, make_return_plan, nearest, parse_version
from engine.deployments.releases import Releases, configuration_of
from engine.deployments.way_back import WayBack
from engine.durable import Durable
from engine.errors import Invalid, NotFound, NotNow
from engine.permits.clearance import Hindrance
from engine.permits.hindrances import left, overridden
from engine.ports import Artifact, ArtifactSource, ComponentBook, Permits, Premises

ATTEMPTS: Final = 8
CommandT = TypeVar("CommandT")
Decide = Callable[[Deployment], tuple[DeploymentEvent, ...]]


class DeploymentDesk:
    """One handler for each command. Each raises Refused before anything is written, or gives the deployment as it is.

    A request that was handled already gives the same deployment again.
    """

    def __init__(
        self,
        journal: DeploymentJournal,
        catalog: Callable[[], Catalog],
        artifacts: ArtifactSource,
        components: ComponentBook,
        durable: Durable,
        *,
        permits: Permits,
        releases: Releases,
        now: Callable[[], datetime],
        premises: Premises | None = None,
    ) -> None:
        self._journal = journal
        self._catalog = catalog
        self._artifacts = artifacts
        self._components = components
        self._durable = durable
        self._permits = permits
        self._releases = releases
        self._way_back = WayBack(journal, releases)
        self._now = now
        self._premises = premises

    async def resume_all(self) -> None:
        """Give every deployment in flight its loop again; for the start of a process."""
        for summary in await self._journal.in_flight():
            await self._durable.start(subject_of(summary.id))

    async def deploy(self, request: Request, person: PersonId) -> Deployment:
        """Plan a deployment; it starts at once when nobody has to approve. Raises NotNow for what stands in its way.

        Deploying what is stable while an update is in flight takes that update back.
        """
        command = _command(request, Deploy)
        known = await self._known(request)
        if known is not None:
            return known
        place = self._place(command)
        version = parse_version(command.version)
        if version == await self._components.stable(place):
            return await self._return_to_stable(place, version, person)
        plan = await self._plan(place, version, person, command.override)
        return await self._open(request, person, plan, Purpose.DEPLOY)

    async def _known(self, request: Request) -> Deployment | None:
        """What the request led to the first time; whoever was killed then may not have begun its loop."""
        known = await self._journal.find(_id_for(request))
        if known is not None and not known.ended:
            await self._durable.start(subject_of(known.id))
        return known

    async def foresee(self, command: Deploy, person: PersonId) -> Plan:
        """The plan that deploying would make now, with nothing written. Raises Refused for what stands in its way."""
        place = self._place(command)
        flying = await self._journal.in_flight_at(place.service, place.environment)
        if flying is not None:
            raise await self._occupied(flying.id)
        version = parse_version(command.version)
        if version == await self._components.stable(place):
            raise await self._runs_already(place, version)
        return await self._plan(place, version, person, command.override)

    async def roll_back(self, request: Request, person: PersonId) -> Deployment:
        """Go back to what ran before, or to a release. What is in flight is undone; nobody has to approve.

        Neither locks nor freezes stand in its way.
        """
        command = _command(request, RollBack)
        known = await self._known(request)
        if known is not None:
            return known
        place = self._catalog().placement(command.service, command.environment)
        flying = await self._journal.in_flight_at(place.service, place.environment)
        if flying is not None and flying.purpose is Purpose.ROLL_BACK and not command.to:
            return await self._journal.load(flying.id)  # asked twice: undoing the way back is what abort is for
        if flying is not None and (flying.state is not State.PLANNED or command.deployment == flying.id):
            if command.to:  # it asks for more than the end of what is in flight
                raise await self._occupied(flying.id)
            return await self._aborted(flying.id, person)
        stable = await self._components.stable(place)
        await self._check_stopping(place)
        goal = await self._way_back.goal(place, command, stable)
        artifact = await self._artifact(goal.place(place), goal.version)
        plan = make_return_plan(goal.place(place), artifact, stable, goal.release)
        if flying is not None:
            await self._supersede(flying.id, person)
        return await self._open(request, person, plan, Purpose.ROLL_BACK)

    async def approve(self, request: Request, person: PersonId) -> Deployment:
        """Agree to a plan, or to the step that waits. The same person agreeing again changes nothing."""
        command = _command(request, Approve)
        deployment = await self._journal.load(command.deployment)
        present = await self._present(deployment)
        now = self._now()
        return await self._decide(
            command.deployment,
            lambda found: approve_events(found, person, command, present, now=now),
            person,
        )

    async def reject(self, request: Request, person: PersonId) -> Deployment:
        """Refuse a plan."""
        command = _command(request, Reject)
        now = self._now()
        return await self._decide(
            command.deployment, lambda found: reject_events(found, person, command, now=now), person
        )

    async def abort(self, request: Request, person: PersonId) -> Deployment:
        """End a deployment in whatever state it is; traffic comes back."""
        return await self._aborted(_command(request, Abort).deployment, person)

    async def resume(self, request: Request, person: PersonId) -> Deployment:
        """Let a paused deployment go on."""
        command = _command(request, Resume)
        return await self._decide(command.deployment, lambda found: resume_events(found, person), person)

    async def promote(self, request: Request, person: PersonId) -> Deployment:
        """Skip what is left of the steps."""
        command = _command(request, Promote)
        return await self._decide(command.deployment, lambda found: promote_events(found, person, command), person)

    async def release_old(self, request: Request, person: PersonId) -> Deployment:
        """Let the former version go that is kept."""
        command = _command(request, ReleaseOld)
        return await self._decide(command.deployment, lambda found: release_events(found, person), person)

    async def _present(self, deployment: Deployment) -> Present:
        """What would be done now, asked only while it matters."""
        plan = deployment.plan
        if deployment.state not in {State.PLANNED, State.PAUSED}:
            return Present(plan.digest, plan.configuration)
        place = self._catalog().placement(plan.service, plan.environment)
        environment = self._catalog().environment(plan.environment)
        digest = (await self._artifact(place, plan.version)).digest
        hindrance = await self._hindrance(deployment, place) if deployment.state is State.PLANNED else None
        return Present(digest, configuration_of(place, environment), environment.group, hindrance)

    async def _hindrance(self, deployment: Deployment, place: Placement) -> Hindrance | None:
        """What stands in the way since it was planned; what the plan overrides is agreed to with it."""
        plan, now = deployment.plan, self._now()
        found = await self._permits.hindrances(place, plan.version, deployment.requested_by, now=now)
        return next(iter(left(found, plan.overrides)), None)

    async def _aborted(self, id: DeploymentId, person: PersonId) -> Deployment:  # noqa: A002
        return await self._decide(id, lambda found: abort_events(found, person), person)

    async def _supersede(self, id: DeploymentId, person: PersonId) -> Deployment:  # noqa: A002
        reason = f"A roll-back by {person} took its place."
        cancelled = DeploymentCancelled(reason, Outcome.SUPERSEDED, person)
        return await self._decide(id, lambda found: (cancelled,) if found.state is State.PLANNED else (), person)

    async def _decide(self, id: DeploymentId, decide: Decide, person: PersonId) -> Deployment:  # noqa: A002
        """Load, decide, record and wake the loop; again when the drive wrote in between."""
        for _ in range(ATTEMPTS):
            deployment = await self._journal.load(id)
            events = decide(deployment)
            try:
                after = await self._journal.record(deployment, *events, at=self._now(), actor=person)
            except Overtaken:
                continue
            await self._durable.wake(subject_of(id))
            if events and isinstance(events[0], DeploymentExpired):
                raise DeploymentNotNow("The time to decide is over.", "Ask for it anew.", deployment=after)
            return after
        raise NotNow(f"Deployment {id} is changing too fast to decide on.", "Try again.")

    async def _open(self, request: Request, person: PersonId, plan: Plan, purpose: Purpose) -> Deployment:
        planned = DeploymentPlanned(plan, purpose, person, request.id)
        passed = [DeploymentOverridden(person, one.what, one.reason) for one in plan.overrides]
        id, now = _id_for(request), self._now()  # noqa: A001
        try:
            opened = await self._journal.begin(id, planned, *passed, at=now, actor=person, correlation=request.id)
        except PlaceTaken as taken:
            raise await self._occupied(taken.holder) from taken
        except Overtaken:  # the same request, handled at the same time
            opened = await self._journal.load(id)
        await self._durable.start(subject_of(id))
        return opened

    async def _occupied(self, id: DeploymentId) -> DeploymentNotNow:  # noqa: A002
        other = await self._journal.load(id)
        plan = other.plan
        return DeploymentNotNow(
            f"{other.requested_by} is deploying {plan.service} {plan.version} to {plan.environment} ({other.state}).",
            "Wait until it has ended, or abort it.",
            deployment=other,
        )

    async def _return_to_stable(self, place: Placement, version: Version, person: PersonId) -> Deployment:
        flying = await self._journal.in_flight_at(place.service, place.environment)
        if flying is not None and flying.state is not State.PLANNED:
            return await self._decide(flying.id, lambda found: return_events(found, person), person)
        raise await self._runs_already(place, version)

    async def _runs_already(self, place: Placement, version: Version) -> NotNow:
        """The same version twice is nothing to bring out; settings that have changed since come with the next one."""
        said = f"{version} of {place.service} runs in {place.environment} already."
        running = await self._releases.as_running(place, now=self._now())
        changed = ", ".join(one.field for one in differences(running, place))
        if not changed:
            return NotNow(said, "Use `restart` to start its instances anew.")
        told = f"{said} Its settings have changed since ({changed})."
        return NotNow(told, f"They come out with the next version: give it a name of its own, such as {version}-1.")

    async def _plan(self, place: Placement, version: Version, person: PersonId, override: str) -> Plan:
        """How the version would be brought out. Raises NotFound without one, NotNow for what stands in its way."""
        await self._check_stopping(place)
        if self._premises is not None:
            await self._premises.check(place)
        artifact = await self._artifact(place, version)
        now = self._now()
        found = await self._permits.hindrances(place, version, person, now=now)
        overrides = overridden(found, person, override)
        warnings = tuple(one.reason for one in found if not one.blocks)
        environment = self._catalog().environment(place.environment)
        stable = await self._components.stable(place)
        return make_plan(place, environment, artifact, stable, now=now, overrides=overrides, warnings=warnings)

    async def _check_stopping(self, place: Placement) -> None:
        """What is being stopped takes no version: the deployment could only fail once it has begun."""
        found = await self._components.component(place.service, place.environment)
        if found is not None and found.state == ComponentState.STOPPING:
            raise NotNow(f"{place.service} in {place.environment} is being stopped.", "Wait until it is stopped.")

    def _place(self, command: Deploy) -> Placement:
        catalog = self._catalog()
        if command.service not in catalog.services:
            names = [str(name) for name in catalog.services]
            raise NotFound(
                f"There is no service {command.service[:80]!r}.",
                f"Known: {', '.join(names)}.",
                field="service",
                suggestion=nearest(command.service, names),
            )
        place = catalog.placement(command.service, command.environment)
        if command.strategy not in {None, place.strategy.name}:
            raise Invalid(
                f"{command.service} in {command.environment} has no strategy {command.strategy!r}.",
                f"It uses {place.strategy.name!r}.",
                field="strategy",
                suggestion=place.strategy.name,
            )
        return place

    async def _artifact(self, place: Placement, version: Version) -> Artifact:
        """The version's artifact. Raises NotFound with the versions there are."""
        try:
            return await self._artifacts.artifact(place, version)
        except NotFound as missing:
            known = [str(one) for one in await self._artifacts.versions(place)]
            raise NotFound(
                f"{place.service} has no version {version!r}.",
                f"Known: {', '.join(known[-10:]) or 'none'}.",
                field="version",
                suggestion=nearest(version, known),
            ) from missing


def _id_for(request: Request) -> DeploymentId:
    """The same id each time a request is delivered; short enough to say."""
    return id_for(request.id)


def id_for(request: str) -> DeploymentId:
    """The deployment that the request of this id makes."""
    return DeploymentId(f"d-{sha256(request.encode()).hexdigest()[:12]}")


def _command(request: Request, kind: type[CommandT]) -> CommandT:
    if not isinstance(request.command, kind):
        raise TypeError(f"{type(request.command).__name__} was sent to the handler of {kind.__name__}.")
    return request.command
