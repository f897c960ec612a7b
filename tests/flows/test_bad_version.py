"""A bad version under real measurements: a gate takes it back, and an alert pages people until somebody takes it."""

import pytest
import pytest_asyncio

from alerting.incidents.incident import IncidentId, incident_of, stream_of
from bot.views.numbers import number
from tests.fakes.house import House, Json, about, all_text, has_button
from tests.fakes.scene import ERROR_RATIO, HEALTHY, SHOP_ERRORS, Scene

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("bad version")]

SCENE = Scene(
    steps=((50, "8s"), (100, "1s")), gates=(ERROR_RATIO, HEALTHY), rules=SHOP_ERRORS, warm_up="2s", escalate_after="4s"
)


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def measured(house: House) -> None:
    """Prometheus scrapes what runs."""
    await house.open_prometheus()


async def incident(house: House, after: int) -> IncidentId:
    """The first incident that is opened after this position."""
    return incident_of((await house.chronicle.wait_type("IncidentOpened", "incident-", after=after)).stream)


async def test_a_gate_takes_a_bad_version_back_before_its_processes_stop(house: House) -> None:
    await house.bring_out("v1")
    async with house.load() as load:
        await load.wait(lambda one: one.ok > 100)
        id = await house.deploy("ada", "v3")  # noqa: A001
        await house.approve("ben", id)
        await house.end_of(id, "DeploymentRolledBack")
        seen = load.versions["v3"]
        before = load.versions["v1"]
        await load.wait(lambda one: one.versions["v1"] > before + 30)
        assert load.lost == 0, load.told()
        assert load.versions["v3"] - seen <= 3, "the bad version went on answering after the end"
    deployment = house.chronicle.deployment(id)
    assert deployment.outcome == "gate_failed"
    failed = next(one for one in deployment.measurements if one.verdict == "fail")
    assert failed.gate == "error ratio"
    assert failed.value is not None
    assert failed.value > 0.05
    facts = house.chronicle.facts(after=house.chronicle.of(id)[0].position)
    back = next(one for one in facts if one.type == "WeightShifted" and one.data["weight"] == 0)
    gone = [one for one in facts if one.type == "InstanceRemoved" and one.data["version"] == "v3"]
    assert gone
    assert back.position < min(one.position for one in gone)
    shown = all_text(await house.message(id, "Rolled back"))
    for word in ("error ratio", "shop_requests_total", "&lt; 5", "fail", number(failed.value, "ratio")):
        assert word in shown


async def open_incident(house: House) -> tuple[IncidentId, Json]:
    """The bad version is deployed to staging, where nothing holds it up; the incident and its message."""
    before = house.chronicle.last()
    bad = await house.bring_out("v3", "staging")
    id = await incident(house, before)  # noqa: A001
    message = await house.message(id, lambda one: has_button(one, "incident.roll_back"), channel="incidents")
    assert bad in all_text(message), "the deployment before it is not among the suspects"
    return id, message


async def test_taken_by_somebody_it_pages_no_other_and_resolves_itself(house: House) -> None:
    await house.bring_out("v1", "staging")
    async with house.load("staging") as load:
        await load.wait(lambda one: one.ok > 60)
        id, message = await open_incident(house)  # noqa: A001
        for word in ("ShopErrors", "service=shop", "environment=staging", "value", "<@U0BEN>", "v1` → `v3"):
            assert word in all_text(message)
        ben = await house.person("ben")
        await ben.click(message, "incident.acknowledge")
        taken = await house.message(id, "Acknowledged", channel="incidents")
        assert "<@U0BEN>" in all_text(taken)
        before = house.chronicle.last()
        await ben.click(taken, "incident.roll_back")
        back = await house.planned(after=before)
        await house.end_of(back, "DeploymentSucceeded")
        await house.message(id, "Resolved", channel="incidents")
    facts = house.chronicle.facts(stream_of(id))
    assert [one.data["person"] for one in facts if one.type == "PersonPaged"] == ["ben"]
    assert len(about(await ben.messages("incidents"), stream_of(id))) == 1


async def test_left_alone_it_escalates_to_the_second_person(house: House) -> None:
    async with house.load("staging") as load:
        await load.wait(lambda one: one.ok > 60)
        id, _ = await open_incident(house)  # noqa: A001
        stream = stream_of(id)
        await house.chronicle.wait(lambda one: one.stream == stream and one.data.get("person") == "ada")
        await house.chronicle.wait_type("PolicyExhausted", stream)
        paged = [one for one in house.chronicle.facts(stream) if one.type == "PersonPaged"]
        assert [one.data["person"] for one in paged] == ["ben", "ada"]
        apart = (paged[1].at - paged[0].at).total_seconds()
        assert 4 <= apart < 8, "not at the policy's time"
        ada = await house.direct("ada")
        assert sum("you are paged" in one["text"] for one in ada) == 1
        await house.ask("ada", "/ops rollback shop in staging")
        await house.message(id, "Resolved", channel="incidents")
