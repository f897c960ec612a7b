"""kill -9 at each recorded step of a canary: it ends as it would have, and nothing is lost, forgotten or done twice."""

from collections import Counter

import pytest

from engine.deployments.deployment import DeploymentId
from engine.deployments.journal import subject_of
from tests.fakes.house import House
from tests.fakes.scene import Scene

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("killed canary"),
    pytest.mark.chaos,
]

SCENE = Scene(steps=((10, "300ms"), (100, "300ms")))
RESUMED_WITHIN = 5.0  # seconds from the start of the new process

STEPS = [
    ("DeploymentPlanned", {}),
    ("DeploymentApproved", {}),
    ("DeploymentStarted", {}),
    ("StepEntered", {"step": 0}),
    ("WeightShifted", {"weight": 10}),
    ("ProgressSeen", {}),
    ("StepPassed", {"step": 0}),
    ("StepEntered", {"step": 1}),
    ("WeightShifted", {"weight": 100}),
    ("StepPassed", {"step": 1}),
    ("PromotionStarted", {}),
]
ONCE = [
    ("DeploymentPlanned", None),
    ("DeploymentApproved", None),
    ("DeploymentStarted", None),
    ("StepEntered", 0),
    ("WeightShifted", 10),
    ("StepPassed", 0),
    ("StepEntered", 1),
    ("WeightShifted", 100),
    ("StepPassed", 1),
    ("PromotionStarted", None),
    ("DeploymentSucceeded", None),
]
SEEN = frozenset({"ProgressSeen", "TroubleMet", "TroubleCleared"})  # told as often as they are seen


def steps_of(house: House, id: DeploymentId) -> list[tuple[str, int | None]]:  # noqa: A002
    """The effects of a deployment in their order: type, and step or weight."""
    facts = [one for one in house.chronicle.of(id) if one.type not in SEEN]
    return [(one.type, one.data.get("weight" if one.type == "WeightShifted" else "step")) for one in facts]


def pids(house: House, version: str, since: int) -> Counter[str]:
    """How often each instance of the version was started after the first `since` starts."""
    return Counter(name for name, _ in house.starts()[since:] if f"-{version}-" in name)


async def fall(house: House, id: DeploymentId, kind: str, data: dict[str, int]) -> int:  # noqa: A002
    """kill -9 as soon as the event is recorded, and start again; the position of the last event before the kill."""
    await house.chronicle.wait(
        lambda one: one.stream == subject_of(id) and one.type == kind and data.items() <= one.data.items(), why=kind
    )
    await house.kill()
    last = house.chronicle.last()
    await house.start()
    return last


@pytest.mark.parametrize(
    ("kind", "data"), STEPS, ids=[" ".join([kind, *map(str, data.values())]) for kind, data in STEPS]
)
async def test_a_kill_at_a_step_changes_nothing_but_the_time(house: House, kind: str, data: dict[str, int]) -> None:
    version = "v2" if _stable(house) == "v1" else "v1"
    since, proxy = len(house.starts()), house.proxy_pid()
    async with house.load() as load:
        await load.wait(lambda one: one.ok > 5)
        id = await house.deploy("ada", version)  # noqa: A001
        if kind == "DeploymentPlanned":
            await fall(house, id, kind, data)
        await house.approve("ben", id)
        if kind != "DeploymentPlanned":
            last = await fall(house, id, kind, data)
            await house.chronicle.wait(lambda one: one.stream == subject_of(id), after=last, within=RESUMED_WITHIN)
        await house.end_of(id, "DeploymentSucceeded")
        await load.wait(lambda one: one.versions[version] > 20)
        assert load.lost == 0, load.told()
        assert load.failed == 0, load.told()
    assert steps_of(house, id) == ONCE
    assert pids(house, version, since) == {f"shop-production-{version}-{ordinal}": 1 for ordinal in (1, 2)}
    assert house.proxy_pid() == proxy
    await told_once(house, id)


def _stable(house: House) -> str:
    """The version of the last deployment that succeeded."""
    last = [one for one in house.chronicle.facts("deployment/") if one.type == "DeploymentSucceeded"][-1]
    return str(house.chronicle.deployment(last.stream.removeprefix("deployment/")).plan.version)


async def told_once(house: House, id: DeploymentId) -> None:  # noqa: A002
    """One message in the channel, and each line of its thread once, in order."""
    await house.message(id, "Succeeded")
    lines = await house.told(id)
    assert lines == [step.text for step in house.chronicle.deployment(id).history if step.text]
    messages = await (await house.person("ada")).messages("deploys", limit=500)
    about = [
        one for one in messages if (one.get("metadata") or {}).get("event_payload", {}).get("key") == subject_of(id)
    ]
    assert len(about) == 1


async def test_a_canary_killed_at_every_step_in_turn_still_ends_well(own_house: House) -> None:
    proxy, since = own_house.proxy_pid(), len(own_house.starts())
    async with own_house.load() as load:
        await load.wait(lambda one: one.ok > 5)
        id = await own_house.deploy("ada", "v2")  # noqa: A001
        await fall(own_house, id, *STEPS[0])
        await own_house.approve("ben", id)
        for step in STEPS[1:]:
            last = await fall(own_house, id, *step)
            await own_house.chronicle.wait(
                lambda one: one.stream == subject_of(id),
                after=last,
                within=RESUMED_WITHIN,
                why=f"to resume after {step}",
            )
        await own_house.end_of(id, "DeploymentSucceeded")
        await load.wait(lambda one: one.versions["v2"] > 20)
        assert load.lost == 0, load.told()
        assert load.failed == 0, load.told()
    assert steps_of(own_house, id) == ONCE
    assert pids(own_house, "v2", since) == {"shop-production-v2-1": 1, "shop-production-v2-2": 1}
    assert own_house.proxy_pid() == proxy
    await told_once(own_house, id)
