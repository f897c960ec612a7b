"""A release train in the whole product: one message, one approval, waves; a bad part takes everything back."""

import copy
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import yaml

from engine.trains.journal import PREFIX, id_of
from tests.fakes.house import House, all_text, has_button
from tests.fakes.prometheus import free_port
from tests.fakes.scene import EXAMPLE, Scene

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("train")]

SCENE = Scene(steps=((100, "100ms"),), instances=1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """A house of two services, web and the shop that it depends on, both of which run v1."""
    async with House(tmp_path_factory.mktemp("house"), SCENE) as opened:
        add_web(opened.room, opened.settings)
        await opened.start()
        train = await leave(opened, "/ops train web=v1 shop=v1 to production")
        await approve(opened, train)
        await ended(opened, train, "done")
        yield opened


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
    message = await house.message(train, lambda one: has_button(one, "train.approve"))
    await (await house.person("ben")).click(message, "train.approve")


async def ended(house: House, train: str, outcome: str) -> None:
    last = await house.chronicle.wait_type("SagaEnded", f"{PREFIX}{train}", within=60)
    assert last.data["outcome"] == outcome, house.tail()


def out(house: House) -> dict[str, str]:
    """What runs of each service, by the releases."""
    facts = house.chronicle.facts("release/")
    return {one.stream.split("/")[1]: one.data["version"] for one in facts}


def steps(house: House, train: str) -> list[tuple[str, str]]:
    facts = house.chronicle.facts(f"{PREFIX}{train}")
    return [(one.type, one.data.get("operation", "")) for one in facts if one.type != "OperationSeen"]


async def test_a_bad_part_takes_everything_back_whoever_dies_meanwhile(house: House) -> None:
    train = await leave(house, "/ops train web=v5 shop=v2 to production")
    shown = await house.message(train, lambda one: has_button(one, "train.approve"))
    text = all_text(shown)
    assert text.index("Wave 1") < text.index("*shop* `v1` → `v2`") < text.index("Wave 2") < text.index("*web*")
    assert "sha256:" in text
    own = await house.ask("ada", f"/ops train approve {train}")
    assert "you asked for it" in own["text"]
    await approve(house, train)
    async with house.load() as load:
        await house.fall(f"{PREFIX}{train}", "OperationBegun", operation="web")
        await house.fall(f"{PREFIX}{train}", "UndoBegun", operation="shop")
        await ended(house, train, "undone")
        assert (load.lost, load.failed) == (0, 0), load.told()
    assert steps(house, train) == [
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
    assert out(house) == {"web": "v1", "shop": "v1"}
    over = await house.message(train, "Everything is as it was")
    assert not has_button(over, "train.abort")
    ada = await house.person("ada")
    await ada.wait_message("deploys", lambda one: "Everything is as it was." in one["text"], 20, thread_ts=over["ts"])
    lines = json.dumps(await ada.thread("deploys", over["ts"]))
    assert "Approved by Ben" in lines
    assert "Going back: web" in lines


async def test_a_train_is_aborted_by_its_button(house: House) -> None:
    train = await leave(house, "/ops train web=v2 shop=v2 to production")
    await approve(house, train)
    message = await house.message(train, lambda one: has_button(one, "train.abort"))
    await house.chronicle.wait_type("OperationDone", f"{PREFIX}{train}")  # the shop is out, the other has begun
    await (await house.person("ben")).click(message, "train.abort")
    await ended(house, train, "undone")
    assert out(house) == {"web": "v1", "shop": "v1"}
    assert "Abort asked for by <@U0BEN>" in all_text(await house.message(train, "Everything is as it was"))


async def test_what_cannot_be_is_refused_in_words(house: House) -> None:
    before = house.chronicle.last()
    assert "web has no version" in (await house.ask("ada", "/ops train web=v9 shop=v2 to production"))["text"]
    assert "There is no train" in (await house.ask("ada", "/ops train abort t-nothing"))["text"]
    assert "train" not in {one.stream.split("/")[0] for one in house.chronicle.facts(after=before)}
