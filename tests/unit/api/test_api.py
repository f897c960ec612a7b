"""The API's answers and changes, through the real door."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from alerting.commands import Acknowledge, ResolveIncident
from alerting.incidents.incident import IncidentId
from bot.inputs.api.reads import page_of
from bot.readings.now import AlertRow
from bot.words.commands import TakeIncident
from engine.commands import Actor, Request
from engine.security.identity import Directory
from engine.security.permissions import Role
from storage.errors import StorageUnavailable
from tests.unit.api.house import SECOND, Client, Json, person

V1 = {"service": "shop", "version": "v1", "environment": "staging"}
V2 = {"service": "shop", "version": "v2", "environment": "production"}


async def deployed(client: Client, body: Json = V1) -> Json:
    status, answer = await client.post("/deployments", body)
    assert status == 201, answer
    return answer


async def test_a_deployment_from_request_to_end(client: Client) -> None:
    asked = await deployed(client, V2)
    assert (asked["state"], asked["requested_by"], asked["plan"]["approvals_needed"]) == ("planned", "ada", 1)
    assert asked["plan"]["steps"][0] == {"weight": 10, "dwell_seconds": 10.0, "approval": False}
    status, agreed = await client.post(
        f"/deployments/{asked['id']}/approve", {"digest": asked["plan"]["digest"]}, "ben"
    )
    assert (status, agreed["decisions"][0]["person"]) == (200, "ben")
    await client.house.durable.run_for(timedelta(minutes=1))
    status, ended = await client.get(f"/deployments/{asked['id']}")
    assert (status, ended["state"], ended["weight"]) == (200, "succeeded", 100)
    assert ended["history"][-1]["text"] == "Done: v2 runs alone."
    status, component = await client.get("/components/shop/production")
    assert (status, component["version"], component["traffic"]) == (200, "v2", [{"version": "v2", "weight": 100}])
    assert component["last_change"]["by"] == "ada"


async def test_a_canary_shows_its_split_and_its_gates(client: Client) -> None:
    await deployed(client)
    await client.house.durable.run_for(timedelta(minutes=1))
    second = await deployed(client, {**V1, "version": "v2"})
    await client.house.durable.run_for(6 * SECOND)
    _, overview = await client.get("/overview")
    (flight,) = overview["deployments"]
    assert (flight["id"], flight["state"], flight["step"], flight["weight"]) == (second["id"], "running", 0, 10)
    assert 0 < flight["step_left_seconds"] <= 10
    assert flight["measurements"][0]["gate"] == "error ratio"
    traffic = next(one["traffic"] for one in overview["components"] if one["environment"] == "staging")
    assert traffic == [{"version": "v1", "weight": 90}, {"version": "v2", "weight": 10}]
    assert "shop v2 in staging: The router sends 10 % to v2." in [one["summary"] for one in overview["events"]]


@pytest.mark.parametrize("decision", ["reject", "abort"])
async def test_a_planned_deployment_can_be_ended(client: Client, decision: str) -> None:
    asked = await deployed(client, V2)
    status, answer = await client.post(f"/deployments/{asked['id']}/{decision}", {}, "ben")
    await client.house.durable.run_for(2 * SECOND)
    status, answer = await client.get(f"/deployments/{asked['id']}")
    assert (status, answer["state"]) == (200, "cancelled")


async def test_going_back_makes_a_deployment_of_its_own(client: Client) -> None:
    await deployed(client)
    await client.house.durable.run_for(timedelta(minutes=1))
    second = await deployed(client, {**V1, "version": "v2"})
    await client.house.durable.run_for(timedelta(minutes=2))
    status, back = await client.post(f"/deployments/{second['id']}/rollback")
    assert (status, back["purpose"], back["version"]) == (200, "roll_back", "v1")
    assert back["id"] != second["id"]


async def test_resuming_what_is_not_paused_is_refused(client: Client) -> None:
    asked = await deployed(client, V2)
    status, answer = await client.post(f"/deployments/{asked['id']}/resume")
    assert (status, answer["error"]["kind"]) == (409, "NotNow")


async def test_an_incident_is_taken_escalated_and_resolved(client: Client) -> None:
    incident = await client.house.fire()
    status, taken = await client.post(f"/incidents/{incident}/acknowledge")
    assert (status, taken["state"], taken["acknowledged_by"]) == (200, "acknowledged", "ada")
    assert (await client.post(f"/incidents/{incident}/escalate", {"level": None}))[0] == 200
    status, ended = await client.post(f"/incidents/{incident}/resolve", {})
    assert (status, ended["state"], ended["resolved_by"]) == (200, "resolved", "ada")
    _, all_ = await client.get("/incidents")
    assert [one["id"] for one in all_["incidents"]] == [incident]
    _, overview = await client.get("/overview")
    assert overview["incidents"] == []
    assert overview["events"][0]["summary"] == "HighErrors: ada resolved it."
    status, answer = await client.post(f"/incidents/{incident}/acknowledge")
    assert (status, answer["error"]["kind"]) == (409, "NotNow")


async def test_an_incident_is_taken_by_who_may_where_it_is(client: Client) -> None:
    house = client.house
    roles = {"*": Role.VIEWER, "staging": Role.DEPLOYER}
    house.directory = Directory([*house.directory.people, person("dora", roles)])
    incident = IncidentId(await house.fire(environment="production"))
    dora = Actor("slack", "UDORA", "T1")
    for number, command in enumerate((Acknowledge(incident), ResolveIncident(incident), TakeIncident())):
        refused = await house.door.handle(Request(f"d{number}", house.clock(), "chat", dora, command))
        assert (refused.kind, "production" in refused.error) == ("Denied", True)


async def test_alerts_and_on_call(client: Client) -> None:
    now = client.house.clock()
    client.house.alerts.append(AlertRow("Odd", "firing", {"alertname": "Odd"}, {}, float("inf"), now))
    _, alerts = await client.get("/alerts")
    assert (alerts["alerts"][0]["value"], alerts["alerts"][0]["since"]) == (None, "2026-01-05T09:00:00Z")
    _, on_call = await client.get("/oncall")
    assert on_call["on_call"][0]["person"] == "ben"
    _, services = await client.get("/services")
    assert services["services"] == [
        {
            "name": "shop",
            "description": "About shop.",
            "environments": ["production", "staging"],
            "versions": ["v1", "v2"],
        }
    ]


async def test_the_list_is_filtered_and_turned_page_by_page(client: Client) -> None:
    for version in ("v1", "v2", "v1"):
        await deployed(client, {**V1, "version": version})
        await client.house.durable.run_for(timedelta(minutes=2))
    await deployed(client, V2)
    _, first = await client.get("/deployments?limit=2")
    _, second = await client.get(f"/deployments?limit=2&cursor={first['next']}")
    ids = [one["id"] for page in (first, second) for one in page["deployments"]]
    assert (len(set(ids)), second["next"]) == (4, None)
    for query, count in (("environment=staging", 3), ("open=true", 1), ("open=false", 3), ("service=none", 0)):
        assert len((await client.get(f"/deployments?{query}"))[1]["deployments"]) == count, query


def test_a_page_needs_its_cursor() -> None:
    assert page_of([], limit=2, cursor="") == []
    assert page_of([], limit=2, cursor="gone") is None


async def test_one_key_is_one_deployment(client: Client) -> None:
    answers = [await client.post("/deployments", V2, **{"Idempotency-Key": "k1"}) for _ in range(2)]
    assert answers[0][1]["id"] == answers[1][1]["id"]
    # Another person with the same key means something else.
    status, other = await client.post("/deployments", V2, "ben", **{"Idempotency-Key": "k1"})
    assert (status, other["error"]["kind"]) == (409, "NotNow")
    status, reused = await client.post("/deployments", V1, **{"Idempotency-Key": "k1"})
    assert (status, reused["error"]["field"]) == (422, "Idempotency-Key")


BAD_BODIES: list[tuple[Any, int, str | None]] = [
    ({}, 422, "service"),
    ({**V1, "version": ""}, 422, "version"),
    ({**V1, "version": 2}, 422, "version"),
    ({**V1, "version": "x" * 81}, 422, "version"),
    ({**V1, "weight": 10}, 422, "weight"),
    ({**V1, "service": "nope"}, 422, "service"),
    ({**V1, "environment": "nope"}, 422, "environment"),
    ({**V1, "version": "v9"}, 422, "version"),
    ({**V1, "version": "<b>"}, 422, "version"),
    ([], 422, None),
]


@pytest.mark.parametrize(("body", "status", "field"), BAD_BODIES, ids=str)
async def test_a_wrong_body_names_its_field(client: Client, body: Any, status: int, field: str | None) -> None:
    found, answer = await client.post("/deployments", body)
    error = answer["error"]
    assert (found, error["field"]) == (status, field)
    assert error["reason"]
    assert error["remedy"]


@pytest.mark.parametrize(
    ("content", "data", "status", "kind"),
    [
        ("text/plain", b'{"service": "shop"}', 415, "UnsupportedMediaType"),
        ("application/x-www-form-urlencoded", b"service=shop", 415, "UnsupportedMediaType"),
        ("application/json", b"{", 400, "Malformed"),
        ("application/json", b"\xff\xfe{}", 400, "Malformed"),
        ("application/json", b" " * (65 * 1024), 413, "TooLarge"),
    ],
)
async def test_a_body_of_another_kind_is_refused(
    client: Client, content: str, data: bytes, status: int, kind: str
) -> None:
    headers = {**await client.house.token(), "Content-Type": content}
    async with client.http.post(f"{client.house.url}/api/v1/deployments", data=data, headers=headers) as answer:
        assert (answer.status, (await answer.json())["error"]["kind"]) == (status, kind)


@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        ("/nothing", 404, "NotFound"),
        ("/deployments/d-1", 404, "NotFound"),
        ("/incidents/i-1", 404, "NotFound"),
        ("/components/shop/moon", 404, "NotFound"),
        ("/components/moon/staging", 404, "NotFound"),
        ("/deployments?limit=0", 422, "Invalid"),
        ("/deployments?limit=-1", 422, "Invalid"),
        ("/deployments?limit=²", 422, "Invalid"),
        ("/deployments?open=yes", 422, "Invalid"),
        ("/deployments?cursor=d-9", 422, "Invalid"),
        ("/deployments?servce=shop", 422, "Invalid"),
        ("/events?after=x", 422, "Invalid"),
        ("/deployments/d-1/approve", 405, "MethodNotAllowed"),
    ],
)
async def test_a_wrong_address_says_what_is_wrong(client: Client, path: str, status: int, kind: str) -> None:
    found, answer = await client.get(path)
    assert (found, answer["error"]["kind"]) == (status, kind)
    assert answer["error"]["remedy"]


async def test_nobody_changes_anything_unsigned(client: Client) -> None:
    async with client.http.post(f"{client.house.url}/api/v1/deployments", json=V1) as answer:
        assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="Pilothouse"')
        assert "/ops board" in (await answer.json())["error"]["remedy"]


async def test_rights_are_those_of_the_tokens_owner(client: Client) -> None:
    status, answer = await client.post("/deployments", V1, "cleo")
    assert (status, answer["error"]["kind"]) == (403, "Denied")
    own = await deployed(client, V2)
    status, answer = await client.post(f"/deployments/{own['id']}/approve")
    assert (status, answer["error"]["reason"]) == (403, "Another person has to approve this: you asked for it.")


async def test_a_session_from_another_site_changes_nothing(client: Client) -> None:
    cookie = {"Cookie": f"pilothouse={await client.house.session()}", "Origin": "http://evil.example"}
    async with client.http.post(f"{client.house.url}/api/v1/deployments", json=V1, headers=cookie) as answer:
        assert (answer.status, (await answer.json())["error"]["kind"]) == (403, "Denied")
    own = {**cookie, "Origin": client.house.url}
    async with client.http.post(f"{client.house.url}/api/v1/deployments", json=V1, headers=own) as answer:
        assert answer.status == 201


async def test_a_database_that_is_away_is_told_as_that(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(**_: Any) -> Any:
        raise StorageUnavailable("The database does not answer", "Look whether it runs")

    monkeypatch.setattr(client.house.database.log, "last_position", away)
    status, answer = await client.get("/overview")
    assert (status, answer["error"]["reason"]) == (503, "The database does not answer.")


async def test_every_answer_forbids_what_it_can(client: Client) -> None:
    async with client.http.get(f"{client.house.url}/api/v1/nothing") as answer:
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Access-Control-Allow-Origin" not in answer.headers
