"""Drives deployments: load, observe, decide, act, record. A turn may be repeated or cut off anywhere."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, assert_never

from engine.catalog import Catalog, Placement, Version
from engine.deployments.action import (
    Action,
    Begin,
    Configure,
    Effect,
    Finish,
    GiveBack,
    GiveUp,
    Measure,
    Observation,
    Record,
    StartInstances,
    StopInstances,
    Wait,
)
from engine.deployments.deployment import BACKING_UP, Deployment, Outcome, Plan, Purpose, State
from engine.deployments.events import (
    BackedUp,
    BackupBegun,
    DeploymentCancelled,
    DeploymentEvent,
    DeploymentFailed,
    DeploymentHeld,
    DeploymentRolledBack,
    DeploymentStarted,
    DeploymentSucceeded,
    ProgressSeen,
    RollbackStarted,
    TroubleCleared,
    TroubleMet,
)
from engine.deployments.gates import Gates
from engine.deployments.gone import gone, knows, left, recorded, waits
from engine.deployments.journal import DeploymentJournal, Overtaken, id_of
from engine.deployments.releases import Releases, as_released, parse_placement
from engine.deployments.strategies import next_step
from engine.deployments.strategies.moves import GLANCE
from engine.deployments.words import describe, not_well, sentence
from engine.durable import MayAct, alone
from engine.errors import NotFound, PermanentFailure, Refused, TemporaryFailure
from engine.hooks import HookCalls
from engine.permits.clearance import Granted, Held, Void
from engine.ports import (
    ComponentBook,
    DataBackups,
    FiringAlerts,
    Instance,
    InstanceHealth,
    InstanceManager,
    MetricQueries,
    Permits,
    Spot,
    TrafficReading,
    TrafficShifter,
)

ACTIONS_A_TURN: Final = 40
SOONEST: Final = timedelta(milliseconds=500)
LATEST: Final = timedelta(seconds=10)
BLIND: Final = Observation((), TrafficReading({}, (), 0, 0))

log = logging.getLogger(__name__)


class Drive:
    """Takes turns for deployments; holds nothing between them, so any process can take the next one."""

    def __init__(
        self,
        journal: DeploymentJournal,
        catalog: Callable[[], Catalog],
        manager: InstanceManager,
        shifter: TrafficShifter,
        components: ComponentBook,
        metrics: MetricQueries,
        alerts: FiringAlerts,
        *,
        hooks: HookCalls,
        permits: Permits,
        releases: Releases,
        backups: DataBackups,
        now: Callable[[], datetime],
        may_act: MayAct = alone,
    ) -> None:
        self._journal = journal
        self._catalog = catalog
        self._manager = manager
        self._shifter = shifter
        self._components = components
        self._gates = Gates(metrics, alerts, hooks)
        self._permits = permits
        self._releases = releases
        self._backups = backups
        self._now = now
        self._may_act = may_act

    async def turn(self, subject: str) -> timedelta | None:
        """Bring the deployment of `subject` as far as it goes now.

        Answers how long to wait before the next turn, None when the deployment has ended. Raises StorageUnavailable
        when the journal cannot be used; the turn can be taken again. Raises LeaseLost, with nothing done or written.
        """
        id = id_of(subject)  # noqa: A001
        deployment = await self._journal.find(id)
        if deployment is None:
            log.warning("There is no deployment %s; its loop ends.", id)
            return None
        try:
            if self._lost(deployment):
                return await self._gone(deployment)
            return await self._advance(await self._found_again(deployment))
        except Overtaken:
            return timedelta(0)  # somebody decided meanwhile: take the turn again on what they wrote

    async def _advance(self, deployment: Deployment) -> timedelta | None:
        before: Action | None = None
        for _ in range(ACTIONS_A_TURN):
            if deployment.ended:
                return None
            try:
                place = await self._place(deployment)
                seen = await self._observe(deployment, place)
                action = next_step(deployment, seen, now=self._now())
                await self._may_act()
                if isinstance(action, Wait):
                    await self._cleared(deployment)
                    return action.time
                if action == before:  # asked again: its effect takes time
                    return GLANCE
                after = await self._act(deployment, place, seen, action)
                if isinstance(after, timedelta):
                    return after
                before, deployment = action, after
            except TemporaryFailure as failure:
                return await self._troubled(deployment, failure)
            except (PermanentFailure, Refused) as failure:
                deployment = await self._broken(deployment, str(failure))
        return GLANCE

    async def _place(self, deployment: Deployment) -> Placement:
        """Where and how its version runs: as it was planned, or as a release ran that it goes back to."""
        plan = deployment.plan
        if not knows(self._catalog(), plan):
            return await recorded(self._releases, plan)
        if plan.revision is not None:
            settings = self._catalog().placement(plan.service, plan.environment)
            release = await self._releases.get(plan.service, plan.environment, plan.revision)
            return replace(as_released(settings, release.placement), strategy=settings.strategy)
        return self._as_planned(plan)

    def _as_planned(self, plan: Plan) -> Placement:
        """Settings that changed since are for the next plan; a plan of before they were kept has those of now."""
        settings = self._catalog().placement(plan.service, plan.environment)
        if plan.placement is None:
            return settings
        planned = parse_placement(plan.placement)
        return replace(as_released(settings, planned), strategy=planned.strategy)

    async def _place_of(self, deployment: Deployment, place: Placement, version: Version) -> Placement:
        """How that version runs: the former one as it came out, not with the settings of the new one."""
        plan = deployment.plan
        if version == plan.version:
            return place
        releases = await self._releases.all(plan.service, plan.environment)
        known = next((one for one in reversed(releases) if one.version == version), None)
        return place if known is None else as_released(place, known.placement)

    def _lost(self, deployment: Deployment) -> bool:
        """Whether the settings would have to say how to go on, and do not; the way back is recorded."""
        on_its_way = not deployment.ended and deployment.state is not State.ROLLING_BACK
        return on_its_way and not knows(self._catalog(), deployment.plan)

    async def _gone(self, deployment: Deployment) -> timedelta | None:
        """Without its place in the settings a plan is void, and what runs waits until it is put back or aborted."""
        await self._may_act()
        if deployment.state is State.PLANNED:
            reason = f"{gone(deployment.plan)} Nothing was changed."
            await self._record(deployment, DeploymentCancelled(reason, Outcome.VOID))
            return None
        if deployment.trouble != waits(deployment):
            await self._record(deployment, TroubleMet(waits(deployment)))
        return LATEST

    async def _found_again(self, deployment: Deployment) -> Deployment:
        if deployment.trouble != waits(deployment):
            return deployment
        return await self._record(deployment, TroubleCleared(anew=True))

    async def _observe(self, deployment: Deployment, place: Placement) -> Observation:
        if deployment.state is State.PLANNED:
            return BLIND  # nothing is decided on it before it begins
        instances = tuple(await self._components.observe(place))
        traffic = await self._shifter.read(place)
        idle = [one for one in instances if one.id not in traffic.ready]
        drained = [one.id for one in idle if await self._shifter.drained(place, [one.id])]
        return Observation(instances, traffic, frozenset(drained))

    async def _act(  # noqa: PLR0911  # one return an action
        self, deployment: Deployment, place: Placement, seen: Observation, action: Action
    ) -> Deployment | timedelta:
        """The deployment after the action; how long to wait where it may not be done yet."""
        match action:
            case Measure():
                return await self._measure(deployment, place, seen)
            case Record(events):
                return await self._record(deployment, *events)
            case Begin():
                return await self._begin(deployment, place)
            case Finish():
                return await self._finish(deployment, place, seen)
            case GiveBack():
                return await self._give_back(deployment, place, seen)
            case GiveUp(reason):
                return await self._give_up(deployment, place, reason)
            case _:
                return await self._affect_unless_overtaken(deployment, place, seen, action)

    async def _affect_unless_overtaken(
        self, deployment: Deployment, place: Placement, seen: Observation, action: Effect | Wait
    ) -> Deployment:
        """Do it; but the first effects of all not, when somebody locked the place as the deployment began."""
        if deployment.state in {State.RUNNING, State.PROMOTING} and deployment.traffic_at is None:
            why = await self._permits.overtaken(deployment, now=self._now())
            if why:
                return await self._record(deployment, RollbackStarted(why, Outcome.SUPERSEDED))
        if isinstance(action, StartInstances):
            place = await self._place_of(deployment, place, action.version)
        await self._affect(place, seen, action)
        return deployment

    async def _affect(self, place: Placement, seen: Observation, action: Effect | Wait) -> None:
        match action:
            case StartInstances(version, ordinals):
                await self._manager.start(place, version, ordinals)
            case Configure(ids, weights):
                await self._shifter.configure(place, _chosen(seen, ids), dict(weights))
            case StopInstances(ids):
                await self._manager.stop(place, ids)
            case Wait():
                return
            case _:
                assert_never(action)

    async def _record(self, deployment: Deployment, *events: DeploymentEvent) -> Deployment:
        return await self._journal.record(deployment, *events, at=self._now())

    async def _begin(self, deployment: Deployment, place: Placement) -> Deployment | timedelta:
        match await self._permits.may_begin(deployment, now=self._now()):
            case Granted(fence):
                backed_up = await self._backed_up(deployment, place)
                return backed_up or await self._begun(deployment, place, fence)
            case Void(reason):
                return await self._record(deployment, DeploymentCancelled(reason, Outcome.VOID))
            case Held(reason, again, in_line):
                if (deployment.held, deployment.in_line_since is not None) != (reason, in_line):
                    await self._record(deployment, DeploymentHeld(reason, in_line))
                return again

    async def _backed_up(self, deployment: Deployment, place: Placement) -> Deployment | None:
        """The deployment nearer to its backup; None when it has one or needs none, as going back never does."""
        if place.backup is None or deployment.backup or deployment.purpose is Purpose.ROLL_BACK:
            return None
        if deployment.held != BACKING_UP:
            return await self._record(deployment, BackupBegun())
        taken = await self._backups.back_up(place, deployment.id, reason=f"before deployment {deployment.id}")
        return await self._record(deployment, BackedUp(taken.id, taken.size, taken.seconds))

    async def _begun(self, deployment: Deployment, place: Placement, fence: int) -> Deployment:
        plan = deployment.plan
        counted, former = await self._shifter.read(place), await self._former(deployment, place)
        well = sum(one.health is InstanceHealth.HEALTHY for one in former)
        await self._components.begin(place, plan.version, deployment=deployment.id, at=self._now())
        return await self._record(deployment, DeploymentStarted(counted.requests, counted.lost, fence, well))

    async def _former(self, deployment: Deployment, place: Placement) -> list[Instance]:
        if deployment.plan.first:
            return []
        return [one for one in await self._components.observe(place) if one.version == deployment.plan.previous]

    async def _measure(self, deployment: Deployment, place: Placement, seen: Observation) -> Deployment:
        now = self._now()
        measurements = await self._gates.measure(deployment, seen, now=now)
        figures = await self._gates.figures(place.figures, deployment, now=now)
        traffic = seen.traffic
        return await self._record(deployment, ProgressSeen(measurements, figures, traffic.requests, traffic.lost))

    async def _finish(self, deployment: Deployment, place: Placement, seen: Observation) -> Deployment:
        version, now = deployment.plan.version, self._now()
        await self._components.finish(place, version, deployment=deployment.id, at=now)
        await self._releases.note(deployment, place, at=now)
        await self._permits.came_out(deployment, at=now)
        return await self._record(deployment, _last(deployment, seen), DeploymentSucceeded())

    async def _give_back(self, deployment: Deployment, place: Placement, seen: Observation) -> Deployment:
        but = "" if deployment.plan.previous is None else not_well(seen, deployment.plan.previous)
        full = f"{sentence(deployment.reason)} {but}".strip()
        await self._fail_component(deployment, place, full, restored=not deployment.plan.first)
        await self._permits.went_back(deployment, at=self._now())
        return await self._record(deployment, _last(deployment, seen), DeploymentRolledBack(but))

    async def _give_up(self, deployment: Deployment, place: Spot, reason: str) -> Deployment:
        full = f"{sentence(deployment.reason)} {reason}".strip() if deployment.reason not in reason else reason
        if deployment.started_at is not None:
            await self._fail_component(deployment, place, full, restored=False)
        return await self._record(deployment, DeploymentFailed(full))

    async def _fail_component(self, deployment: Deployment, place: Spot, reason: str, *, restored: bool) -> None:
        await self._components.fail(place, reason, deployment=deployment.id, at=self._now(), restored=restored)

    async def _cleared(self, deployment: Deployment) -> None:
        if deployment.trouble:
            await self._record(deployment, TroubleCleared())

    async def _troubled(self, deployment: Deployment, failure: TemporaryFailure) -> timedelta | None:
        """Keep what does not work in sight and try again, until the deadline says that it is broken."""
        now, since = self._now(), deployment.trouble_since
        if since is not None and now - since > deployment.plan.strategy.progress_deadline:
            deployment = await self._broken(deployment, str(failure))
            return None if deployment.ended else timedelta(0)
        if deployment.trouble != str(failure):
            await self._record(deployment, TroubleMet(str(failure)))
        return failure.retry_after or min(LATEST, max(SOONEST, now - (since or now)))

    async def _broken(self, deployment: Deployment, reason: str) -> Deployment:
        """It will not work: go back, or when that is what does not work, say what is there and end."""
        reason = sentence(reason)
        if deployment.state in {State.RUNNING, State.PAUSED, State.PROMOTING}:
            return await self._record(deployment, RollbackStarted(reason, Outcome.BROKEN))
        try:
            place = await self._place(deployment)
        except NotFound:
            return await self._give_up(deployment, deployment.plan, f"{reason} {left(deployment)}")
        return await self._give_up(deployment, place, f"{reason} {await self._there(deployment, place)}".strip())

    async def _there(self, deployment: Deployment, place: Placement) -> str:
        if deployment.state is State.PLANNED:
            return "Nothing was changed."
        try:
            return describe(deployment.plan, await self._observe(deployment, place))
        except (TemporaryFailure, PermanentFailure):
            return "What runs now could not be seen."


def _chosen(seen: Observation, ids: tuple[str, ...]) -> list[Instance]:
    return [one for one in seen.instances if one.id in ids]


def _last(deployment: Deployment, seen: Observation) -> ProgressSeen:
    return ProgressSeen((), deployment.figures, seen.traffic.requests, seen.traffic.lost)
