"""What ran is numbered with its configuration, and any of it can be brought back and compared."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from engine.catalog import Environment, EnvironmentName, Figure, HealthCheck, Placement, ServiceName, Version
from engine.commands import Deploy, RollBack
from engine.deployments.deployment import Deployment, State
from engine.deployments.differences import Difference, differences
from engine.deployments.releases import Releases, configuration_of, parse_placement, placement_data
from engine.errors import NotFound, NotNow
from engine.ports import Artifact
from engine.strategy_specs import CanaryStep, StrategySpec
from engine.targets import ContainerTarget, EcsTarget, Haproxy, KubernetesTarget, LambdaTarget, LocalTarget, Target
from tests.unit.deployments.world import ANN, CANARY, Killed, Town, World

PRODUCTION = EnvironmentName("production")
FREE = Environment(PRODUCTION, lock_after_rollback=False)
AT_ONCE = StrategySpec("at once", "canary", (CanaryStep(100, timedelta(0)),))
LOCAL = LocalTarget("/x/{version}", ("serve", "{port}"), 80, environment={"MODE": "fast"}, haproxy=Haproxy("/s", "b"))
TARGETS: Sequence[Target] = (
    LOCAL,
    ContainerTarget("shop:{version}", 80, 9000),
    KubernetesTarget("shop", "shop:{version}", 80),
    EcsTarget("c", "f", "shop:{version}", "app", 80, "arn:r", ("arn:a", "arn:b"), "eu-west-1"),
    LambdaTarget("shop", "live", "shop:{version}", "eu-west-1"),
)


def place(target: Target = TARGETS[0]) -> Placement:
    figures = (Figure("Errors", "errors", "ratio"),)
    return Placement(ServiceName("shop"), PRODUCTION, target, HealthCheck("/up"), CANARY, figures)


@pytest.fixture
def town() -> Town:
    made = Town(strategy=AT_ONCE, instances=1, environment=FREE)
    made.settle()
    return made


async def out(town: Town, version: str) -> Deployment:
    deployment = await town.desk.deploy(town.ask(Deploy("shop", version, "production")), ANN)
    await town.run(30)
    assert (await town.at(deployment)).state is State.SUCCEEDED
    return deployment


async def back(town: Town, to: str = "") -> Deployment:
    asked = await town.desk.roll_back(town.ask(RollBack("shop", "production", to=to)), ANN)
    await town.run(30)
    return await town.at(asked)


@pytest.mark.parametrize("target", TARGETS, ids=lambda one: type(one).__name__)
def test_a_configuration_is_read_back_as_it_was_written(target: Target) -> None:
    assert parse_placement(placement_data(place(target))) == place(target)


def test_a_configuration_of_a_platform_that_is_not_known_is_told() -> None:
    data = placement_data(place())
    with pytest.raises(ValueError, match="no target of the kind 'Mainframe'"):
        parse_placement({**data, "target": {**data["target"], "kind": "Mainframe"}})


def test_the_word_for_a_configuration_is_another_for_every_other_one() -> None:
    one, strict = place(), replace(FREE, approvals=2)
    others = [
        (replace(one, health=HealthCheck("/down")), FREE),
        (replace(one, strategy=AT_ONCE), FREE),
        (place(TARGETS[1]), FREE),
        (one, strict),
    ]
    words = [configuration_of(one, FREE), *(configuration_of(*other) for other in others)]
    assert len(set(words)) == len(words)
    assert configuration_of(replace(one, figures=()), FREE) == words[0], "figures decide nothing"


async def test_each_success_is_the_next_revision_and_a_failure_is_none(town: Town) -> None:
    await out(town, "v2")
    town.world.behaviour["v3"] = replace(town.world._of("v3"), refuses="no room")
    failed = await town.desk.deploy(town.ask(Deploy("shop", "v3", "production")), ANN)
    await town.run(30)
    assert (await town.at(failed)).state is State.ROLLED_BACK
    await back(town)
    found = await town.releases.all("shop", "production")
    assert [(one.revision, one.version, one.returned_to) for one in found] == [(1, "v2", None), (2, "v1", None)]


async def test_a_release_comes_back_with_the_configuration_it_ran_with(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    await out(town, "v2")
    town.world.colour = "red"
    await out(town, "v3")
    seen: list[str] = []
    real = World.start

    async def start(self: World, at: Placement, version: Version, ordinals: Sequence[int]) -> None:
        seen.append(colour(at))
        await real(self, at, version, ordinals)

    monkeypatch.setattr(World, "start", start)
    returned = await back(town)
    assert (returned.state, returned.plan.revision, returned.plan.instances) == (State.SUCCEEDED, 1, 1)
    assert set(seen) == {"blue"}
    assert town.world.running() == ["shop-production-v2-1"]
    last = (await town.releases.all("shop", "production"))[-1]
    assert (last.revision, last.version, last.returned_to, colour(last.placement)) == (3, "v2", 1, "blue")


@pytest.mark.parametrize(("to", "version"), [("1", "v2"), ("#1", "v2"), ("v2", "v2"), ("v1", "v1")])
async def test_a_roll_back_goes_to_any_release(town: Town, to: str, version: str) -> None:
    await out(town, "v2")
    await out(town, "v3")
    assert (await back(town, to)).plan.version == version


@pytest.mark.parametrize(
    ("to", "kind", "reason"),
    [
        ("9", NotFound, "shop in production has no revision 9. There are 1 to 2: `/ops history shop production`."),
        ("0", NotFound, "has no revision 0"),
        ("v9", NotFound, "v9 of shop never ran in production."),
        ("2", NotNow, "v3 of shop runs in production already."),
    ],
)
async def test_a_release_that_cannot_be_gone_back_to_is_refused(
    town: Town, to: str, kind: type[Exception], reason: str
) -> None:
    await out(town, "v2")
    await out(town, "v3")
    position = await town.log.last_position()
    with pytest.raises(kind) as refused:
        await back(town, to)
    assert reason in str(refused.value)
    assert await town.log.last_position() == position


async def test_a_release_of_another_platform_is_refused(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    await out(town, "v2")
    await out(town, "v3")
    moved = replace(town.world.place, target=TARGETS[1])
    monkeypatch.setattr(type(town.world), "place", moved)
    with pytest.raises(NotNow, match="Revision 1 ran on Local, and shop runs on Container in production now"):
        await back(town, "1")


async def test_a_version_whose_content_has_changed_comes_back_with_a_warning(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    await out(town, "v2")
    await out(town, "v3")

    async def changed(self: object, place: object, version: Version) -> Artifact:
        return Artifact(version, "sha256:changed")

    monkeypatch.setattr(type(town.world), "artifact", changed)
    assert (await back(town)).plan.warnings == ("v2 is no longer what it was in revision 1.",)


@pytest.mark.parametrize("moment", range(1, 40, 2))
async def test_killed_at_any_moment_a_deployment_is_one_release(town: Town, moment: int) -> None:
    deployment = await town.desk.deploy(town.ask(Deploy("shop", "v2", "production")), ANN)
    town.world.kill_at = town.world.moments + moment
    await town.run(60)
    assert all(isinstance(one, Killed) for one in town.durable.failures)
    assert (await town.at(deployment)).state is State.SUCCEEDED
    assert [one.deployment for one in await town.releases.all("shop", "production")] == [deployment.id]


def test_what_differs_is_told_field_by_field_and_no_secret() -> None:
    before = place()
    target = replace(LOCAL, instances=3, environment={"MODE": "slow", "KEY": "xoxb-1"}, haproxy=None)
    after = replace(before, target=target, health=HealthCheck("/up", timeout=timedelta(seconds=5)))
    assert differences(before, after) == (
        Difference("target.instances", "2", "3"),
        Difference("target.environment.MODE", "set", "set to something else"),
        Difference("target.haproxy.socket", "/s", "–"),
        Difference("target.haproxy.backend", "b", "–"),
        Difference("health.timeout", "1s", "5s"),
        Difference("target.environment.KEY", "–", "set"),
    )
    assert differences(before, before) == ()


async def test_what_runs_is_looked_after_with_the_configuration_it_came_out_with(town: Town) -> None:
    async def looked_after() -> str:
        return colour(await town.releases.as_running(town.world.place, now=town.clock.at))

    await out(town, "v2")
    town.world.colour = "red"
    assert await looked_after() == "blue", "a repair would bring settings that nobody has deployed"
    await out(town, "v3")
    assert await looked_after() == "red"
    await back(town)
    assert await looked_after() == "blue"
    await out(town, "v3")
    assert await looked_after() == "red"


async def test_how_many_run_is_what_the_settings_say_now(town: Town) -> None:
    await out(town, "v2")
    town.world.instances = 3
    await out(town, "v3")
    returned = await back(town)
    assert (returned.plan.revision, returned.plan.instances) == (1, 3)
    assert len(town.world.running()) == 3


async def test_the_same_version_with_other_settings_is_refused_with_the_way_to_bring_them_out(town: Town) -> None:
    await out(town, "v2")
    town.world.colour = "red"
    with pytest.raises(NotNow, match=r"Its settings have changed since .*target\.environment\.COLOUR"):
        await out(town, "v2")


async def test_what_another_replica_noted_is_seen_soon(town: Town) -> None:
    other = Releases(town.log)
    await out(town, "v2")
    town.world.colour = "red"
    await out(town, "v3")
    assert colour(await other.as_running(town.world.place, now=town.clock.at)) == "red"
    await back(town)
    town.clock.advance(timedelta(seconds=2))
    assert colour(await other.as_running(town.world.place, now=town.clock.at)) == "blue"


def colour(place: Placement) -> str:
    return place.on(LocalTarget).environment["COLOUR"]


async def test_settings_that_change_on_the_way_come_out_with_the_next_plan_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    town = Town(strategy=CANARY, instances=2, environment=FREE)
    town.settle()
    await out(town, "v2")
    seen: list[tuple[Version, str]] = []
    real = World.start

    async def start(self: World, at: Placement, version: Version, ordinals: Sequence[int]) -> None:
        seen.append((version, colour(at)))
        await real(self, at, version, ordinals)

    monkeypatch.setattr(World, "start", start)
    deployment = await town.desk.deploy(town.ask(Deploy("shop", "v3", "production")), ANN)
    await town.run(5)
    town.world.colour = "red"
    town.world.kill("shop-production-v2-1")
    await town.run(900)
    assert (await town.at(deployment)).state is State.SUCCEEDED
    assert {version for version, _ in seen} == {"v2", "v3"}
    assert {one for _, one in seen} == {"blue"}
    assert colour((await town.releases.all("shop", "production"))[-1].placement) == "blue"


async def test_an_old_deployment_is_not_undone_once_another_version_runs(town: Town) -> None:
    first = await out(town, "v2")
    await out(town, "v3")
    with pytest.raises(NotNow, match="v2 of shop does not run in production any more; v3 does"):
        await town.desk.roll_back(town.ask(RollBack("shop", "production", first.id)), ANN)
