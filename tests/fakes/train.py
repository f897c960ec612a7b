"""A house of two services for release trains, and what people do with them."""

import copy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import yaml

from engine.trains.journal import PREFIX, id_of
from tests.fakes.house import House, has_button
from tests.fakes.prometheus import free_port
from tests.fakes.scene import EXAMPLE, Scene

SCENE: Final = Scene(steps=((100, "100ms"),), instances=1)
TAKEN_BACK: Final = [
    ("TrainPlanned", ""),
    ("TrainApproved", ""),
    ("SagaBegun", ""),
    ("OperationBegun", "shop"),
    ("OperationDone", "shop"),
    ("OperationBegun", "web"),
    ("OperationFailed", "web"),
    ("SagaTurnedBack", ""),
    ("UndoBegun", "shop"),
    ("OperationUndone", "shop"),
    ("SagaEnded", ""),
]
"""What is written of a train whose web fails after its shop is out."""


@asynccontextmanager
async def two_services(room: Path, *, database_url: str = "") -> AsyncIterator[House]:
    """A house of two services, web and the shop that it depends on, both of which run v1."""
    async with House(room, SCENE, database_url=database_url) as house:
        add_web(room, house.settings)
        await house.start()
        train = await leave(house, "/ops train web=v1 shop=v1 to production")
        await approve(house, train)
        await ended(house, train, "done")
        yield house


def add_web(room: Path, settings: Path) -> None:
    """A second service like the shop, with releases of its own, brought out slowly; v5 ends as soon as it starts."""
    releases = room / "web"
    releases.mkdir()
    for version in ("v1", "v2"):
        (releases / f"{version}.json").write_text((EXAMPLE / "releases" / f"{version}.json").read_text())
    (releases / "v5.json").write_text("no release")
    file = yaml.safe_load(settings.read_text())
    web = copy.deepcopy(file["services"]["shop"])
    del web["environments"]["staging"]
    web["environments"]["production"]["port"] = free_port()
    web["local"]["artifact"] = str(releases / "{version}.json")
    web["environments"]["production"]["strategy"] = "slow"
    file["strategies"]["slow"] = {**file["strategies"]["careful"], "steps": [{"weight": 100, "dwell": "5m"}]}
    file["services"]["web"] = {**web, "depends_on": ["shop"]}
    settings.write_text(yaml.safe_dump(file, sort_keys=False))


async def leave(house: House, line: str) -> str:
    """Type a train; its id as soon as it is planned."""
    before = house.chronicle.last()
    await (await house.person("ada")).command("deploys", line)
    planned = await house.chronicle.wait_type("TrainPlanned", PREFIX, after=before)
    return id_of(planned.stream)


async def approve(house: House, train: str) -> None:
    """Click Approve as soon as the message offers it."""
    message = await house.message(train, lambda one: has_button(one, "train.approve"))
    await (await house.person("ben")).click(message, "train.approve")


async def ended(house: House, train: str, outcome: str) -> None:
    """Wait for its end, which has to be this one."""
    last = await house.chronicle.wait_type("SagaEnded", f"{PREFIX}{train}", within=60)
    assert last.data["outcome"] == outcome, house.tail()


def out(house: House) -> dict[str, str]:
    """What runs of each service, by the releases."""
    facts = house.chronicle.facts("release/")
    return {one.stream.split("/")[1]: one.data["version"] for one in facts}


def steps(house: House, train: str) -> list[tuple[str, str]]:
    """What was written of it, but for how often it was looked at."""
    facts = house.chronicle.facts(f"{PREFIX}{train}")
    return [(one.type, one.data.get("operation", "")) for one in facts if one.type != "OperationSeen"]
