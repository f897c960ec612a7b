"""A roll-back that cannot be done: whoever is on call is paged with what there is to know, until a version runs."""

import os
import shutil
import signal

import pytest
import yaml

from alerting.incidents.incident import incident_of
from engine.deployments.deployment import DeploymentId
from engine.deployments.journal import subject_of
from tests.fakes.house import House, all_text, has_button
from tests.fakes.scene import EXAMPLE, Scene
from tests.flows.conftest import Houses

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("failed roll back")]

SCENE = Scene(steps=((10, "1h"), (100, "1s")), instances=1)


def keep_releases(house: House) -> None:
    """Give the house releases of its own, to take one away."""
    shutil.copytree(EXAMPLE / "releases", house.room / "releases")
    file = yaml.safe_load(house.settings.read_text())
    file["services"]["shop"]["local"]["artifact"] = str(house.room / "releases" / "{version}.json")
    house.settings.write_text(yaml.safe_dump(file))


async def promoted(house: House, version: str) -> None:
    id = await begun(house, version)  # noqa: A001
    await house.ask("ben", f"/ops promote {id}")
    await house.end_of(id, "DeploymentSucceeded")


async def begun(house: House, version: str) -> DeploymentId:
    """The deployment, once it has traffic."""
    id = await house.deploy("ada", version)  # noqa: A001
    await house.approve("ben", id)
    await house.chronicle.wait_type("WeightShifted", subject_of(id))
    return id


async def test_it_pages_until_a_good_version_runs(houses: Houses) -> None:
    house = await houses(SCENE)
    keep_releases(house)
    await house.start()
    await promoted(house, "v1")
    [(_, old)] = house.starts()
    id = await begun(house, "v2")  # noqa: A001
    before = house.chronicle.last()
    (house.room / "releases" / "v1.json").rename(house.room / "v1.json")
    os.kill(old, signal.SIGKILL)
    await house.ask("ben", f"/ops abort {id}")
    await house.end_of(id, "DeploymentFailed")

    opened = await house.chronicle.wait_type("IncidentOpened", "incident-", after=before)
    paged = await house.chronicle.wait_type("PersonPaged", opened.stream)
    assert paged.data["person"] == "ben"
    incident = incident_of(opened.stream)
    message = await house.message(incident, lambda one: has_button(one, "incident.roll_back"), channel="incidents")
    for word in ("DeploymentFailed", "service=shop", "environment=production", "/ops retry shop production", id):
        assert word in all_text(message)
    assert "v2: 1 healthy" in all_text(message), "it does not say in what state everything is"

    (house.room / "v1.json").rename(house.room / "releases" / "v1.json")
    await promoted(house, "v2")
    await house.message(incident, "Resolved", channel="incidents")
    assert len([one for one in house.chronicle.facts(opened.stream) if one.type == "PersonPaged"]) == 1
