"""Alertmanager's webhook payload, version 4, in: what it makes of it, and what is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import aiohttp
import pytest

from alerting.alerts.intake import AT_ONCE, WEBHOOK
from tests.unit.api.test_alertmanager_alerts import ENDS, JSON, Client, a_client

ZERO = "0001-01-01T00:00:00Z"


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with a_client() as made:
        yield made


def firing(**labels: str) -> dict[str, Any]:
    return {
        "status": "firing",
        "labels": {"alertname": "Down", **labels},
        "annotations": {"summary": "It is down."},
        "startsAt": "2026-01-05T08:59:00Z",
        "endsAt": ZERO,
        "generatorURL": "http://prometheus.example",
        "fingerprint": "0000000000000000",
    }


def payload(*alerts: Any, **changes: Any) -> dict[str, Any]:
    return {
        "version": "4",
        "groupKey": '{}:{alertname="Down"}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "pilothouse",
        "groupLabels": {"alertname": "Down"},
        "commonLabels": {"alertname": "Down"},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example",
        "alerts": list(alerts),
        **changes,
    }


async def post(client: Client, body: Any, **headers: str) -> tuple[int, Any]:
    url = f"{client.door.url}/webhooks/alertmanager"
    given: Any = {"data": body} if isinstance(body, bytes) else {"json": body}
    async with client.http.post(url, headers={**JSON, **headers}, **given) as answer:
        return answer.status, await answer.json()


async def test_a_firing_alert_lasts_until_it_is_resolved(client: Client) -> None:
    assert await post(client, payload(firing(n="1"), firing(n="2", empty=""))) == (200, {"accepted": 2})
    client.clock.advance(timedelta(hours=9))
    assert await client.names() == ["1", "2"]
    resolved = {**firing(n="1"), "status": "resolved", "endsAt": "2026-01-05T17:59:00Z"}
    assert await post(client, payload(resolved, status="resolved")) == (200, {"accepted": 1})
    assert await client.names() == ["2"]
    (alert,) = [one for one in client.door.store.all() if one.labels["n"] == "2"]
    assert (alert.source, alert.ends_at, dict(alert.labels)) == (WEBHOOK, None, {"alertname": "Down", "n": "2"})


async def test_an_alert_without_times_begins_now(client: Client) -> None:
    bare = {"status": "firing", "labels": {"alertname": "Down"}}
    assert await post(client, payload(bare)) == (200, {"accepted": 1})
    (alert,) = client.door.store.all()
    assert alert.starts_at == client.clock()


async def test_many_alerts_in_one_payload(client: Client) -> None:
    many = [firing(n=str(number)) for number in range(2 * AT_ONCE + 1)]
    assert await post(client, payload(*many)) == (200, {"accepted": len(many)})
    assert len(client.door.store.all()) == len(many)


REFUSED = [
    (b"", 422, "the body is empty"),
    (b"[]", 400, "Expected `object`, got `array`"),
    (b"{", 400, "truncated"),
    ({"version": "4"}, 400, "missing required field `alerts`"),
    ({"alerts": []}, 400, "missing required field `version`"),
    (payload(version="3"), 422, "version: '3' is not known; version 4 is read"),
    (payload(version=4), 400, "version: Expected `str`, got `int`"),
    (payload(alerts=7), 400, "alerts: Expected `array`, got `int`"),
    (payload(firing(), {"status": "firing"}), 400, "alerts.1: Object missing required field `labels`"),
    (payload({**firing(), "status": "odd"}), 400, "alerts.0.status: Invalid enum value 'odd'"),
    (payload({**firing(), "labels": {"a": 1}}), 400, "alerts.0.labels"),
    (payload({**firing(), "startsAt": "soon"}), 400, "alerts.0.startsAt: 'soon' is no time"),
]


@pytest.mark.parametrize(("body", "status", "says"), REFUSED, ids=lambda one: str(one)[:60])
async def test_a_payload_that_is_none_is_refused(client: Client, body: Any, status: int, says: str) -> None:
    got, said = await post(client, body)
    assert got == status
    assert says in said["error"]
    assert client.door.store.all() == []


async def test_alerts_beside_one_that_is_wrong_are_taken(client: Client) -> None:
    status, said = await post(client, payload({**firing(), "labels": {}}, firing(n="1")))
    assert status == 422
    assert said["error"] == "1 alerts were taken; the others not: at least one label pair required (alerts.0)"
    assert await client.names() == ["1"]


async def test_the_same_alert_from_both_doors_is_one(client: Client) -> None:
    await post(client, payload(firing(n="1")))
    await client.post([{"labels": {"alertname": "Down", "n": "1"}, "endsAt": ENDS}])
    assert await client.names() == ["1"]


async def test_a_form_is_no_payload(client: Client) -> None:
    url = f"{client.door.url}/webhooks/alertmanager"
    async with client.http.post(url, data=aiohttp.FormData({"payload": "{}"})) as answer:
        assert answer.status == 415
