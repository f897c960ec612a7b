"""A service's page and the trains' pages over HTTP: what runs, what may be done, and what stands in the way."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from bot.readings.now import AlertRow
from tests.unit.api.house import Client, House, Json, a_client

PAGE = "/services/shop/page"


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with a_client(House(names=("shop", "till"))) as asking:
        yield asking


async def look(client: Client, person: str = "ada", path: str = PAGE) -> Json:
    status, found = await client.get(path, **await client.house.token(person))
    assert status == 200, found
    return found


async def brought_out(client: Client, version: str) -> str:
    _, made = await client.post("/deployments", {"service": "shop", "version": version, "environment": "staging"})
    await client.house.durable.run_for(timedelta(minutes=2))
    return str(made["id"])


def staging(page: Json) -> Any:
    return next(one for one in page["places"] if one["component"]["environment"] == "staging")


async def test_nothing_runs_yet(client: Client) -> None:
    page = await look(client)
    assert (page["service"], page["you"]["name"], page["depends_on"]) == ("shop", "Ada", [])
    place = staging(page)
    assert (place["component"]["state"], place["offers"], place["remark"]) == ("registered", [], "")
    assert (place["deployments"], place["releases"], place["released"]) == ([], [], 0)
    assert (await client.get("/services/shap/page"))[0] == 404


async def test_what_runs_and_what_ran(client: Client) -> None:
    ids = [await brought_out(client, version) for version in ("v1", "v2") * 6]
    place = staging(await look(client))
    assert place["offers"] == ["scale", "restart", "stop", "roll_back"] == place["may"]
    assert [one["id"] for one in place["deployments"]] == ids[:1:-1]
    assert place["more_deployments"]
    assert ([one["revision"] for one in place["releases"]], place["released"]) == (list(range(12, 2, -1)), 12)
    older = await client.get(f"/deployments?service=shop&environment=staging&cursor={ids[2]}")
    assert [one["id"] for one in older[1]["deployments"]] == ids[1::-1]


async def test_who_may_not_is_told_whom_to_ask(client: Client) -> None:
    for version in ("v1", "v2"):
        await brought_out(client, version)
    place = staging(await look(client, "cleo"))
    assert (place["may"], place["remark"]) == ([], "Cleo may not restart services in staging. Ask Ada or Ben.")
    stranger = staging((await client.get(PAGE))[1])
    assert (stranger["may"], stranger["remark"], bool(stranger["offers"])) == ([], "", True)


async def test_while_a_deployment_is_at_it_nothing_else_is_offered(client: Client) -> None:
    await brought_out(client, "v1")
    await client.post("/deployments", {"service": "shop", "version": "v2", "environment": "staging"})
    await client.house.durable.run_for(timedelta(seconds=6))
    place = staging(await look(client))
    assert (place["offers"], place["may"]) == ([], [])
    assert "While a deployment is under way" in place["remark"]


async def test_a_stopped_one_is_started_or_unregistered(client: Client) -> None:
    await brought_out(client, "v1")
    seen = staging(await look(client))["seen"]
    assert (await client.post("/components/shop/staging/stop", {"seen": seen}))[0] == 200
    assert (await client.post("/components/shop/staging/stop", {"seen": seen}))[0] == 409
    await client.house.tend()
    assert staging(await look(client))["offers"] == ["start", "unregister"]
    assert (await client.post("/components/shop/staging/unregister"))[0] == 200
    gone = staging(await look(client))
    assert (gone["component"]["state"], gone["offers"]) == ("unregistered", [])


async def test_what_stands_in_the_way_and_what_is_wrong(client: Client) -> None:
    await brought_out(client, "v1")
    await client.post("/components/shop/staging/lock", {"reason": "migration"}, "ben")
    await client.post("/freezes", {"environment": "staging", "seconds": 60}, "ben")
    await client.post("/freezes", {"service": "till"}, "ben")
    incident = await client.house.fire()
    for service in ("shop", "till"):
        labels = {"alertname": "Slow", "service": service}
        client.house.alerts.append(AlertRow("Slow", "firing", labels, {}, 1.0, client.house.clock()))
    page = await look(client)
    place = staging(page)
    assert (place["lock"]["owner"], place["lock"]["reason"]) == ("ben", "migration")
    assert [one["environment"] for one in place["freezes"]] == ["staging"]
    assert [one["id"] for one in page["incidents"]] == [incident]
    assert [one["labels"]["service"] for one in page["alerts"]] == ["shop"]
    other = await look(client, path="/services/till/page")
    assert (other["incidents"], len(other["alerts"])) == ([], 1)


async def test_trains_say_what_may_be_decided(client: Client) -> None:
    wish = {
        "services": [{"service": "shop", "version": "v1"}, {"service": "till", "version": "v1"}],
        "environment": "production",
    }
    made = (await client.post("/trains", wish))[1]["id"]
    own = (await look(client, path=f"/trains/{made}/page"))["trains"][0]
    assert (own["offers"], own["may"]) == (["approve", "reject"], ["reject"])
    assert own["remark"] == "You asked for it, so somebody else has to approve."
    viewer = (await look(client, "cleo", f"/trains/{made}/page"))["trains"][0]
    assert (viewer["may"], viewer["remark"]) == ([], "Cleo may not decide about trains to production.")
    assert [one["id"] for one in (await look(client, path="/overview"))["trains"]] == [made]
    assert (await client.post(f"/trains/{made}/approve", {}, "ben"))[0] == 200
    under_way = (await look(client, "ben", "/trains/page"))["trains"][0]
    assert (under_way["may"], under_way["decisions"][0]["person"]) == (["abort"], "ben")
    await client.house.durable.run_for(timedelta(minutes=5))
    ended = (await look(client, "ben", f"/trains/{made}/page"))["trains"][0]
    assert (ended["state"], ended["offers"]) == ("succeeded", [])
    assert (await look(client, path="/overview"))["trains"] == []
