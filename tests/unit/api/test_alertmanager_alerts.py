"""Alertmanager's alerts: what is taken, with what defaults, and what is refused, where and why."""

from __future__ import annotations

import io
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import msgspec
import pytest

from alerting.alerts.intake import AT_ONCE
from alerting.routing.load import parse_routing
from bot.inputs.pushing import LARGEST_BODY
from storage.errors import StorageUnavailable
from tests.fakes.alert_door import Door
from tests.fakes.clock import VirtualClock

ROUTING = parse_routing(
    "alertmanager.yml",
    """
route:
  receiver: default
  group_by: [alertname]
  routes:
  - receiver: team-a
    matchers: [team="a"]
    continue: true
  - receiver: team-ab
    matchers: ['team=~"a|b"']
receivers: [{name: default}, {name: team-a}, {name: team-ab}]
inhibit_rules:
- source_matchers: [severity="page"]
  target_matchers: [severity="ticket"]
  equal: [service]
""",
)
JSON = {"Content-Type": "application/json"}
ENDS = "2026-01-05T10:00:00Z"


@dataclass
class Client:
    """A program on this machine."""

    door: Door
    clock: VirtualClock
    http: aiohttp.ClientSession

    async def post(self, body: Any, path: str = "/alerts", **headers: str) -> tuple[int, Any]:
        """Post bytes as they are and anything else as JSON."""
        data = body if isinstance(body, bytes | io.BytesIO) else msgspec.json.encode(body)
        url = f"{self.door.url}/alertmanager/api/v2{path}"
        async with self.http.post(url, data=data, headers={**JSON, **headers}) as answer:
            return answer.status, await _said(answer)

    async def get(self, path: str = "/alerts", **query: str) -> Any:
        """The answer, which has to be well."""
        async with self.http.get(f"{self.door.url}/alertmanager/api/v2{path}", params=query) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def names(self, path: str = "/alerts", **query: str) -> list[str]:
        """The alerts of the answer by their label n."""
        found = await self.get(path, **query)
        alerts = found if path == "/alerts" else [alert for group in found for alert in group["alerts"]]
        return sorted(alert["labels"]["n"] for alert in alerts)


async def _said(answer: aiohttp.ClientResponse) -> Any:
    text = await answer.text()
    return msgspec.json.decode(text) if text else None


@asynccontextmanager
async def a_client(**given: Any) -> AsyncIterator[Client]:
    clock = VirtualClock()
    door = Door(**{"routing": ROUTING, "now": clock, **given})
    async with door.serving(), aiohttp.ClientSession() as http:
        yield Client(door, clock, http)


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with a_client() as made:
        yield made


def an_alert(**labels: str) -> dict[str, Any]:
    return {"labels": labels, "endsAt": ENDS}


async def test_an_alert_is_taken_with_everything_it_says(client: Client) -> None:
    told = {
        "labels": {"alertname": "Down", "team": "a", "empty": ""},
        "annotations": {"summary": "It is ‘down’."},
        "startsAt": "2026-01-05T08:59:00.123456789Z",
        "endsAt": "2026-01-05T12:00:00+02:00",
        "generatorURL": "http://prometheus.example/graph?g0.expr=up%3D%3D0",
    }
    assert await client.post([told]) == (200, None)
    (alert,) = await client.get()
    assert alert == {
        "annotations": {"summary": "It is ‘down’."},
        "endsAt": "2026-01-05T10:00:00.000Z",
        "fingerprint": alert["fingerprint"],
        "generatorURL": "http://prometheus.example/graph?g0.expr=up%3D%3D0",
        "labels": {"alertname": "Down", "team": "a"},
        "receivers": [{"name": "team-a"}, {"name": "team-ab"}],
        "startsAt": "2026-01-05T08:59:00.123Z",
        "status": {"inhibitedBy": [], "mutedBy": [], "silencedBy": [], "state": "active"},
        "updatedAt": "2026-01-05T09:00:00.000Z",
    }


@pytest.mark.parametrize(
    ("given", "starts_at", "ends_at"),
    [
        ({}, "09:00:00", "09:05:00"),
        ({"startsAt": None, "endsAt": None}, "09:00:00", "09:05:00"),
        ({"startsAt": "0001-01-01T00:00:00Z", "endsAt": "0001-01-01T00:00:00.000Z"}, "09:00:00", "09:05:00"),
        ({"startsAt": "2026-01-05T08:00:00Z"}, "08:00:00", "09:05:00"),
        ({"endsAt": "2026-01-05T11:00:00Z"}, "11:00:00", "11:00:00"),
        ({"startsAt": "2026-01-05T08:00:00", "endsAt": "2026-01-05T10:30:00.5Z"}, "08:00:00", "10:30:00.500"),
    ],
    ids=str,
)
async def test_times_that_are_not_given_are_made(
    client: Client, given: dict[str, Any], starts_at: str, ends_at: str
) -> None:
    assert await client.post([{"labels": {"n": "1"}, **given}]) == (200, None)
    (alert,) = await client.get()
    assert [at(alert["startsAt"]), at(alert["endsAt"])] == [at(f"2026-01-05T{time}Z") for time in (starts_at, ends_at)]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


REFUSED = [
    (b"", 422, 602, "alerts in body is required"),
    (b"[{", 400, 400, "truncated"),
    (b"{}", 400, 400, "Expected `array | null`, got `object`"),
    (b'[{"labels":{"a":"b"}}] x', 400, 400, "trailing"),
    (b'[{"labels":{"a":"\xff"}}]', 400, 400, "0.labels: byte 6 is no UTF-8"),
    (b'[{"labels":{"a":"\\ud800"}}]', 400, 400, "truncated"),
    (b"[null]", 400, 400, "0: Expected `object`, got `null`"),
    ([{}], 422, 602, "0.labels in body is required"),
    ([{"labels": None}], 422, 602, "0.labels in body is required"),
    ([{"labels": {"a": "b"}}, {"labels": []}], 400, 400, "1.labels: Expected `object | null`, got `array`"),
    ([{"labels": {"a": 1}}], 400, 400, "0.labels: "),
    ([{"labels": {"a": "b"}, "annotations": 1}], 400, 400, "0.annotations: "),
    ([{"labels": {"a": "b"}, "startsAt": 7}], 400, 400, "0.startsAt: Expected `str | null`, got `int`"),
    ([{"labels": {"a": "b"}, "startsAt": "yesterday"}], 400, 400, "0.startsAt: 'yesterday' is no time"),
    ([{"labels": {"a": "b"}, "endsAt": "2026-02-30T00:00:00Z"}], 400, 400, "0.endsAt: "),
    ([{"labels": {"a": "b"}, "generatorURL": "hello world"}], 422, 601, "0.generatorURL in body must be of type uri"),
    ([{"labels": {"a": "b"}, "generatorURL": "://"}], 422, 601, "0.generatorURL in body must be of type uri"),
]


@pytest.mark.parametrize(("body", "status", "code", "says"), REFUSED, ids=str)
async def test_a_body_that_is_none_is_refused_whole(
    client: Client, body: Any, status: int, code: int, says: str
) -> None:
    got, said = await client.post(body)
    assert (got, said["code"]) == (status, code)
    assert says in said["message"]
    assert await client.get() == []


INVALID = [
    ({"labels": {}}, "at least one label pair required"),
    ({"labels": {"a": ""}}, "at least one label pair required"),
    ({"labels": {"": "x"}}, 'invalid label set: invalid name ""'),
    ({"labels": {"a": "b"}, "annotations": {"": "x"}}, 'invalid annotations: invalid name ""'),
    (
        {"labels": {"a": "b"}, "startsAt": "2026-01-02T00:00:00Z", "endsAt": "2026-01-01T00:00:00Z"},
        "start time must be before end time",
    ),
]


@pytest.mark.parametrize(("alert", "says"), INVALID, ids=str)
async def test_alerts_beside_one_that_is_wrong_are_taken(client: Client, alert: dict[str, Any], says: str) -> None:
    assert await client.post([an_alert(n="1"), alert, an_alert(n="2")]) == (400, f"{says} (alert 1)")
    assert await client.names() == ["1", "2"]


async def test_many_wrong_alerts_make_a_short_answer(client: Client) -> None:
    status, said = await client.post([{"labels": {}}] * 1000)
    assert status == 400
    assert said.endswith("(alert 19); and 980 more")


async def test_more_alerts_than_are_worked_on_at_once(client: Client) -> None:
    many = [an_alert(n=f"{number:05d}") for number in range(2 * AT_ONCE + 7)]
    assert await client.post(many) == (200, None)
    assert await client.names() == [alert["labels"]["n"] for alert in many]


async def test_a_late_fault_leaves_all_untaken(client: Client) -> None:
    many = [an_alert(n=str(number)) for number in range(AT_ONCE + 1)]
    status, said = await client.post([*many, {"labels": {"a": 1}}])
    assert (status, said["code"]) == (400, 400)
    assert f"{AT_ONCE + 1}.labels" in said["message"]
    assert await client.get() == []


async def test_a_body_too_large_is_refused_before_it_is_read(client: Client) -> None:
    status, said = await client.post(io.BytesIO(b" " * (LARGEST_BODY + 1)))
    assert (status, said) == (413, {"code": 413, "message": "the body is larger than 32 MiB; send it in parts"})


async def test_a_body_that_unpacks_to_too_much_is_refused(client: Client) -> None:
    packed = zlib.compress(b" " * (LARGEST_BODY + 1))
    status, said = await client.post(packed, **{"Content-Encoding": "deflate"})
    assert (status, said["code"]) == (413, 413)


async def test_a_body_not_said_to_be_json_is_refused(client: Client) -> None:
    status, said = await client.post([an_alert(n="1")], **{"Content-Type": "text/plain"})
    assert (status, said["code"]) == (415, 415)


async def test_what_is_said_again_moves_the_end_only(client: Client) -> None:
    await client.post([an_alert(n="1")])
    client.clock.advance(timedelta(minutes=1))
    await client.post([{"labels": {"n": "1"}, "endsAt": "2026-01-05T10:01:00Z"}])
    (alert,) = await client.get()
    assert (alert["endsAt"], alert["updatedAt"]) == ("2026-01-05T10:01:00.000Z", "2026-01-05T09:01:00.000Z")


async def test_an_alert_whose_end_passes_is_shown_no_more(client: Client) -> None:
    await client.post([{"labels": {"n": "1"}}])
    client.clock.advance(timedelta(minutes=4))
    await client.post([{"labels": {"n": "1"}}])
    client.clock.advance(timedelta(minutes=4))
    assert await client.names() == ["1"]
    client.clock.advance(timedelta(minutes=2))
    assert await client.names() == []


async def test_the_filters_of_alerts_and_groups(client: Client) -> None:
    await client.post([
        an_alert(n="1", team="a", service="shop", severity="page"),
        an_alert(n="2", team="b", service="shop", severity="ticket"),
        an_alert(n="3", team="c", service="till", severity="ticket"),
    ])  # fmt: skip
    silence = {
        "matchers": [{"name": "n", "value": "3", "isRegex": False}],
        "startsAt": "2026-01-05T09:00:00Z",
        "endsAt": ENDS,
        "createdBy": "ada",
        "comment": "",
    }
    status, _ = await client.post(silence, "/silences")
    assert status == 200
    for path in ("/alerts", "/alerts/groups"):
        assert await client.names(path) == (["1", "1", "2", "3"] if "groups" in path else ["1", "2", "3"])
        assert set(await client.names(path, active="false")) == {"2", "3"}
        assert set(await client.names(path, silenced="false")) == {"1", "2"}
        assert set(await client.names(path, inhibited="no")) == {"1", "3"}
        assert set(await client.names(path, silenced="0", inhibited="")) == {"1", "2"}
        assert set(await client.names(path, filter='team=~"a|b"')) == {"1", "2"}
        assert set(await client.names(path, filter='team!="a"', receiver="def.*")) == {"3"}
        assert set(await client.names(path, receiver="team-a")) == {"1"}
    states = {alert["labels"]["n"]: alert["status"]["state"] for alert in await client.get()}
    assert states == {"1": "active", "2": "suppressed", "3": "suppressed"}


@pytest.mark.parametrize("query", ["filter=foo", "filter=", "filter=a%3D~%22(%22", "receiver=(", "filter=%7Ba"])
@pytest.mark.parametrize("path", ["/alerts", "/alerts/groups"])
async def test_a_filter_that_is_none_is_refused(client: Client, path: str, query: str) -> None:
    async with client.http.get(f"{client.door.url}/alertmanager/api/v2{path}?{query}") as answer:
        assert (answer.status, type(await answer.json())) == (400, str)


async def test_groups_are_ordered_and_name_every_receiver(client: Client) -> None:
    await client.post([an_alert(n="2", alertname="B"), an_alert(n="1", alertname="A", team="a")])
    groups = await client.get("/alerts/groups")
    assert [(group["labels"], group["receiver"]["name"]) for group in groups] == [
        ({"alertname": "A"}, "team-a"),
        ({"alertname": "A"}, "team-ab"),
        ({"alertname": "B"}, "default"),
    ]
    assert groups[0]["alerts"][0]["receivers"] == [{"name": "team-a"}, {"name": "team-ab"}]


class _Full:
    """A database without space."""

    async def put_many(self, *_: Any, **__: Any) -> None:
        raise StorageUnavailable("No space is left", "Free some")


async def test_alerts_that_cannot_be_kept_are_not_accepted(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(client.door.database.records, "put_many", _Full().put_many)
        assert await client.post([an_alert(n="1")]) == (503, "No space is left. Free some.")
    assert await client.names() == []
    assert await client.post([an_alert(n="1")]) == (200, None)
    assert await client.names() == ["1"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/alertmanager/api/v2/nothing", 404),
        ("PUT", "/alertmanager/api/v2/alerts", 405),
        ("DELETE", "/alertmanager/api/v2/silences", 405),
        ("POST", "/alertmanager/api/v2/silence/x", 405),
        ("GET", "/alertmanager/api/v1/alerts", 410),
        ("GET", "/alertmanager/-/ready", 200),
        ("HEAD", "/alertmanager/-/healthy", 200),
    ],
)
async def test_addresses(client: Client, method: str, path: str, status: int) -> None:
    async with client.http.request(method, client.door.url + path) as answer:
        assert answer.status == status
        if status in {404, 405}:
            assert (await answer.json())["code"] == status


async def test_times_at_the_end_of_the_calendar_do_no_harm() -> None:
    async with a_client() as client:
        for end in ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00"):
            status, _ = await client.post([{**an_alert(n="1"), "endsAt": end}])
            assert status in {200, 400}
        await client.door.store.save()
        await client.door.dispatcher.tick(client.door.now())
