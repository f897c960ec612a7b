"""kill -9 while a deployment goes back, and while people are paged."""

from pathlib import Path

import pytest

from alerting.incidents.incident import incident_of
from engine.deployments.journal import subject_of
from tests.fakes.house import House, about, told_once
from tests.fakes.scene import Scene

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("killed otherwise"),
    pytest.mark.chaos,
]

SCENE = Scene(steps=((10, "30s"), (100, "1s")))
BROKEN = """
groups:
  - name: always
    interval: 1s
    rules:
      - alert: Broken
        expr: vector(1) > 0
        labels: {severity: critical}
        annotations: {summary: "It is broken"}
"""


async def test_a_way_back_killed_at_each_of_its_steps_ends_with_the_old_version(own_house: House) -> None:
    before, proxy = own_house.starts(), own_house.proxy_pid()
    async with own_house.load() as load:
        id = await own_house.deploy("ada", "v2")  # noqa: A001
        await own_house.approve("ben", id)
        await own_house.chronicle.wait_type("WeightShifted", subject_of(id))
        await load.wait(lambda one: one.versions["v2"] > 0)
        await (await own_house.person("ada")).command("deploys", f"/ops abort {id}")
        await own_house.fall(subject_of(id), "RollbackStarted")
        await own_house.fall(subject_of(id), "WeightShifted", weight=0)
        await own_house.end_of(id, "DeploymentRolledBack")
        await own_house.fall(subject_of(id), "DeploymentRolledBack")
        seen = load.versions["v1"]
        await load.wait(lambda one: one.versions["v1"] > seen + 20)
        assert load.lost == 0, load.told()
        assert load.failed == 0, load.told()
    kinds = [one.type for one in own_house.chronicle.of(id)]
    assert [kinds.count(kind) for kind in ("AbortAsked", "RollbackStarted", "DeploymentRolledBack")] == [1, 1, 1]
    assert [name for name, _ in own_house.starts()[len(before) :]] == ["shop-production-v2-1"]
    assert own_house.proxy_pid() == proxy
    await told_once(own_house, id, "aborted")


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
async def test_killed_while_paging_nobody_is_paged_twice_and_nobody_forgotten(
    request: pytest.FixtureRequest, tmp_path: Path, database: str
) -> None:
    url = request.getfixturevalue("postgres_url") if database == "postgresql" else ""
    async with House(tmp_path, Scene(rules=BROKEN, escalate_after="4s"), database_url=url) as house:
        await house.open_prometheus()
        await house.start()
        await house.fall("incident-", "IncidentOpened")
        await house.fall("incident-", "PersonPaged", person="ben")
        await house.fall("incident-", "PageDelivered", person="ben")
        await house.fall("incident-", "PersonPaged", person="ada")
        await house.fall("incident-", "PageDelivered", person="ada")
        await house.chronicle.wait_type("PolicyExhausted", "incident-")
        facts = house.chronicle.facts("incident-")
        assert len({one.stream for one in facts}) == 1, "one alert opened several incidents"
        paged = [one.data["person"] for one in facts if one.type == "PersonPaged"]
        assert paged == ["ben", "ada"]
        for name in paged:
            pages = [one for one in await house.direct(name) if "you are paged" in one["text"]]
            assert len(pages) == 1, pages
        await house.message(incident_of(facts[0].stream), "Open", channel="incidents")
        messages = await (await house.person("ada")).messages("incidents")
        assert len(about(messages, facts[0].stream)) == 1
