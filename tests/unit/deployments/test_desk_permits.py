"""What stands in the way of a deployment when it is asked for, agreed to and begun, and what its end leaves behind."""

from dataclasses import replace
from datetime import timedelta

import pytest

from engine.catalog import ApprovalGroup, Environment, EnvironmentName
from engine.commands import Abort, Approve, Deploy, Freeze, Lock, MarkVersion, Reject, RollBack, Unfreeze, Unlock
from engine.deployments.decide import DeploymentNotNow
from engine.deployments.deployment import Deployment, Outcome, State
from engine.errors import Denied, NotNow
from engine.permits.clearance import Granted
from engine.permits.locks import LockState
from engine.ports import OpenIncident
from engine.strategy_specs import CanaryStep
from tests.unit.deployments.world import ANN, BEN, CANARY, CID, Behaviour, Killed, Town

PRODUCTION = EnvironmentName("production")
FREE = Environment(PRODUCTION)


@pytest.fixture
def town() -> Town:
    made = Town()
    made.settle()
    return made


async def planned(town: Town, version: str = "v2", **more: str) -> Deployment:
    return await town.desk.deploy(town.ask(Deploy("shop", version, "production", **more)), ANN)


async def agreed(town: Town, deployment: Deployment) -> Deployment:
    return await town.desk.approve(town.ask(Approve(deployment.id)), BEN)


async def lock_of(town: Town) -> LockState | None:
    lock = await town.permit_journal.lock("shop", "production")
    return lock if lock is not None and lock.holds(town.clock.at) else None


def told(deployment: Deployment) -> list[str]:
    return [step.text for step in deployment.history]


# Who agrees, to what


async def test_only_approvals_by_members_of_the_group_count(town: Town) -> None:
    group = ApprovalGroup("release", frozenset({"cid"}))
    town.world.environment = replace(town.world.environment, group=group)
    deployment = await planned(town)
    assert deployment.plan.approval_group == "release"
    with pytest.raises(Denied, match="Only approvals by members of release count here"):
        await agreed(town, deployment)
    after = await town.desk.approve(town.ask(Approve(deployment.id)), CID)
    assert [one.person for one in after.approvals] == [CID]


async def test_an_approval_of_somebody_who_left_the_group_counts_no_more(town: Town) -> None:
    group = ApprovalGroup("release", frozenset({"ben", "cid"}))
    town.world.environment = replace(town.world.environment, group=group)
    deployment = await planned(town)
    await town.desk.approve(town.ask(Approve(deployment.id)), BEN)
    town.world.environment = replace(town.world.environment, group=ApprovalGroup("release", frozenset({"cid"})))
    await town.run(1)
    after = await town.at(deployment)
    assert (after.state, after.outcome) == (State.CANCELLED, Outcome.VOID)
    assert "Somebody who approved is no longer in release" in after.reason


async def test_an_approval_is_void_when_the_strategy_of_the_settings_has_changed(town: Town) -> None:
    deployment = await planned(town)
    town.world.strategy = replace(CANARY, steps=(CanaryStep(100, timedelta(0)),))
    with pytest.raises(DeploymentNotNow, match="The configuration of shop in production has changed"):
        await agreed(town, deployment)
    assert (await town.at(deployment)).decisions == ()


async def test_an_approval_is_void_when_more_people_have_to_agree_now(town: Town) -> None:
    deployment = await planned(town)
    town.world.environment = replace(town.world.environment, approvals=2)
    with pytest.raises(DeploymentNotNow, match="the approval is void"):
        await agreed(town, deployment)


async def test_what_was_agreed_to_is_looked_at_again_when_it_begins(town: Town) -> None:
    deployment = await planned(town)
    await agreed(town, deployment)
    town.world.strategy = replace(CANARY, progress_deadline=timedelta(minutes=9))
    await town.run(1)
    after = await town.at(deployment)
    assert (after.state, after.outcome) == (State.CANCELLED, Outcome.VOID)
    assert not town.world.effects


# What stands in the way


async def frozen(town: Town) -> None:
    await town.permit_desk.freeze(Freeze("", "production", reason="audit"), CID)


async def broken(town: Town) -> None:
    town.world.incidents = [OpenIncident("inc-1", "Shop fails", town.clock.at)]


@pytest.mark.parametrize("hinder", [frozen, broken])
async def test_an_override_needs_another_person_and_is_on_record(town: Town, hinder: object) -> None:
    town.world.environment = FREE
    await hinder(town)  # type: ignore[operator]
    with pytest.raises(NotNow) as refused:
        await planned(town)
    assert "add `override` and a reason" in refused.value.remedy
    deployment = await planned(town, override="customers wait")
    assert (deployment.state, deployment.plan.approvals_needed, deployment.plan.four_eyes) == (State.PLANNED, 1, True)
    with pytest.raises(Denied, match="Another person has to approve"):
        await town.desk.approve(town.ask(Approve(deployment.id)), ANN)
    await agreed(town, deployment)
    await town.run(60)
    after = await town.at(deployment)
    assert after.state is State.SUCCEEDED
    assert any(line.startswith("Overridden by ann:") and line.endswith("customers wait") for line in told(after))
    written = [one for one in await town.log.read(f"deployment/{after.id}") if one.type == "DeploymentOverridden"]
    assert [(one.actor, one.data["reason"]) for one in written] == [(ANN, "customers wait")]


async def test_an_override_is_for_what_was_there_when_it_was_asked_for(town: Town) -> None:
    await frozen(town)
    deployment = await planned(town, override="customers wait")
    await broken(town)
    with pytest.raises(DeploymentNotNow, match="An incident of shop in production is open: Shop fails"):
        await agreed(town, deployment)


async def test_what_comes_between_the_approval_and_the_begin_holds_it(town: Town) -> None:
    deployment = await planned(town)
    await agreed(town, deployment)
    await frozen(town)
    await town.run(30)
    held = await town.at(deployment)
    assert (held.state, held.held) == (State.PLANNED, "production is frozen by cid: audit")
    assert told(held).count("Waits: production is frozen by cid: audit") == 1
    assert not town.world.effects
    await town.permit_desk.unfreeze(Unfreeze("", "production"), CID)
    await town.run(0.1)
    assert (await town.at(deployment)).state is State.RUNNING, "it was not woken"


async def test_what_is_held_can_be_aborted(town: Town) -> None:
    deployment = await planned(town)
    await agreed(town, deployment)
    await frozen(town)
    await town.run(5)
    after = await town.desk.abort(town.ask(Abort(deployment.id)), ANN)
    assert (after.state, after.held) == (State.CANCELLED, "")


async def test_an_approval_runs_out_while_it_is_held(town: Town) -> None:
    deployment = await planned(town)
    await agreed(town, deployment)
    await frozen(town)
    await town.run(3600)
    after = await town.at(deployment)
    assert (after.state, after.outcome) == (State.CANCELLED, Outcome.VOID)
    assert after.reason == "The approval ran out while this stood in the way: production is frozen by cid: audit"


async def test_an_incident_that_cannot_be_asked_for_is_no_reason_to_go_on(town: Town) -> None:
    deployment = await planned(town)
    await agreed(town, deployment)
    town.world.away.add("incidents")
    await town.run(5)
    assert (await town.at(deployment)).trouble == "The incidents does not answer."
    town.world.away.clear()
    await town.run(60)
    assert (await town.at(deployment)).state is State.SUCCEEDED


async def test_the_owner_of_a_lock_deploys_and_nobody_else(town: Town) -> None:
    await town.permit_desk.lock(Lock("shop", "production"), ANN)
    deployment = await planned(town)
    await town.desk.reject(town.ask(Reject(deployment.id)), BEN)
    with pytest.raises(NotNow, match="locked by ann"):
        await town.desk.deploy(town.ask(Deploy("shop", "v2", "production", override="now")), BEN)


# Locks and begins at the same moment


async def test_an_effect_carries_the_number_of_the_newest_lock(town: Town) -> None:
    for _ in range(2):
        await town.permit_desk.lock(Lock("shop", "production"), BEN)
        await town.permit_desk.unlock(Unlock("shop", "production"), BEN, admin=False)
    deployment = await planned(town)
    await agreed(town, deployment)
    await town.run(1)
    assert (await town.at(deployment)).fence == 2


async def test_a_lock_taken_as_a_deployment_begins_stops_it_before_its_first_effect(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment = await planned(town)
    await agreed(town, deployment)
    real = town.keeper.may_begin

    async def late(one: Deployment, *, now: object) -> object:
        granted = await real(one, now=now)  # type: ignore[arg-type]
        assert granted == Granted(0)
        await town.permit_desk.lock(Lock("shop", "production", reason="hands off"), CID)
        return granted

    monkeypatch.setattr(town.keeper, "may_begin", late)
    await town.run(10)
    after = await town.at(deployment)
    assert (after.state, after.outcome) == (State.ROLLED_BACK, Outcome.SUPERSEDED)
    assert "cid locked shop in production as it began (lock 1, begun under 0)" in after.reason
    assert not any(effect.startswith("start v2") for effect in town.world.effects)


async def test_a_lock_taken_later_lets_what_runs_go_on(town: Town) -> None:
    deployment = await planned(town)
    await agreed(town, deployment)
    await town.run(0.5)
    assert (await town.at(deployment)).state is State.RUNNING
    town.clock.advance(timedelta(milliseconds=1))
    await town.permit_desk.lock(Lock("shop", "production"), CID)
    await town.run(60)
    assert (await town.at(deployment)).state is State.SUCCEEDED


# What the end leaves behind


async def gate_fails(town: Town) -> Deployment:
    town.world.behaviour["v3"] = Behaviour(errors=0.5)
    deployment = await planned(town, "v3")
    await agreed(town, deployment)
    await town.run(60)
    after = await town.at(deployment)
    assert after.outcome is Outcome.GATE_FAILED
    return after


async def test_after_a_gate_took_a_version_back_the_place_is_locked_and_the_version_known(town: Town) -> None:
    bad = await gate_fails(town)
    lock = await lock_of(town)
    assert lock is not None
    assert (lock.cause, lock.automatic, lock.until) == (bad.id, True, None)
    with pytest.raises(NotNow, match="locked after a roll-back") as refused:
        await planned(town)
    assert "`/ops unlock shop production`" in refused.value.remedy
    mark = await town.permit_journal.mark("shop", "v3")
    assert mark is not None
    assert (mark.bad, mark.deployment) == (True, bad.id)


async def test_anybody_who_may_lock_ends_a_lock_that_came_by_itself(town: Town) -> None:
    await gate_fails(town)
    await town.permit_desk.unlock(Unlock("shop", "production"), BEN, admin=False)
    again = await planned(town, "v3")
    assert len(again.plan.warnings) == 1
    assert "v3 of shop is known to be bad" in again.plan.warnings[0]


async def test_a_deployment_with_an_override_ends_the_lock_that_came_by_itself(town: Town) -> None:
    await gate_fails(town)
    deployment = await planned(town, override="v2 has the fix")
    await agreed(town, deployment)
    await town.run(20)
    assert await lock_of(town) is not None, "it holds until the version is out"
    await town.run(60)
    assert (await town.at(deployment)).state is State.SUCCEEDED
    assert await lock_of(town) is None
    lock = await town.permit_journal.lock("shop", "production")
    assert lock is not None
    assert lock.ended == "deployed"


async def test_the_lock_after_a_roll_back_by_a_person_lasts_as_the_settings_say(town: Town) -> None:
    town.world.environment = replace(town.world.environment, rollback_lock=timedelta(hours=2))
    await agreed(town, await planned(town))
    await town.run(60)
    await town.desk.roll_back(town.ask(RollBack("shop", "production")), ANN)
    await town.run(30)
    lock = await lock_of(town)
    assert lock is not None
    assert lock.until is not None
    assert timedelta(0) < lock.until - town.clock.at <= timedelta(hours=2)
    town.clock.advance(timedelta(hours=2))
    await planned(town, "v3")


async def test_the_settings_may_ask_for_no_lock(town: Town) -> None:
    town.world.environment = replace(town.world.environment, lock_after_rollback=False)
    await gate_fails(town)
    assert await lock_of(town) is None


async def test_a_known_bad_version_is_blocked_where_the_settings_say_so(town: Town) -> None:
    town.world.environment = replace(town.world.environment, known_bad="block")
    await town.permit_desk.mark(MarkVersion("shop", "v2", bad=True, reason="leaks"), BEN)
    with pytest.raises(NotNow, match="known to be bad"):
        await planned(town)
    assert (await planned(town, override="it leaks slowly")).plan.overrides[0].what.endswith("leaks")


async def test_going_back_is_stopped_by_nothing(town: Town) -> None:
    await agreed(town, await planned(town))
    await town.run(60)
    await town.permit_desk.lock(Lock("shop", "production"), CID)
    await frozen(town)
    await broken(town)
    await town.permit_desk.mark(MarkVersion("shop", "v1", bad=True), CID)
    back = await town.desk.roll_back(town.ask(RollBack("shop", "production")), ANN)
    await town.run(30)
    assert (await town.at(back)).state is State.SUCCEEDED
    assert town.world.stable_version == "v1"


@pytest.mark.parametrize("moment", range(1, 60, 3))
async def test_killed_at_any_moment_a_roll_back_leaves_one_lock_one_mark_one_release(moment: int) -> None:
    town = Town()
    town.settle()
    town.world.behaviour["v3"] = Behaviour(errors=0.5)
    deployment = await planned(town, "v3")
    await agreed(town, deployment)
    town.world.kill_at = town.world.moments + moment
    await town.run(120)
    assert all(isinstance(one, Killed) for one in town.durable.failures)
    assert (await town.at(deployment)).outcome is Outcome.GATE_FAILED
    lock, mark = await town.permit_journal.lock("shop", "production"), await town.permit_journal.mark("shop", "v3")
    assert lock is not None
    assert mark is not None
    assert (lock.number, lock.stream_version, mark.stream_version) == (1, 1, 1)
