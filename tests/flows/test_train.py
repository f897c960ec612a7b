"""A release train in the whole product: one message, one approval, waves; a bad part takes everything back."""

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from engine.trains.journal import PREFIX
from tests.fakes.house import House, all_text, has_button
from tests.fakes.train import TAKEN_BACK, approve, ended, leave, out, steps, two_services

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("train")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with two_services(tmp_path_factory.mktemp("house")) as opened:
        yield opened


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
    assert steps(house, train) == TAKEN_BACK
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
