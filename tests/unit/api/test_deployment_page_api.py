"""A deployment over time, its measurements and metrics, and the report, as the API answers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from alerting.errors import BadQuery, TemporaryFailure
from bot.inputs.api import present_gates
from bot.inputs.api.chronicle import Chronicles
from bot.inputs.api.deployment_queries import queries_of
from engine.catalog import Figure
from engine.deployments.deployment import DeploymentId
from engine.deployments.journal import subject_of
from engine.strategy_specs import CompareSpec, GateSpec, HookSpec
from storage.events import NewEvent
from tests.unit.api.house import SECOND, Client, House, Json, a_client
from tests.unit.board.alert_scene import AlertScene

STAGING = {"service": "shop", "environment": "staging"}
PRODUCTION = {"service": "shop", "version": "v1", "environment": "production"}


async def canary(client: Client, **rest: str) -> Json:
    """v2 beside v1 in staging, at its first step."""
    await client.post("/deployments", {**STAGING, "version": "v1", **rest})
    await client.house.durable.run_for(timedelta(minutes=1))
    status, made = await client.post("/deployments", {**STAGING, "version": "v2", **rest})
    assert status == 201, made
    await client.house.durable.run_for(6 * SECOND)
    return made


async def page(client: Client, id: str, person: str | None = "ada") -> Json:  # noqa: A002
    headers = await client.house.token(person) if person else {}
    status, found = await client.get(f"/deployments/{id}/page", **headers)
    assert status == 200, found
    return found


async def test_a_page_tells_phases_weights_and_measurements_over_time(client: Client) -> None:
    made = await canary(client)
    found = await page(client, made["id"])
    assert [(one["name"], one["step"]) for one in found["phases"]] == [
        ("planned", None),
        ("starting", None),
        ("step", 0),
    ]
    assert found["phases"][0]["end"] == found["phases"][1]["start"]
    assert found["phases"][-1]["end"] is None
    assert [weight for _, weight in found["weights"]][-1] == 10
    (gate,) = found["gates"]
    assert (gate["name"], gate["threshold"], gate["comparison"], gate["unit"]) == ("error ratio", 0.05, "<", "ratio")
    (line,) = gate["lines"]
    assert line["name"] == "v2"
    assert line["points"][-1][1] == 0.01
    assert len(gate["verdicts"]) == len(line["points"]) == found["measurements"]["total"]
    assert found["start"] < found["deployment"]["started_at"] < found["end"]
    assert (found["told"], found["offers"], found["may"]) == ("10 → 100 %", ["promote", "abort"], ["promote", "abort"])
    assert {one["version"] for one in found["instances"]} == {"v1", "v2"}
    await client.house.durable.run_for(timedelta(minutes=2))
    ended = await page(client, made["id"])
    assert [one["name"] for one in ended["phases"]] == ["planned", "starting", "step", "step", "promoting"]
    assert all(one["end"] for one in ended["phases"])
    assert ended["end"] == ended["deployment"]["ended_at"]
    assert (ended["offers"], ended["may"]) == (["roll_back"], ["roll_back"])
    assert ended["measurements"]["total"] > found["measurements"]["total"]


async def test_a_page_of_what_was_not_begun_has_no_axis(client: Client) -> None:
    _, made = await client.post("/deployments", PRODUCTION)
    found = await page(client, made["id"])
    assert (found["start"], found["end"], found["weights"], found["instances"]) == (None, None, [], [])
    _, pictures = await client.get(f"/deployments/{made['id']}/pictures")
    assert (pictures["start"], pictures["pictures"]) == (None, [])


@pytest.mark.parametrize(
    ("person", "may", "remark"),
    [
        (None, [], ""),
        ("ada", ["reject", "abort"], "You asked for it, so somebody else has to approve."),
        ("ben", ["approve", "reject", "abort"], ""),
        ("cleo", [], "Cleo may not decide about deployments to production."),
    ],
)
async def test_a_page_offers_what_its_reader_may(
    client: Client, person: str | None, may: list[str], remark: str
) -> None:
    _, made = await client.post("/deployments", PRODUCTION)
    found = await page(client, made["id"], person)
    assert found["offers"] == ["approve", "reject", "abort"]
    assert (found["may"], found["remark"]) == (may, remark)
    assert (found["you"] or {}).get("id") == person


async def test_what_was_seen_is_what_is_decided(client: Client) -> None:
    _, made = await client.post("/deployments", PRODUCTION)
    for deed, seen in (("reject", {"step": 0}), ("approve", {"step": 0}), ("approve", {"digest": "sha256:other"})):
        status, answer = await client.post(f"/deployments/{made['id']}/{deed}", seen, "ben")
        assert (status, bool(answer["error"]["reason"])) == (409, True)
    status, answer = await client.post(f"/deployments/{made['id']}/reject", {}, "ben")
    assert (status, answer["outcome"]) == (200, "rejected")


async def test_every_measurement_can_be_read_page_by_page(client: Client) -> None:
    made = await canary(client)
    await client.house.durable.run_for(timedelta(minutes=2))
    path = f"/deployments/{made['id']}/measurements"
    _, everything = await client.get(path)
    total = everything["total"]
    assert [one["number"] for one in everything["measurements"]] == list(range(total, 0, -1))
    numbers: list[int] = []
    cursor: Any = ""
    while cursor is not None:
        _, found = await client.get(f"{path}?limit=3&cursor={cursor}")
        numbers += [one["number"] for one in found["measurements"]]
        cursor = found["next"]
    assert numbers == list(range(total, 0, -1))
    status, answer = await client.get(f"{path}?cursor=x")
    assert (status, answer["error"]["field"]) == (422, "cursor")


async def test_there_is_no_page_of_what_there_is_not(client: Client) -> None:
    for part in ("page", "measurements", "pictures"):
        status, answer = await client.get(f"/deployments/d-none/{part}")
        assert (status, answer["error"]["kind"]) == (404, "NotFound")


async def test_facts_are_taken_once_and_those_of_later_versions_left_out(client: Client) -> None:
    made = await canary(client)
    id, log = DeploymentId(made["id"]), client.house.database.log  # noqa: A001
    known = Chronicles()
    first = await known.of(id, log)
    counted = (first.version, len(first.phases), len(first.measurements))
    for event in await log.read(subject_of(id)):
        first.take(event)
    assert (first.version, len(first.phases), len(first.measurements)) == counted
    new = NewEvent("DeploymentTeleported", {"to": "moon"})
    await log.append(subject_of(id), [new], expected=first.version, at=client.house.clock())
    again = await known.of(id, log)
    assert (again.version, len(again.phases)) == (counted[0] + 1, counted[1])


async def test_pictures_ask_the_metrics_server_and_tell_when_it_is_away() -> None:
    scene = AlertScene(House())
    async with a_client(scene.house) as client:
        made = await canary(client)
        path = f"/deployments/{made['id']}/pictures"
        _, found = await client.get(path)
        (picture,) = found["pictures"]
        assert (picture["name"], picture["query"], picture["error"]) == ("error ratio", "errors", None)
        (line,) = picture["lines"]
        assert (line["name"], len(line["points"]) > 100) == ("instance=10.0.0.1:9100", True)
        scene.ranges.failure = TemporaryFailure("it cannot be reached")
        _, found = await client.get(path)
        assert (found["pictures"][0]["error"], found["pictures"][0]["lines"]) == ("it cannot be reached.", [])
        scene.ranges.failure = BadQuery("bad_data: parse error", "correct the query")
        _, found = await client.get(path)
        assert found["pictures"][0]["remedy"] == "correct the query."


async def test_pictures_are_of_both_versions_where_the_query_tells_them_apart(client: Client) -> None:
    made = await canary(client)
    one = await client.house.journal.load(DeploymentId(made["id"]))
    figures = [
        Figure("errors", 'e{{version="{version}"}}[{window}]'),
        Figure("load", "load"),
        Figure("again", "errors"),
    ]
    asked = queries_of(one, figures, window=30 * SECOND, now=client.house.clock())
    assert [query.name for query in asked] == ["error ratio", "errors", "load"]
    assert asked[1].asked == (("v2", 'e{{version="v2"}}[30s]'), ("v1", 'e{{version="v1"}}[30s]'))
    assert asked[2].asked == (("", "load"),)


def test_gates_are_shown_with_what_they_compare_and_ask() -> None:
    compare = CompareSpec("e", "r", "l", latency_ceiling=2 * SECOND)
    shown = present_gates.gate(GateSpec("like stable", "comparison", compare=compare, when="after"))
    assert shown.compare is not None
    assert (shown.when, shown.compare.minimum, shown.compare.latency_ceiling_seconds) == ("after", 100, 2.0)
    hook = HookSpec("https://user:word@check.example:8443/run?token=secret", "HOOK_SECRET")
    asked = present_gates.gate(GateSpec("smoke", "hook", hook=hook)).hook
    assert asked is not None
    assert asked.model_dump() == {"url": "https://check.example:8443/run", "timeout_seconds": 5.0}


async def test_the_report_is_of_the_days_and_the_place_asked_for(client: Client) -> None:
    await canary(client)
    await client.house.durable.run_for(timedelta(minutes=2))
    status, found = await client.get("/reports/deployments")
    assert (status, found["days"], len(found["periods"])) == (200, 30, 5)
    assert (found["figures"]["deployments"], found["figures"]["failure_rate"]) == (2, 0.0)
    assert found["figures"]["lead_seconds"] > 0
    (place,) = found["places"]
    assert (place["service"], place["environment"], place["figures"]["changes"]) == ("shop", "staging", 2)
    _, elsewhere = await client.get("/reports/deployments?days=7&environment=production")
    assert (elsewhere["environment"], elsewhere["figures"]["changes"], elsewhere["places"]) == ("production", 0, [])
    for query, status, field in (("days=0", 422, "days"), ("service=no", 404, "service")):
        told, answer = await client.get(f"/reports/deployments?{query}")
        assert (told, answer["error"]["field"]) == (status, field)


async def test_a_report_is_fresh_and_an_incident_with_a_suspect_counts(client: Client) -> None:
    first = (await client.get("/reports/deployments"))[1]
    await client.post("/deployments", {**STAGING, "version": "v1"})
    await client.house.durable.run_for(timedelta(seconds=9))
    assert (await client.get("/reports/deployments"))[1]["until"] == first["until"]
    await client.house.durable.run_for(timedelta(minutes=1))
    assert (await client.get("/reports/deployments"))[1]["figures"]["deployments"] == 1
