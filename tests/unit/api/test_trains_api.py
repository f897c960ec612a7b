"""Release trains over HTTP: asked for once, approved by somebody else, and refused whole."""

from datetime import timedelta
from typing import Any

import pytest

from tests.unit.api.house import House, a_client

WISH = {
    "services": [{"service": "shop", "version": "v1"}, {"service": "till", "version": "v1"}],
    "environment": "production",
}


@pytest.fixture
def house() -> House:
    return House(names=("shop", "till"))


async def test_a_train_is_asked_for_approved_and_ends(house: House) -> None:
    async with a_client(house) as client:
        status, made = await client.post("/trains", WISH, **{"Idempotency-Key": "one"})
        assert (status, made["state"], made["approvals_needed"]) == (201, "planned", 1)
        assert [(one["service"], one["wave"], one["state"]) for one in made["services"]] == [
            ("shop", 1, "waiting"),
            ("till", 1, "waiting"),
        ]
        again = await client.post("/trains", WISH, **{"Idempotency-Key": "one"})
        assert again[1]["id"] == made["id"]
        other: dict[str, Any] = {**WISH, "services": WISH["services"][:1]}
        assert (await client.post("/trains", other, **{"Idempotency-Key": "one"}))[0] == 422
        one = f"/trains/{made['id']}"
        status, own = await client.post(f"{one}/approve")
        assert (status, own["error"]["kind"]) == (403, "Denied")
        assert (await client.post(f"{one}/approve", {"digest": "another"}, person="ben"))[0] == 409
        status, agreed = await client.post(f"{one}/approve", {"digest": made["digest"]}, person="ben")
        assert (status, agreed["approved_by"]) == (200, ["ben"])
        await house.durable.run_for(timedelta(minutes=5))
        status, ended = await client.get(one)
        assert (status, ended["state"]) == (200, "succeeded")
        assert all(part["deployment"].startswith("d-") for part in ended["services"])
        assert ended["history"][-1]["text"] == "Everything is out."
        listed = (await client.get("/trains"))[1]["trains"]
        assert [one["id"] for one in listed] == [made["id"]]


@pytest.mark.parametrize(("decision", "told"), [("reject", "Rejected by ben."), ("abort", "Aborted by ben")])
async def test_a_train_is_ended_before_it_begins(house: House, decision: str, told: str) -> None:
    async with a_client(house) as client:
        made = (await client.post("/trains", WISH))[1]
        status, ended = await client.post(f"/trains/{made['id']}/{decision}", person="ben")
        assert (status, ended["state"]) == (200, "cancelled")
        assert told in ended["reason"]


async def test_what_cannot_be_is_refused_whole(house: House) -> None:
    async with a_client(house) as client:
        wrong: dict[str, Any] = {**WISH, "services": [*WISH["services"], {"service": "tull", "version": "v1"}]}
        status, answer = await client.post("/trains", wrong)
        assert (status, answer["error"]["kind"]) == (422, "NotFound")
        assert "no service 'tull'" in answer["error"]["reason"]
        assert (await client.post("/trains", {"services": [], "environment": "production"}))[0] == 422
        assert (await client.post("/trains", WISH, person="cleo"))[0] == 403
        assert (await client.get("/trains/t-nothing"))[0] == 404
        assert (await client.get("/trains"))[1] == {"trains": []}
