"""What hangs, and what left the settings under a deployment: an abort ends well all the same, and it is set right."""

import os
import signal

import pytest
import yaml

from tests.fakes.house import House, all_text
from tests.fakes.scene import Scene

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("hung")]

SCENE = Scene(steps=((10, "120s"), (100, "1s")))
STREAM = "component-shop-production"


async def test_with_one_that_hangs_an_abort_ends_well_and_then_it_is_replaced(house: House) -> None:
    await house.bring_out("v1")
    name, pid = house.starts()[0]
    before = house.chronicle.last()
    async with house.load() as load:
        await load.wait(lambda one: one.ok > 20)
        os.kill(pid, signal.SIGSTOP)
        hung = await house.chronicle.wait_type("InstanceTurnedUnhealthy", STREAM, after=before)
        assert hung.data["instance"] == name
        id = await house.deploy("ada", "v2")  # noqa: A001
        await house.approve("ben", id)
        await house.chronicle.wait_type("WeightShifted", f"deployment/{id}")
        await house.ask("ada", f"/ops abort {id}")
        await house.end_of(id, "DeploymentRolledBack")
        ended = house.chronicle.last()
        assert f"{name} is unhealthy" in house.chronicle.deployment(id).reason
        again = await house.chronicle.wait_type("InstanceRestarted", STREAM, after=ended)
        assert again.data["instance"] == name
        done = await house.chronicle.wait_type("ComponentUpdated", STREAM, after=ended)
        assert done.data["version"] == "v1"
    assert "2 of 2 healthy" in all_text(await house.ask("ada", "/ops status shop"))


async def test_what_left_the_settings_is_aborted_and_runs_again_once_it_is_back(house: House) -> None:
    id = await house.deploy("ada", "v2")  # noqa: A001
    await house.approve("ben", id)
    await house.chronicle.wait_type("WeightShifted", f"deployment/{id}")
    await house.stop()
    whole = house.settings.read_text(encoding="utf-8")
    less = yaml.safe_load(whole)
    del less["services"]["shop"]["environments"]["production"]
    house.settings.write_text(yaml.safe_dump(less), encoding="utf-8")
    await house.start()
    met = await house.chronicle.wait_type("TroubleMet", f"deployment/{id}")
    assert "pilothouse.yaml has no service shop in production any more." in met.data["reason"]
    await house.message(id, lambda one: "has no service shop in production" in all_text(one))
    await house.ask("ada", f"/ops abort {id}")
    await house.end_of(id, "DeploymentRolledBack")
    await house.stop()
    house.settings.write_text(whole, encoding="utf-8")
    await house.start()
    status = all_text(await house.ask("ada", "/ops status shop"))
    assert "2 of 2 healthy" in status
    assert "v1" in status
