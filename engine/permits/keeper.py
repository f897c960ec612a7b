"""Keeps the gate: gathers what permits stand on and decides who may begin. Implements the engine's Permits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from engine.catalog import Catalog, Environment, Placement, Version
from engine.deployments.deployment import Deployment, Outcome, PersonId, Purpose, State
from engine.deployments.journal import DeploymentJournal, Overtaken, Summary
from engine.deployments.releases import configuration_of
from engine.errors import TemporaryFailure
from engine.permits.clearance import Clearance, Granted, Held, Hindrance, Void
from engine.permits.freezes import frosts
from engine.permits.hindrances import hindrances, left
from engine.permits.journal import PermitJournal
from engine.permits.limits import Full, InLine, Limits, Running, full
from engine.permits.locks import SYSTEM, LockEnded, LockState, LockTaken
from engine.permits.versions import VersionMarkedBad
from engine.ports import OpenIncidents

LOOK: Final = timedelta(seconds=10)  # how long what is held sleeps; whoever lifts the lock or freeze wakes it
ATTEMPTS: Final = 8


class Keeper:
    """Holds nothing between two calls, so any process may be asked."""

    def __init__(
        self,
        journal: PermitJournal,
        deployments: DeploymentJournal,
        catalog: Callable[[], Catalog],
        incidents: OpenIncidents,
    ) -> None:
        self._journal = journal
        self._deployments = deployments
        self._catalog = catalog
        self._incidents = incidents

    async def hindrances(
        self, place: Placement, version: Version, person: PersonId, *, now: datetime
    ) -> Sequence[Hindrance]:
        service, environment = place.service, self._catalog().environment(place.environment)
        opened = await self._incidents.of(service, environment.name) if environment.incident_freeze else ()
        frozen = frosts(service, environment, await self._journal.freezes(), opened, now=now)
        lock = await self._journal.lock(service, environment.name)
        mark = await self._journal.mark(service, version)
        return hindrances(environment, person, lock, frozen, mark, now=now)

    async def may_begin(self, deployment: Deployment, *, now: datetime) -> Clearance:
        plan = deployment.plan
        if deployment.purpose is Purpose.ROLL_BACK:
            return Granted(await self._fence(deployment))
        place = self._catalog().placement(plan.service, plan.environment)
        void = _void(deployment, place, self._catalog().environment(plan.environment))
        if void:
            return Void(void)
        fence = await self._fence(deployment)  # before the look at the lock: one taken since has a greater number
        found = await self.hindrances(place, plan.version, deployment.requested_by, now=now)
        waits = left(found, plan.overrides)
        if waits and plan.expires_at is not None and now >= plan.expires_at:
            return Void(f"The approval ran out while this stood in the way: {waits[0].reason}")
        if waits:
            return Held(waits[0].reason, LOOK)
        line = await self._slot(deployment, now)
        return Granted(fence) if line is None else Held(line.text, line.again, in_line=True)

    async def overtaken(self, deployment: Deployment, *, now: datetime) -> str:
        plan, lock = deployment.plan, await self._lock(deployment)
        if lock is None or deployment.started_at is None or deployment.purpose is Purpose.ROLL_BACK:
            return ""
        mine = lock.owner == deployment.requested_by or not lock.holds(now)
        if mine or lock.number <= deployment.fence or lock.since > deployment.started_at:
            return ""
        where = f"{plan.service} in {plan.environment}"
        return f"{lock.owner} locked {where} as it began (lock {lock.number}, begun under {deployment.fence})."

    async def came_out(self, deployment: Deployment, *, at: datetime) -> None:
        if deployment.purpose is Purpose.ROLL_BACK:
            reason = f"{deployment.requested_by} rolled back to {deployment.plan.version}."
            await self._lock_by_itself(deployment, reason, at)
            return
        lock = await self._lock(deployment)
        if lock is not None and lock.automatic and lock.holds(at) and _passed(deployment, lock):
            reason = f"{deployment.plan.version} was deployed with an override."
            await self._journal.change_lock(lock, (LockEnded("deployed", SYSTEM, reason),), at=at, actor=SYSTEM)

    async def went_back(self, deployment: Deployment, *, at: datetime) -> None:
        plan = deployment.plan
        if deployment.outcome is Outcome.GATE_FAILED:
            await self._mark(deployment, at)
        if deployment.outcome in {Outcome.GATE_FAILED, Outcome.BROKEN} and not plan.first:
            await self._lock_by_itself(deployment, f"{plan.version} was taken back: {deployment.reason}", at)

    async def _mark(self, deployment: Deployment, at: datetime) -> None:
        plan = deployment.plan
        mark = await self._journal.mark(plan.service, plan.version)
        if mark is None or mark.deployment != deployment.id:
            bad = VersionMarkedBad(plan.service, plan.version, SYSTEM, deployment.reason, deployment.id)
            await self._journal.write_mark(mark, bad, at=at)

    async def _lock_by_itself(self, deployment: Deployment, reason: str, at: datetime) -> None:
        """Lock after a roll-back, unless the settings say otherwise or somebody has locked already."""
        plan = deployment.plan
        environment = self._catalog().environments.get(plan.environment)
        last = await self._lock(deployment)
        if environment is None or not environment.lock_after_rollback:
            return
        if last is not None and (last.holds(at) or last.cause == deployment.id):
            return
        if last is not None and last.ended is None:
            await self._journal.change_lock(last, (LockEnded("expired", SYSTEM),), at=at, actor=SYSTEM)
        until = at + environment.rollback_lock if environment.rollback_lock else None
        number = last.number + 1 if last else 1
        taken = LockTaken(plan.service, plan.environment, number, SYSTEM, reason, until, deployment.id)
        await self._journal.take(taken, at=at)

    async def _lock(self, deployment: Deployment) -> LockState | None:
        return await self._journal.lock(deployment.plan.service, deployment.plan.environment)

    async def _fence(self, deployment: Deployment) -> int:
        lock = await self._lock(deployment)
        return lock.number if lock else 0

    async def _slot(self, deployment: Deployment, now: datetime) -> Full | None:
        """Take a slot among those that run at once; why not, when there is none."""
        limits = _limits(self._catalog())
        if limits.overall is None and not limits.of:
            return None
        me = InLine(deployment.id, deployment.plan.environment, deployment.in_line_since or now)
        for _ in range(ATTEMPTS):
            version, taken = await self._journal.slots()
            if deployment.id in taken:
                return None
            flying = await self._deployments.in_flight()
            why = full(me, _running(flying, taken), _line(flying, taken), limits)
            if why is not None:
                return why
            holders = [one.id for one in flying if one.id in taken]
            try:
                await self._journal.take_slot(version, holders, deployment.id, at=now)
            except Overtaken:
                continue
            return None
        raise TemporaryFailure("Too many deployments begin at once.", "Let some of them end.")


def _void(deployment: Deployment, place: Placement, environment: Environment) -> str:
    """Why what was agreed to is not what would be done; "" when it is."""
    plan = deployment.plan
    if plan.configuration and plan.configuration != configuration_of(place, environment):
        where = f"{plan.service} in {plan.environment}"
        return f"The settings of {where} have changed since this was planned. Ask for it anew."
    group = environment.group
    if plan.approval_group and group is not None:
        agreed = {one.person for one in deployment.approvals} & group.people
        if len(agreed) < plan.approvals_needed:
            return f"Somebody who approved is no longer in {group.name}. Ask for it anew."
    return ""


def _passed(deployment: Deployment, lock: LockState) -> bool:
    key = f"lock:{lock.service}/{lock.environment}/{lock.number}"
    return any(one.key == key for one in deployment.plan.overrides)


def _limits(catalog: Catalog) -> Limits:
    of = {name: one.concurrent for name, one in catalog.environments.items() if one.concurrent is not None}
    return Limits(catalog.concurrent, of)


def _running(flying: Sequence[Summary], taken: Sequence[str]) -> list[Running]:
    """Those that have begun, and those that were given a slot and are about to."""
    return [Running(one.id, one.environment) for one in flying if one.state is not State.PLANNED or one.id in taken]


def _line(flying: Sequence[Summary], taken: Sequence[str]) -> list[InLine]:
    waiting = [one for one in flying if one.state is State.PLANNED and one.id not in taken]
    return [InLine(one.id, one.environment, one.in_line_since) for one in waiting if one.in_line_since is not None]
