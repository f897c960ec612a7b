"""A canary from a typed line to success under load, on real processes."""

from pathlib import Path

from tests.fakes.house import House, all_text, has_button
from tests.fakes.scene import Scene


async def test_a_canary_succeeds_and_no_request_is_lost(tmp_path: Path) -> None:
    async with House(tmp_path, Scene()) as house:
        await house.start()
        await house.bring_out("v1")
        async with house.load() as load:
            await load.wait(lambda one: one.ok > 20)
            id = await house.bring_out("v2")  # noqa: A001
            await load.wait(lambda one: one.versions["v2"] > 20)
            assert load.lost == 0, load.told()
            assert load.failed == 0, load.told()
        deployment = house.chronicle.deployment(id)
        shifted = [one.data["weight"] for one in house.chronicle.of(id) if one.type == "WeightShifted"]
        assert shifted == [10, 50, 100]
        assert deployment.lost == 0
        message = await house.message(id, "Succeeded")
        assert has_button(message, "deployment.roll_back")
        assert "v1" in all_text(message)
