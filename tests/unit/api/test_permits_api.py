"""Locks, freezes and releases over the API, with the same answers as in chat."""

from datetime import timedelta

import pytest

from tests.unit.api.house import Client, House, Json, a_client

V1 = {"service": "shop", "version": "v1", "environment": "staging"}
PLACE = "/components/shop/staging"


async def deployed(client: Client, version: str) -> Json:
    status, made = await client.post("/deployments", {**V1, "version": version})
    assert status == 201, made
    await client.house.durable.run_for(timedelta(minutes=2))
    return made


async def test_a_lock_keeps_others_out_until_it_is_given_back(client: Client) -> None:
    status, held = await client.post(f"{PLACE}/lock", {"seconds": 600, "reason": "migration"}, "ben")
    assert (status, held["owner"], held["reason"], held["ended"]) == (200, "ben", "migration", None)
    _, listed = await client.get("/locks")
    assert listed["locks"] == [held]
    status, refused = await client.post("/deployments", V1)
    assert (status, refused["error"]["reason"][:33]) == (409, "shop in staging is locked by ben ")
    status, denied = await client.post(f"{PLACE}/unlock", {})
    assert (status, denied["error"]["kind"]) == (403, "Denied")
    status, ended = await client.post(f"{PLACE}/unlock", {}, "ben")
    assert (status, ended["ended"], ended["ended_by"]) == (200, "unlocked", "ben")
    assert (await client.get("/locks"))[1] == {"locks": []}


async def test_a_freeze_is_passed_with_an_override_that_another_approves(client: Client) -> None:
    status, frozen = await client.post("/freezes", {"environment": "staging", "reason": "audit"}, "ben")
    assert (status, frozen["service"], frozen["environment"], frozen["until"]) == (201, "", "staging", None)
    assert [one["reason"] for one in (await client.get("/freezes"))[1]["freezes"]] == ["audit"]
    assert (await client.post("/deployments", V1))[0] == 409
    status, made = await client.post("/deployments", {**V1, "override": "customers cannot pay"})
    assert (status, made["state"], made["plan"]["approvals_needed"]) == (201, "planned", 1)
    assert "customers cannot pay" in made["history"][1]["text"]
    status, over = await client.post("/freezes/end", {"environment": "staging"}, "ben")
    assert (status, over["ended"]) == (200, "unfrozen")
    status, none = await client.post("/freezes/end", {"environment": "staging"}, "ben")
    assert (status, none["error"]["kind"]) == (409, "NotNow")


async def test_a_bad_version_is_warned_of_until_it_is_good_again(client: Client) -> None:
    path = "/services/shop/versions/v1/mark"
    status, mark = await client.post(path, {"bad": True, "reason": "it leaks"})
    assert (status, mark) == (200, {"service": "shop", "version": "v1", "bad": True})
    _, made = await client.post("/deployments", V1)
    _, page = await client.get(f"/deployments/{made['id']}/page")
    assert "v1 of shop is known to be bad (says ada): it leaks" in str(page)
    [bad] = (await client.get("/freezes"))[1]["bad_versions"]
    assert (bad["version"], bad["by"], bad["reason"]) == ("v1", "ada", "it leaks")
    assert (await client.post(path, {"bad": False}))[0] == 200
    assert (await client.get("/freezes"))[1]["bad_versions"] == []
    assert (await client.post("/services/shopp/versions/v1/mark", {"bad": True}))[0] == 404
    assert (await client.post(path, {"bad": True}, "cleo"))[0] == 403


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/freezes", {}, "environment"),
        ("/freezes", {"environment": "prod"}, "environment"),
        ("/freezes", {"environment": "staging", "seconds": 0}, "seconds"),
        (f"{PLACE}/lock", {"seconds": 10**9}, "seconds"),
        (f"{PLACE}/rollback", {"to": "7"}, "to"),
    ],
)
async def test_a_wrong_field_is_named(client: Client, path: str, body: Json, field: str) -> None:
    await deployed(client, "v1")
    status, answer = await client.post(path, body, "ben")
    assert (status, answer["error"]["field"]) == (422, field)


async def test_what_ran_is_told_and_gone_back_to(client: Client) -> None:
    status, none = await client.get(f"{PLACE}/diff")
    assert (status, none["error"]["kind"]) == (409, "NotNow")
    for version in ("v1", "v2"):
        await deployed(client, version)
    _, history = await client.get(f"{PLACE}/history")
    assert [(one["revision"], one["version"], one["by"]) for one in history["releases"]] == [
        (2, "v2", "ada"),
        (1, "v1", "ada"),
    ]
    status, diff = await client.get(f"{PLACE}/diff?to=1")
    assert (status, diff["revision"], diff["to_revision"], diff["to_version"], diff["differences"]) == (
        200,
        2,
        1,
        "v1",
        [],
    )
    assert (await client.get(f"{PLACE}/diff"))[1]["to_revision"] is None
    assert (await client.get(f"{PLACE}/diff?to=v9"))[0] == 404
    status, back = await client.post(f"{PLACE}/rollback", {"to": "1"})
    assert (status, back["version"], back["purpose"]) == (200, "v1", "roll_back")


async def test_promoting_skips_the_steps_and_tells_who(client: Client) -> None:
    await deployed(client, "v1")
    _, made = await client.post("/deployments", {**V1, "version": "v2"})
    await client.house.durable.run_for(timedelta(seconds=4))
    path = f"/deployments/{made['id']}"
    status, late = await client.post(f"{path}/promote", {"step": 1}, "ben")
    assert (status, late["error"]["reason"]) == (409, "It has gone on since that was shown.")
    assert (await client.post(f"{path}/promote", {"step": 0}, "ben"))[0] == 200
    assert (await client.post(f"{path}/finish", {}, "ben"))[0] == 409
    await client.house.durable.run_for(timedelta(seconds=5))
    _, ended = await client.get(path)
    assert (ended["state"], ended["outcome"]) == ("succeeded", "fast_promoted")
    assert "Promoted at once by ben: what is left of the steps is skipped." in [one["text"] for one in ended["history"]]


async def test_whoever_may_only_look_changes_nothing() -> None:
    async with a_client(House()) as client:
        for path in (f"{PLACE}/lock", f"{PLACE}/unlock", "/freezes", "/freezes/end"):
            status, answer = await client.post(path, {"environment": "staging"} if "freezes" in path else {}, "cleo")
            assert (status, answer["error"]["kind"]) == (403, "Denied"), path
