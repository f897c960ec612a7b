"""Locks, freezes, overrides and releases, as people meet them in chat."""

import pytest

from tests.fakes.house import House, all_text, has_button
from tests.fakes.scene import Scene

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("permits")]

SCENE = Scene(steps=((100, "100ms"),), instances=1, permits={"lock_after_rollback": True})


async def test_a_lock_keeps_others_out_and_whoever_waits_hears_of_its_end(house: House) -> None:
    answer = await house.ask("ada", "/ops lock shop production for 2h because of a migration")
    assert "Locked shop in production" in answer["text"]
    message = await house.message("Lock of shop in production", lambda one: has_button(one, "lock.unlock"))
    assert "<@U0ADA>" in all_text(message)
    refused = await house.ask("ben", "/ops deploy shop v1 to production")
    assert "shop in production is locked by ada" in refused["text"]
    assert "/ops wait shop production" in refused["text"]
    ben = await house.person("ben")
    mark = ben.mark()
    await ben.click(message, "lock.await")
    assert "number 1 in line" in (await house.private(ben, since=mark))["text"]
    mark = ben.mark()
    await ben.command("deploys", "/ops locks")
    listed = await house.private(ben, since=mark)
    assert "1 in line" in all_text(listed)
    await house.message("Lock of shop in production", lambda one: "To be told" in all_text(one))
    ada = await house.person("ada")
    await ada.click(message, "lock.unlock")
    over = await house.message("Lock of shop in production", "Unlocked")
    assert not has_button(over, "lock.unlock")
    await house.chronicle.wait_type("LockEnded", "lock/")
    await ben.wait_for(
        lambda one: one.name == "message" and "shop in production is free" in str(one.data), 20.0, since=mark
    )


async def test_a_freeze_is_passed_by_two_people_on_record_and_a_release_comes_back(house: House) -> None:
    await house.bring_out("v1")
    answer = await house.ask("ben", "/ops freeze production because of the audit")
    assert "Froze production" in answer["text"]
    refused = await house.ask("ada", "/ops deploy shop v2 to production")
    assert "production is frozen by ben: of the audit" in refused["text"]
    id = await house.asked("ada", "/ops deploy shop v2 to production override customers wait")  # noqa: A001
    shown = await house.message(id, lambda one: has_button(one, "deployment.approve"))
    assert "Overridden by <@U0ADA>" in all_text(shown)
    assert "customers wait" in all_text(shown)
    await house.approve("ben", id)
    await house.end_of(id, "DeploymentSucceeded")
    assert any("Overridden by ada" in line or "Overridden by Ada" in line for line in await house.told(id))

    history = all_text(await house.ask("cleo", "/ops history shop production"))
    assert history.index("*2* `v2`") < history.index("*1* `v1`")
    diff = all_text(await house.ask("cleo", "/ops diff shop production to 1"))
    assert "version: `v2` → `v1`" in diff
    back = await house.asked("ada", "/ops rollback shop in production to 1")
    await house.end_of(back, "DeploymentSucceeded")
    assert house.chronicle.deployment(back).plan.revision == 1
    await house.message("Lock of shop in production", "Locked after a roll-back")
    locked = await house.ask("ada", "/ops unlock shop production")
    assert "Unlocked shop in production" in locked["text"]
    assert "Ended the freeze of production" in (await house.ask("ben", "/ops unfreeze production"))["text"]
    await house.message("Freeze of production", "Over")
