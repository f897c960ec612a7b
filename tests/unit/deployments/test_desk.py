"""What the desk refuses, and in which words."""

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from engine.catalog import Environment, EnvironmentName, Placement
from engine.commands import Abort, Approve, Deploy, Reject, Resume, RollBack
from engine.components.lifecycle import ComponentState
from engine.deployments.decide import DeploymentNotNow
from engine.deployments.deployment import Deployment, DeploymentId, Outcome, Purpose, State
from engine.errors import Denied, Invalid, NotFound, NotNow
from engine.ports import Artifact
from engine.strategy_specs import CanaryStep
from engine.targets import LocalTarget
from tests.unit.deployments.world import ANN, BEN, CANARY, CID, Behaviour, Town


@pytest.fixture
def town() -> Town:
    made = Town()
    made.settle()
    return made


async def planned(town: Town, request: str = "", version: str = "v2") -> Deployment:
    return await town.desk.deploy(town.ask(Deploy("shop", version, "production"), request), ANN)


async def approved(town: Town) -> Deployment:
    deployment = await planned(town)
    return await town.desk.approve(town.ask(Approve(deployment.id)), BEN)


@pytest.mark.parametrize(
    ("command", "kind", "reason", "suggestion"),
    [
        (Deploy("shpo", "v2", "production"), NotFound, "There is no service 'shpo'.", "shop"),
        (Deploy("shop", "v2", "prod"), NotFound, "There is no environment 'prod'.", None),
        (Deploy("shop", "v22", "production"), NotFound, "shop has no version 'v22'.", "v2"),
        (Deploy("shop", "v 2;rm", "production"), Invalid, "'v 2;rm' is not a version.", "v2rm"),
        (Deploy("shop", "", "production"), Invalid, "'' is not a version.", None),
        (Deploy("shop", "x" * 5000, "production"), Invalid, "'xxxx", "x" * 64),
        (Deploy("shop", "../v2", "production"), Invalid, "'../v2' is not a version.", "v2"),
        (Deploy("shop", "v2", "production", "bold"), Invalid, "no strategy 'bold'", "careful"),
    ],
)
async def test_bad_input_is_refused_with_what_would_do(
    town: Town, command: Deploy, kind: type[Invalid], reason: str, suggestion: str | None
) -> None:
    with pytest.raises(kind) as refused:
        await town.desk.deploy(town.ask(command), ANN)
    assert reason in refused.value.reason
    assert refused.value.suggestion == suggestion
    assert not await town.journal.recent()


class Taken:
    """Premises at which nothing could be served."""

    async def check(self, place: Placement) -> None:
        raise NotNow(f"Port {place.on(LocalTarget).port} is taken by python3 (pid 7).", "End that program.")


async def test_where_nothing_could_be_served_is_refused_before_anything_is_written(town: Town) -> None:
    town.desk._premises = Taken()
    with pytest.raises(NotNow, match=r"is taken by python3 \(pid 7\)"):
        await planned(town)
    assert not await town.journal.recent()
    town.desk._premises = None
    assert (await planned(town)).state is State.PLANNED


async def test_the_same_request_again_is_the_same_deployment(town: Town) -> None:
    first = await planned(town, "delivery-1")
    again = await planned(town, "delivery-1")
    assert first.id == again.id
    assert len(await town.journal.recent()) == 1


async def test_one_in_flight_at_a_place_and_the_refusal_names_it(town: Town) -> None:
    first = await planned(town)
    with pytest.raises(DeploymentNotNow, match=r"ann is deploying shop v2 to production \(planned\)") as refused:
        await planned(town, version="v3")
    assert refused.value.deployment.id == first.id


async def test_what_runs_already_is_not_deployed(town: Town) -> None:
    with pytest.raises(NotNow, match="v1 of shop runs in production already"):
        await planned(town, version="v1")


async def test_deploying_what_is_stable_takes_an_update_back(town: Town) -> None:
    update = await approved(town)
    await town.run(6)
    after = await planned(town, version="v1")
    assert (after.id, after.state, after.outcome) == (update.id, State.ROLLING_BACK, Outcome.SUPERSEDED)
    assert after.reason == "ann asked for v1 again."


async def test_four_eyes(town: Town) -> None:
    deployment = await planned(town)
    with pytest.raises(Denied, match="Another person has to approve this"):
        await town.desk.approve(town.ask(Approve(deployment.id)), ANN)
    assert (await town.at(deployment)).decisions == ()


async def test_one_person_counts_once_however_often_they_click(town: Town) -> None:
    town.world.environment = Environment(EnvironmentName("production"), approvals=2)
    deployment = await planned(town)
    for _ in range(3):
        after = await town.desk.approve(town.ask(Approve(deployment.id)), BEN)
    assert (len(after.decisions), after.approved) == (1, False)
    await town.run(5)
    assert (await town.at(deployment)).state is State.PLANNED
    await town.desk.approve(town.ask(Approve(deployment.id)), CID)
    await town.run(5)
    assert (await town.at(deployment)).state is State.RUNNING


async def test_a_second_decision_says_who_decided_and_when(town: Town) -> None:
    deployment = await planned(town)
    await town.desk.reject(town.ask(Reject(deployment.id)), BEN)
    with pytest.raises(DeploymentNotNow, match=r"This was decided: rejected by ben at 09:01:00 UTC") as refused:
        await town.desk.approve(town.ask(Approve(deployment.id)), CID)
    assert refused.value.deployment.decisions[0].person == BEN
    again = await town.desk.reject(town.ask(Reject(deployment.id)), BEN)
    assert again.state is State.CANCELLED


async def test_approval_after_the_time_is_over(town: Town) -> None:
    deployment = await planned(town)
    town.clock.advance(timedelta(hours=2))
    with pytest.raises(DeploymentNotNow, match="time to decide is over"):
        await town.desk.approve(town.ask(Approve(deployment.id)), BEN)
    assert (await town.at(deployment)).outcome is Outcome.EXPIRED


async def test_approval_of_another_digest_is_void(town: Town) -> None:
    deployment = await planned(town)
    with pytest.raises(NotNow, match="the approval is void"):
        await town.desk.approve(town.ask(Approve(deployment.id, "sha256:other")), BEN)


async def test_approval_is_void_when_the_artifact_has_changed(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    deployment = await planned(town)

    async def changed(self: object, place: object, version: object) -> Artifact:
        return Artifact(deployment.plan.version, "sha256:changed")

    monkeypatch.setattr(type(town.world), "artifact", changed)
    with pytest.raises(NotNow, match="v2 has changed since this was planned"):
        await town.desk.approve(town.ask(Approve(deployment.id, deployment.plan.digest)), BEN)


async def test_abort_while_planned_cancels(town: Town) -> None:
    deployment = await planned(town)
    after = await town.desk.abort(town.ask(Abort(deployment.id)), ANN)
    assert (after.state, after.outcome, after.abort_asked_by) == (State.CANCELLED, Outcome.ABORTED, ANN)


async def test_abort_twice_is_once_and_after_the_end_is_refused(town: Town) -> None:
    deployment = await approved(town)
    await town.run(5)
    for _ in range(2):
        after = await town.desk.abort(town.ask(Abort(deployment.id)), BEN)
    assert sum("Abort asked" in step.text for step in after.history) == 1
    await town.run(20)
    with pytest.raises(DeploymentNotNow) as refused:
        await town.desk.abort(town.ask(Abort(deployment.id)), BEN)
    assert str(refused.value) == "The deployment is rolled back (aborted). Nothing is left to abort."


async def test_what_has_succeeded_is_rolled_back_and_not_aborted(town: Town) -> None:
    deployment = await approved(town)
    await town.run(60)
    with pytest.raises(DeploymentNotNow, match="Roll it back instead"):
        await town.desk.abort(town.ask(Abort(deployment.id)), BEN)


@dataclass(frozen=True, slots=True)
class Stand:
    """A component, as the desk looks at it."""

    state: ComponentState


async def test_what_is_being_stopped_takes_no_version(town: Town) -> None:
    await approved(town)
    await town.run(60)
    before = len(await town.journal.recent())
    town.world.standing = Stand(ComponentState.STOPPING)
    told = "shop in production is being stopped. Wait until it is stopped."
    for attempt in (
        town.desk.deploy(town.ask(Deploy("shop", "v3", "production")), ANN),
        town.desk.foresee(Deploy("shop", "v3", "production"), ANN),
        town.desk.roll_back(town.ask(RollBack("shop", "production")), ANN),
    ):
        with pytest.raises(NotNow) as refused:
            await attempt
        assert str(refused.value) == told
    assert len(await town.journal.recent()) == before
    town.world.standing = Stand(ComponentState.STOPPED)
    assert (await planned(town, version="v3")).state is State.PLANNED


async def test_abort_while_paused(town: Town) -> None:
    town.world.behaviour["v2"] = Behaviour(errors=None)
    deployment = await approved(town)
    await town.run(60)
    assert (await town.at(deployment)).state is State.PAUSED
    await town.desk.abort(town.ask(Abort(deployment.id)), BEN)
    await town.run(20)
    assert (await town.at(deployment)).state is State.ROLLED_BACK


async def test_resume_is_not_approval(town: Town) -> None:
    town.world.strategy = replace(CANARY, steps=(CanaryStep(100, timedelta(0), approval=True),))
    deployment = await approved(town)
    await town.run(5)
    with pytest.raises(DeploymentNotNow, match=r"Step 1 \(100 %\) waits for approval"):
        await town.desk.resume(town.ask(Resume(deployment.id)), BEN)


async def test_roll_back_needs_something_before(town: Town) -> None:
    with pytest.raises(NotNow, match="Nothing ran before v1"):
        await town.desk.roll_back(town.ask(RollBack("shop", "production")), ANN)


async def test_roll_back_without_an_id_goes_to_what_ran_before_and_stops_there(town: Town) -> None:
    await approved(town)
    await town.run(60)
    back = await town.desk.roll_back(town.ask(RollBack("shop", "production")), ANN)
    assert (back.plan.version, back.purpose, back.plan.approvals_needed) == ("v1", Purpose.ROLL_BACK, 0)
    await town.run(20)
    assert town.world.stable_version == "v1"
    with pytest.raises(NotNow, match="Nothing ran before v1"):
        await town.desk.roll_back(town.ask(RollBack("shop", "production")), ANN)


async def test_roll_back_takes_the_place_of_what_waits(town: Town) -> None:
    await approved(town)
    await town.run(60)
    waiting = await planned(town, version="v3")
    back = await town.desk.roll_back(town.ask(RollBack("shop", "production")), BEN)
    assert (await town.at(waiting)).outcome is Outcome.SUPERSEDED
    await town.run(20)
    assert (await town.at(back)).state is State.SUCCEEDED


async def test_roll_back_of_what_is_in_flight_aborts_it(town: Town) -> None:
    deployment = await approved(town)
    await town.run(6)
    after = await town.desk.roll_back(town.ask(RollBack("shop", "production", deployment.id)), BEN)
    assert (after.id, after.state) == (deployment.id, State.ROLLING_BACK)


async def test_a_roll_back_asked_for_twice_is_one(town: Town) -> None:
    await approved(town)
    await town.run(60)
    first = await town.desk.roll_back(town.ask(RollBack("shop", "production")), ANN)
    await town.run(1)
    second = await town.desk.roll_back(town.ask(RollBack("shop", "production")), BEN)
    assert second.id == first.id
    await town.run(20)
    assert (await town.at(first)).state is State.SUCCEEDED


async def test_an_unknown_deployment(town: Town) -> None:
    with pytest.raises(NotFound, match="There is no deployment 'd-x'"):
        await town.desk.abort(town.ask(Abort(DeploymentId("d-x"))), BEN)


async def test_a_decision_races_the_drive_and_both_are_kept(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    deployment = await approved(town)
    real = town.journal.load
    raced: list[bool] = []

    async def load(id: DeploymentId) -> Deployment:  # noqa: A002
        found = await real(id)
        if not raced:
            raced.append(True)
            await town.run(5)
        return found

    monkeypatch.setattr(town.journal, "load", load)
    after = await town.desk.abort(town.ask(Abort(deployment.id)), BEN)
    assert (after.state, after.weight) == (State.ROLLING_BACK, 10)


async def test_after_a_restart_every_deployment_in_flight_has_its_loop_again(town: Town) -> None:
    deployment = await approved(town)
    town.durable._due.clear()
    await town.desk.resume_all()
    await town.run(60)
    assert (await town.at(deployment)).state is State.SUCCEEDED
