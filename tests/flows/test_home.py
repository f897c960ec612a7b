"""The Home tab shows what waits for the person who looks at it, and lets it go once it is decided."""

import json

import pytest

from tests.fakes.house import House, has_button

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("home")]


async def test_home_shows_to_each_what_waits_for_them(house: House) -> None:
    id = await house.deploy("ada", "v1")  # noqa: A001
    ada, ben = await house.person("ada"), await house.person("ben")
    await ada.home()
    await ben.home()
    his = await ben.wait_home(lambda view: id in json.dumps(view))
    assert has_button(his, "deployment.approve")
    hers = await ada.wait_home(lambda view: id in json.dumps(view))
    assert not has_button(hers, "deployment.approve")
    mark = ben.mark()
    await ben.click(his, "deployment.approve")
    await house.end_of(id, "DeploymentSucceeded")
    after = await ben.wait_home(lambda view: not has_button(view, "deployment.approve"), 20, since=mark)
    assert "Nothing" in json.dumps(after)
