"""Who was told what and why, as the API lists it and as the log says it."""

from __future__ import annotations

import pytest

from alerting.notify.notification import Reason
from bot.inputs.api.notifications import Notifications
from tests.unit.api.house import House, a_client
from tests.unit.board.alert_scene import AlertScene


@pytest.fixture
def scene() -> AlertScene:
    return AlertScene(House())


async def test_the_newest_comes_first_with_its_reason(scene: AlertScene) -> None:
    await scene.notify("pages", firing=2, alertname="Down")
    await scene.notify("hook", Reason.NEW_FIRING, error="it answered 500. Look there.", alertname="Down")
    await scene.notify("pages", Reason.ALL_RESOLVED, firing=0)
    async with a_client(scene.house) as client:
        status, answer = await client.get("/notifications")
        assert status == 200
        told = [(one["receiver"], one["reason"], one["firing"], one["resolved"]) for one in answer["notifications"]]
        assert told == [("pages", "all resolved", 0, 2), ("hook", "new alerts fire", 1, 0), ("pages", "first", 2, 0)]
        assert [one["error"] for one in answer["notifications"]] == [None, "it answered 500. Look there.", None]
        assert answer["notifications"][2]["labels"] == {"alertname": "Down"}
        assert answer["next"] is None
        status, summary = await client.get("/alerts/summary")
        assert summary["last_notification"] == answer["notifications"][0]
        status, overview = await client.get("/overview")
        assert [one["summary"] for one in overview["events"] if one["stream"] == "notifications"] == [
            "pages was told of all alerts together: 2 resolved, as all are resolved.",
            'hook could not be told of alertname="Down" (1 firing): it answered 500. Look there.',
            'pages was told of alertname="Down": 2 firing, as nothing was told of it before.',
        ]


async def test_pages_follow_each_other(scene: AlertScene) -> None:
    for number in range(5):
        await scene.notify(f"r{number}")
    async with a_client(scene.house) as client:
        seen, cursor = [], ""
        while True:
            _, answer = await client.get(f"/notifications?limit=2&cursor={cursor}")
            seen.append([one["receiver"] for one in answer["notifications"]])
            if not (cursor := answer["next"]):
                break
            await scene.notify("later")
        assert seen == [["r4", "r3"], ["r2", "r1"], ["r0"]]
        status, answer = await client.get("/notifications?cursor=x")
        assert (status, answer["error"]["field"]) == (422, "cursor")
        status, answer = await client.get("/notifications?limit=0")
        assert (status, answer["error"]["field"]) == (422, "limit")


async def test_what_came_since_the_last_page_is_read(scene: AlertScene) -> None:
    listed = Notifications(scene.house.database.log)
    assert await listed.newest() is None
    for number in range(4):
        await scene.notify(f"r{number}")
    newest = await listed.newest()
    assert newest is not None
    assert newest.receiver == "r3"
    assert [event.version for event in await listed.page(limit=2)] == [4, 3]
