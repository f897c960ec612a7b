"""Silences over Alertmanager's API: made, changed, ended and listed, each change with who made it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from tests.unit.api.test_alertmanager_alerts import Client, a_client

UNKNOWN = "d3d17181-0000-0000-0000-000000000000"


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with a_client() as made:
        yield made


def a_silence(**changes: Any) -> dict[str, Any]:
    given = {
        "matchers": [{"name": "team", "value": "a", "isRegex": False}],
        "startsAt": "2026-01-05T09:00:00Z",
        "endsAt": "2026-01-05T10:00:00Z",
        "createdBy": "ada",
        "comment": "Moving house.",
    }
    return {name: value for name, value in {**given, **changes}.items() if value is not ...}


async def made(client: Client, **changes: Any) -> str:
    status, said = await client.post(a_silence(**changes), "/silences")
    assert (status, list(said)) == (200, ["silenceID"])
    return str(said["silenceID"])


async def ended(client: Client, id_: str) -> int:
    async with client.http.delete(f"{client.door.url}/alertmanager/api/v2/silence/{id_}") as answer:
        return answer.status


async def test_a_silence_is_made_and_shown_as_alertmanager_shows_it(client: Client) -> None:
    matchers = [
        {"name": "team", "value": "a|b", "isRegex": True, "isEqual": False},
        {"name": "n", "value": "1", "isRegex": False},
    ]
    id_ = await made(client, matchers=matchers, startsAt="0001-01-01T00:00:00Z")
    assert await client.get(f"/silence/{id_}") == {
        "id": id_,
        "status": {"state": "active"},
        "updatedAt": "2026-01-05T09:00:00.000Z",
        "comment": "Moving house.",
        "createdBy": "ada",
        "endsAt": "2026-01-05T10:00:00.000Z",
        "startsAt": "2026-01-05T09:00:00.000Z",
        "matchers": [
            {"isEqual": False, "isRegex": True, "name": "team", "value": "a|b"},
            {"isEqual": True, "isRegex": False, "name": "n", "value": "1"},
        ],
    }


async def test_a_silence_changes_under_its_id_or_makes_another(client: Client) -> None:
    id_ = await made(client)
    client.clock.advance(timedelta(minutes=1))
    assert await made(client, id=id_, endsAt="2026-01-05T11:00:00Z") == id_
    other = await made(client, id=id_, matchers=[{"name": "team", "value": "b", "isRegex": False}])
    assert other != id_
    states = {one["id"]: one["status"]["state"] for one in await client.get("/silences")}
    assert states == {other: "active", id_: "expired"}


async def test_a_silence_is_ended_once_and_again(client: Client) -> None:
    id_ = await made(client)
    assert [await ended(client, id_), await ended(client, id_)] == [200, 200]
    assert (await client.get(f"/silence/{id_}"))["status"]["state"] == "expired"
    assert [await ended(client, UNKNOWN), await ended(client, "xyz")] == [404, 422]


async def test_silences_are_listed_by_state_and_by_their_matchers(client: Client) -> None:
    later = await made(client, startsAt="2026-01-05T09:30:00Z")
    long = await made(client, endsAt="2026-01-05T12:00:00Z")
    over = await made(client, matchers=[{"name": "n", "value": "1", "isRegex": False}])
    soon = await made(client)
    await ended(client, over)
    assert [one["id"] for one in await client.get("/silences")] == [soon, long, later, over]
    assert [one["id"] for one in await client.get("/silences", filter='n="1"')] == [over]
    assert await client.get("/silences", filter='n=~"1"') == []


REFUSED = [
    (b"", 422, "silence in body is required"),
    (b"null", 422, "comment in body is required"),
    (b"{", 400, "truncated"),
    ({"matchers": "x"}, 400, "matchers: Expected `array | null`, got `str`"),
    (a_silence(comment=...), 422, "comment in body is required"),
    (a_silence(createdBy=None), 422, "createdBy in body is required"),
    (a_silence(matchers=...), 422, "matchers in body is required"),
    (a_silence(matchers=[]), 422, "matchers in body should have at least 1 items"),
    (a_silence(matchers=[{"name": "a"}]), 422, "matchers.0.isRegex in body is required"),
    (a_silence(matchers=[{"isRegex": False, "name": "a"}]), 422, "matchers.0.value in body is required"),
    (a_silence(matchers=[{"isRegex": "no", "name": "a"}]), 400, "matchers.0.isRegex: Expected `bool | null`"),
    (a_silence(startsAt="soon"), 400, "silence.startsAt: 'soon' is no time"),
    (
        a_silence(matchers=[{"isRegex": True, "name": "a", "value": "("}]),
        400,
        "invalid silence: invalid label matcher 0: invalid regular expression",
    ),
    (
        a_silence(matchers=[{"isRegex": False, "name": "", "value": "x"}]),
        400,
        'invalid silence: invalid label matcher 0: invalid label name ""',
    ),
    (
        a_silence(matchers=[{"isRegex": True, "name": "a", "value": ".*"}]),
        400,
        "invalid silence: at least one matcher must not match the empty string",
    ),
    (
        a_silence(endsAt="2026-01-05T09:00:00Z"),
        400,
        "Failed to create silence: start time must be before end time",
    ),
    (
        a_silence(startsAt="2026-01-04T09:00:00Z", endsAt="2026-01-05T08:00:00Z"),
        400,
        "Failed to create silence: end time can't be in the past",
    ),
    (a_silence(id=UNKNOWN), 404, "silence not found"),
    (a_silence(id="xyz"), 404, "silence not found"),
    (a_silence(comment="x" * 100_000), 400, "invalid silence: comment: at most 65536 characters are taken"),
]


@pytest.mark.parametrize(("body", "status", "says"), REFUSED, ids=lambda one: str(one)[:60])
async def test_a_silence_that_is_none_is_refused(client: Client, body: Any, status: int, says: str) -> None:
    got, said = await client.post(body, "/silences")
    assert got == status
    assert says in (said if isinstance(said, str) else said["message"])
    assert await client.get("/silences") == []


async def test_a_filter_that_is_none_is_refused(client: Client) -> None:
    async with client.http.get(f"{client.door.url}/alertmanager/api/v2/silences?filter=x") as answer:
        assert (answer.status, type(await answer.json())) == (400, str)


async def test_every_change_is_in_the_audit_trail(client: Client) -> None:
    headers = await client.door.token("ada")
    id_ = await made(client)
    await client.post(a_silence(createdBy="bert"), "/silences", **headers)
    await ended(client, id_)
    entries = [(one.action, one.person, one.name, one.verdict) for one in await client.door.audit.recent()]
    assert entries == [
        ("ExpireSilence", "", "a program on this machine", "allowed"),
        ("SetSilence", "ada", "ada", "allowed"),
        ("SetSilence", "", "ada", "allowed"),
    ]
    (entry, *_) = await client.door.audit.recent()
    assert (entry.subject, entry.source) == (id_, "alertmanager")


async def test_a_token_silences_only_where_its_person_may(client: Client) -> None:
    stan = await client.door.token("stan")
    of_staging = a_silence(matchers=[{"name": "environment", "value": "staging", "isRegex": False, "isEqual": True}])
    assert (await client.post(a_silence(), "/silences", **stan))[0] == 403
    status, made_ = await client.post(of_staging, "/silences", **stan)
    assert status == 200
    others = await made(client)
    for silence, wanted in ((others, 403), (made_["silenceID"], 200)):
        url = f"{client.door.url}/alertmanager/api/v2/silence/{silence}"
        async with client.http.delete(url, headers=stan) as answer:
            assert answer.status == wanted
