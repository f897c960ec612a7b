"""Who may ask Alertmanager's API and who may change something by it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.api.test_alertmanager_alerts import Client, a_client, an_alert

CHANGES = [
    ("POST", "/alertmanager/api/v2/alerts"),
    ("POST", "/alertmanager/api/v2/silences"),
    ("DELETE", "/alertmanager/api/v2/silence/d3d17181-0000-0000-0000-000000000000"),
    ("POST", "/webhooks/alertmanager"),
]
READS = [
    "/alerts",
    "/alerts/groups",
    "/silences",
    "/silence/d3d17181-0000-0000-0000-000000000000",
    "/status",
    "/receivers",
]
STRANGERS: list[dict[str, str]] = [
    {"Host": "evil.example"},
    {"X-Forwarded-For": "10.0.0.9"},
    {"Authorization": "Bearer ph_12345678_forged"},
    {"Authorization": "Basic YWRhOmFkYQ=="},
]


async def asked(client: Client, method: str, path: str, **headers: str) -> int:
    sent = {"Content-Type": "application/json", **headers}
    async with client.http.request(method, client.door.url + path, headers=sent) as answer:
        if answer.status == 401:
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        return answer.status


@pytest.mark.parametrize("headers", STRANGERS, ids=str)
async def test_strangers_neither_read_nor_change(headers: dict[str, str]) -> None:
    async with a_client() as client:
        assert {await asked(client, method, path, **headers) for method, path in CHANGES} == {401}
        paths = [f"/alertmanager/api/v2{path}" for path in READS]
        assert {await asked(client, "GET", path, **headers) for path in paths} == {401}


async def test_a_page_of_another_site_changes_nothing() -> None:
    async with a_client() as client:
        for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
            assert {await asked(client, method, path, **headers) for method, path in CHANGES} == {403}


async def test_who_may_only_look_changes_nothing() -> None:
    async with a_client() as client:
        headers = await client.door.token("cleo")
        assert {await asked(client, method, path, **headers) for method, path in CHANGES} == {403}
        assert (await client.post([an_alert(n="1")], **headers))[1]["message"].startswith("Cleo may not")


async def test_elsewhere_a_token_is_needed_to_push_and_to_read() -> None:
    async with a_client(listens_on="0.0.0.0") as client:
        host: Any = {"Host": "pilothouse.example"}
        assert (await client.post([an_alert(n="1")], **host))[0] == 401
        assert (await client.post([an_alert(n="1")], **host, **await client.door.token("ada")))[0] == 200
        assert await asked(client, "GET", "/alertmanager/api/v2/alerts", **host) == 401
        assert (
            await asked(client, "GET", "/alertmanager/api/v2/alerts", **host, **await client.door.token("cleo")) == 200
        )
        assert await asked(client, "GET", "/alertmanager/-/ready", **host) == 200
