"""Whatever is posted or asked: no 500, nothing that hangs, and every refusal says something."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerting.alerts.posted import read_webhook
from tests.unit.api.test_alertmanager_alerts import JSON, a_client

POSTS = ("/alertmanager/api/v2/alerts", "/alertmanager/api/v2/silences", "/webhooks/alertmanager")
GETS = ("/alertmanager/api/v2/alerts", "/alertmanager/api/v2/alerts/groups", "/alertmanager/api/v2/silences")
KNOWN = frozenset({200, 400, 404, 413, 415, 422})
WITHIN = 5.0  # seconds, for one answer

texts = st.text(max_size=8) | st.sampled_from(["", "a", "\x00", "\U0001f600", "=~", "(", "2026-01-05T09:00:00Z"])
times = st.sampled_from(
    [None, "", "now", "2026-01-05T09:30:00Z", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00",
     "9999-12-31T23:59:59.999999999-14:00", "2026-01-05", "20260105T093000Z", "2026-W02-1", "-1",
     "٢٠٢٦-01-05T09:30:00Z"]
)  # fmt: skip
labels = st.dictionaries(texts, texts | st.none(), max_size=4)
leaves = texts | times | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
anything = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3))
alerts = st.fixed_dictionaries(
    {"labels": labels},
    optional={
        "annotations": labels,
        "startsAt": times,
        "endsAt": times,
        "generatorURL": texts | st.none(),
        "status": st.sampled_from(["firing", "resolved", "odd"]),
        "more": anything,
    },
)
matchers = st.fixed_dictionaries(
    {}, optional={"name": texts, "value": texts, "isRegex": st.booleans(), "isEqual": st.booleans() | st.none()}
)
silences = st.fixed_dictionaries(
    {"matchers": st.lists(matchers, max_size=3), "createdBy": texts, "comment": texts},
    optional={"startsAt": times, "endsAt": times, "id": texts},
)
webhooks = st.fixed_dictionaries({"version": st.sampled_from(["4", "3", 4]), "alerts": st.lists(alerts, max_size=4)})
bodies = (
    st.one_of(st.lists(alerts | anything, max_size=4), silences, webhooks, anything).map(msgspec.json.encode)
    | st.binary(max_size=60)
    | st.builds(lambda whole, at: whole[: int(at * len(whole))], silences.map(msgspec.json.encode), st.floats(0, 1))
    | st.sampled_from([b"[" * 20_000, b'{"a":' * 20_000, b"[" + b"{}," * 5_000, b'[{"labels":' + b"[" * 5_000])
)
OFTEN = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))


@asynccontextmanager
async def _client() -> AsyncIterator[Any]:
    async with a_client() as client:
        yield client


async def _asked(method: str, path: str, **given: Any) -> tuple[int, str]:
    async with _client() as client, asyncio.timeout(WITHIN):
        answer = await client.http.request(method, client.door.url + path, **given)
        return answer.status, await answer.text()


def _check(status: int, said: str) -> None:
    assert status in KNOWN, said
    assert status in {200, 404} or len(said) > 5


@OFTEN
@given(path=st.sampled_from(POSTS), body=bodies)
def test_whatever_is_posted(path: str, body: bytes) -> None:
    _check(*asyncio.run(_asked("POST", path, data=body, headers=JSON)))


@OFTEN
@given(
    path=st.sampled_from(GETS),
    query=st.lists(st.tuples(st.sampled_from(["filter", "receiver", "active", "muted", "x"]), texts), max_size=4),
)
def test_whatever_is_asked(path: str, query: list[tuple[str, str]]) -> None:
    asked = [(name, text.encode("utf-8", "ignore").decode()) for name, text in query]
    _check(*asyncio.run(_asked("GET", path, params=asked)))


@OFTEN
@given(taken=st.lists(alerts, max_size=4))
def test_what_was_taken_can_be_shown_and_posted_again(taken: list[Any]) -> None:
    async def run() -> None:
        async with _client() as client:
            status, _ = await client.post(taken)
            assert status in KNOWN
            shown = await client.get()
            assert await client.post(shown) == (200, None)
            assert [one["fingerprint"] for one in await client.get()] == [one["fingerprint"] for one in shown]

    asyncio.run(run())


def test_a_webhook_of_many_alerts_is_read_once() -> None:
    many = {"version": "4", "alerts": [{"status": "firing", "labels": {"n": str(n)}} for n in range(50_000)]}
    assert len(read_webhook(msgspec.json.encode(many))) == 50_000
