"""The same requests to a real Alertmanager and to us: the same statuses, the same refusals, the same alerts shown.

Meant differences, not compared here: where Alertmanager takes what is no JSON to the last byte (bytes that are no
UTF-8, something after the end), or a key in another case, we refuse; it drops the connection for a null among alerts.
"""

import json
import random
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from alerting.routing.load import parse_routing
from tests.fakes.alert_door import Door
from tests.fakes.alertmanager import Alertmanager, missing_alertmanager, version

pytestmark = [
    pytest.mark.skipif(
        missing_alertmanager() is not None or version() < (0, 28), reason="no Alertmanager of 0.28 or later"
    ),
    pytest.mark.timeout(60),
]
CONFIG = """
global: {resolve_timeout: 30m}
route:
  receiver: default
  group_by: [alertname]
  group_wait: 1h
  routes:
  - {receiver: a, matchers: [team="a"], continue: true, group_by: [team]}
  - {receiver: ab, matchers: ['team=~"a|b"'], group_by: ["..."]}
  - {receiver: muted, matchers: [team="c"], mute_time_intervals: [always], group_wait: 0s}
receivers: [{name: default}, {name: a}, {name: ab}, {name: muted}]
inhibit_rules:
- {source_matchers: [severity="page"], target_matchers: [severity="ticket"], equal: [service]}
time_intervals: [{name: always, time_intervals: [{}]}]
"""
ENDS = "2099-01-01T00:00:00Z"
UNKNOWN = "d3d17181-0000-0000-0000-000000000000"
PLACE = re.compile(r" \(alert \d+\)")
MOVES = frozenset({"updatedAt", "startsAt", "endsAt", "silencedBy", "inhibitedBy", "uptime", "id"})

Answer = tuple[int, Any]


@dataclass
class Both:
    """Two servers and somebody who asks both."""

    http: aiohttp.ClientSession
    urls: tuple[str, str]

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[Answer, Answer]:
        """What Alertmanager answers, and what we do. Bytes are sent as they are."""
        theirs, ours = [await self._ask(url, method, path, body, headers) for url in self.urls]
        return theirs, ours

    async def same(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Ask both, who have to answer the same but for times and ids."""
        theirs, ours = await self.ask(method, path, body, **headers)
        assert plain(ours) == plain(theirs), (method, path, body)
        return ours

    async def _ask(self, url: str, method: str, path: str, body: Any, headers: dict[str, str]) -> Answer:
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", **headers}
        async with self.http.request(method, f"{url}/api/v2{path}", data=data, headers=sent) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text else None


@pytest.fixture
async def both() -> AsyncIterator[Both]:
    door = Door(parse_routing("alertmanager.yml", CONFIG))
    async with Alertmanager(CONFIG) as theirs, door.serving() as ours, aiohttp.ClientSession() as http:
        yield Both(http, (theirs.url, f"{ours}/alertmanager"))


def plain(value: Any, name: str = "") -> Any:
    """The value without what differs between any two servers."""
    match value:
        case dict():
            return {key: plain(one, key) for key, one in value.items()}
        case list() if name in MOVES:
            return len(value)
        case list() if name == "receivers":
            return sorted(plain(one)["name"] for one in value)
        case list() | tuple():
            return [plain(one) for one in value]
        case str():
            return "moves" if name in MOVES else PLACE.sub("", value)
    return value


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


ALERTS: Sequence[Any] = (
    b"", b"null", [], [{}], [{"labels": None}], [{"labels": {}}], [{"labels": {"a": ""}}], [{"labels": {"": "x"}}],
    [{"labels": {"a b": "ä", "": ""}, "annotations": {"x y": ""}}],
    [{"labels": {"a": "1"}, "annotations": {"": "x"}}],
    [{"labels": {"a": "2"}, "startsAt": "0001-01-01T00:00:00Z", "endsAt": ENDS}],
    [{"labels": {"a": "3"}, "startsAt": "2026-01-02T00:00:00Z", "endsAt": "2026-01-01T00:00:00Z"}],
    [{"labels": {"a": "4"}, "generatorURL": "hello world"}],
    [{"labels": {"a": "5"}, "generatorURL": "://"}],
    [{"labels": {"a": "6"}, "generatorURL": "/graph?x=%41"}],
    [{"labels": {"a": "7"}, "generatorURL": "http://x y/"}],
    [{"labels": {"a": "8"}, "generatorURL": "http://x/%zz"}],
    [{"labels": {"a": "9"}, "generatorURL": "mailto:ada"}],
    [{"labels": {"a": "10"}, "generatorURL": ""}],
    [{"labels": {"a": "11"}, "unknown": [1]}],
    [{"labels": {"a": "12"}, "startsAt": "2026-01-02"}],
    [{"labels": {"a": "13"}, "startsAt": "2026-01-02T10:00:00.123456789+02:00", "endsAt": ENDS}],
    [{"labels": {"a": "14"}, "startsAt": None, "annotations": None, "generatorURL": None}],
    [{"labels": {"a": None, "b": "c"}}],
    [{"labels": {}}, {"labels": {"a": "15"}}, {"labels": {"": "x"}}],
    [{"labels": {"a": "16", "alertname": "x" * 5_000}}],
)  # fmt: skip
UNREADABLE: Sequence[Any] = (
    b"[{", b"{}", b"7", [{"labels": {"a": 1}}], [{"labels": []}], [{"labels": {"a": "1"}, "startsAt": "yesterday"}],
    [{"labels": {"a": "1"}, "endsAt": 7}], [{"labels": {"a": "1"}, "annotations": "x"}],
)  # fmt: skip


async def test_alerts_are_taken_and_refused_alike(both: Both) -> None:
    for body in ALERTS:
        await both.same("POST", "/alerts", body)
    for body in UNREADABLE:
        theirs, ours = await both.ask("POST", "/alerts", body)
        assert (ours[0], ours[1]["code"]) == (theirs[0], theirs[1]["code"]) == (400, 400), body
    _, shown = await both.same("GET", "/alerts")
    assert len(shown) > 10


def silence(**changes: Any) -> dict[str, Any]:
    given = {
        "matchers": [{"name": "team", "value": "a", "isRegex": False}],
        "startsAt": "2026-01-01T00:00:00Z", "endsAt": ENDS, "createdBy": "ada", "comment": "c",
    }  # fmt: skip
    return {name: value for name, value in {**given, **changes}.items() if value is not ...}


SILENCES: Sequence[Any] = (
    b"", b"{}", b"null", silence(matchers=[]), silence(matchers=[{"name": "a"}]), silence(comment=...),
    silence(createdBy=...), silence(endsAt=...), silence(matchers=...), silence(startsAt=...),
    silence(matchers=[{"name": "a", "value": ".*", "isRegex": True}]),
    silence(matchers=[{"name": "a", "value": "", "isRegex": False}]),
    silence(matchers=[{"name": "a", "value": "", "isRegex": False, "isEqual": False}]),
    silence(matchers=[{"name": "", "value": "b", "isRegex": False}]),
    silence(endsAt="2025-01-01T00:00:00Z"), silence(startsAt="2024-01-01T00:00:00Z", endsAt="2025-01-01T00:00:00Z"),
    silence(id=UNKNOWN), silence(id="xyz"), silence(createdBy="", comment=""), silence(startsAt=ENDS),
    silence(startsAt="0001-01-01T00:00:00Z"), silence(startsAt="2098-01-01T00:00:00+02:00"),
)  # fmt: skip


async def test_silences_are_taken_and_refused_alike(both: Both) -> None:
    for body in SILENCES:
        theirs, ours = await both.ask("POST", "/silences", body)
        assert ours[0] == theirs[0], body
        if ours[0] != 200:
            assert ours == theirs, body
    theirs, ours = await both.ask("POST", "/silences", silence(matchers=[{"name": "a", "value": "(", "isRegex": True}]))
    assert ours[0] == theirs[0] == 400
    theirs, ours = await both.ask("GET", "/silences")
    # Of silences that end together, Alertmanager shows any first.
    assert sorted(plain(ours[1]), key=_text) == sorted(plain(theirs[1]), key=_text)
    assert len(ours[1]) > 3
    for method in ("GET", "DELETE"):
        for id_ in (UNKNOWN, "xyz"):
            await both.same(method, f"/silence/{id_}")


async def test_odd_requests_are_answered_alike(both: Both) -> None:
    await both.same("GET", "/nothing")
    for method, path in (("PUT", "/alerts"), ("DELETE", "/silences"), ("POST", "/status")):
        theirs, ours = await both.ask(method, path)
        # It names the methods there are in any order.
        assert (ours[0], ours[1]["code"]) == (theirs[0], theirs[1]["code"]) == (405, 405)
    await both.same("POST", "/alerts", b"[]", **{"Content-Type": "text/plain"})
    for query in ("filter=foo", "filter=%7Ba", "filter=", "filter=a%3D~%22(%22", "receiver=("):
        for path in ("/alerts", "/alerts/groups"):
            theirs, ours = await both.ask("GET", f"{path}?{query}")
            assert (ours[0], type(ours[1])) == (theirs[0], type(theirs[1])) == (400, str)
    await both.same("GET", "/receivers")
    theirs, ours = await both.ask("GET", "/status")
    assert _shape(ours[1]) == _shape(theirs[1])


def _shape(value: Any) -> Any:
    return {key: _shape(one) for key, one in value.items()} if isinstance(value, dict) else type(value).__name__


async def test_random_alerts_under_random_silences_are_shown_alike(both: Both) -> None:
    chance = random.Random(5)
    for _ in range(60):
        await both.same("POST", "/alerts", [_alert(chance) for _ in range(chance.randint(1, 4))])
    for _ in range(6):
        matchers = [_matcher(chance) for _ in range(chance.randint(1, 2))]
        theirs, ours = await both.ask("POST", "/silences", silence(matchers=matchers))
        assert ours[0] == theirs[0]
    sizes = set()
    for _ in range(60):
        query = "&".join(_query(chance))
        _, alerts = await both.same("GET", f"/alerts?{query}")
        theirs, ours = await both.ask("GET", f"/alerts/groups?{query}")
        assert _groups(ours[1]) == _groups(theirs[1]), query
        sizes.add(len(alerts))
    assert len(sizes) > 5


def _groups(groups: Any) -> Any:
    return [plain(group) for group in groups]


def _alert(chance: random.Random) -> dict[str, Any]:
    labels = {"alertname": chance.choice("DSU")}
    for name, values in (("team", "abcd"), ("service", "xy"), ("instance", "1234"), ("job", "j")):
        if chance.random() < 0.7:
            labels[name] = chance.choice(values)
    if chance.random() < 0.6:
        labels["severity"] = chance.choice(["page", "ticket"])
    return {"labels": labels, "annotations": {"note": chance.choice("pq")}, "endsAt": ENDS}


def _matcher(chance: random.Random) -> dict[str, Any]:
    regex = chance.random() < 0.5
    value = chance.choice(["a|b", "[cd]", ".+"]) if regex else chance.choice("abcd")
    return {
        "name": chance.choice(["team", "instance"]),
        "value": value,
        "isRegex": regex,
        "isEqual": chance.random() < 0.8,
    }


def _query(chance: random.Random) -> list[str]:
    names = [name for name in ("active", "silenced", "inhibited", "muted") if chance.random() < 0.4]
    words = [f"{name}={chance.choice(['true', 'false', 'no', ''])}" for name in names]
    if chance.random() < 0.5:
        words.append(f"receiver={chance.choice(['a', 'a.*', 'default', '.*b', 'muted'])}")
    for _ in range(chance.randint(0, 2)):
        op = chance.choice(["%3D", "!%3D", "%3D~", "!~"])
        words.append(
            f"filter={chance.choice(['team', 'severity', 'none'])}{op}%22{chance.choice(['a', 'page', ''])}%22"
        )
    return words
