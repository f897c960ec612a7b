"""kill -9 at each recorded step of a canary: it ends as it would have, and nothing is lost, forgotten or done twice."""

import pytest

from engine.deployments.journal import subject_of
from tests.fakes.canary import ONCE, STEPS, TWO_STEPS, fall, pids, steps_of
from tests.fakes.house import House, told_once

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("killed canary"),
    pytest.mark.chaos,
]

SCENE = TWO_STEPS


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
            await house.fall(subject_of(id), kind, **data)
        await house.approve("ben", id)
        if kind != "DeploymentPlanned":
            await fall(house, id, kind, data)
        await house.end_of(id, "DeploymentSucceeded")
        await load.wait(lambda one: one.versions[version] > 20)
        assert load.lost == 0, load.told()
        assert load.failed == 0, load.told()
    assert steps_of(house, id) == ONCE
    assert pids(house, version, since) == {f"shop-production-{version}-{ordinal}": 1 for ordinal in (1, 2)}
    assert house.proxy_pid() == proxy
    await told_once(house, id, "Succeeded")


def _stable(house: House) -> str:
    """The version of the last deployment that succeeded."""
    last = [one for one in house.chronicle.facts("deployment/") if one.type == "DeploymentSucceeded"][-1]
    return str(house.chronicle.deployment(last.stream.removeprefix("deployment/")).plan.version)
