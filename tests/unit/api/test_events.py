"""The log as server-sent events: order, resume, heartbeat, end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from aiohttp import ClientResponse, web

from bot.inputs.api.events import EventStream
from bot.inputs.api.schemas import Happening
from tests.unit.api.house import Client, House, Json, a_client

V1 = {"service": "shop", "version": "v1", "environment": "staging"}


async def frames(response: ClientResponse) -> AsyncIterator[Json]:
    """Each event with its fields; `data` as JSON."""
    fields: Json = {}
    async for raw in response.content:
        name, _, value = raw.decode().rstrip("\n").partition(": ")
        if name:
            fields[name] = json.loads(value) if name == "data" else value
        elif "data" in fields:
            yield fields
            fields = {}


async def test_what_happens_is_told_in_order_and_resumed_after_the_last_seen(client: Client) -> None:
    async with asyncio.timeout(5), client.http.get(f"{client.house.url}/api/v1/events?after=0") as response:
        assert response.content_type == "text/event-stream"
        told = frames(response)
        _, made = await client.post("/deployments", V1)
        seen = [await anext(told)]
        while seen[-1]["data"]["type"] != "DeploymentPlanned":
            seen.append(await anext(told))
    assert [int(one["id"]) for one in seen] == sorted(one["data"]["position"] for one in seen)
    planned = Happening.model_validate(seen[-1]["data"])
    assert planned.stream == f"deployment/{made['id']}"
    assert planned.summary == "ada asked to deploy v1 of shop in staging."
    before = {"Last-Event-ID": str(planned.position - 1)}
    async with asyncio.timeout(5), client.http.get(f"{client.house.url}/api/v1/events", headers=before) as response:
        assert (await anext(frames(response)))["id"] == str(planned.position)


async def test_the_audit_trail_is_not_told(client: Client) -> None:
    await client.post("/deployments", V1)
    await client.post("/deployments", V1, "cleo")
    async with asyncio.timeout(5), client.http.get(f"{client.house.url}/api/v1/events?after=0") as response:
        await client.house.fire()
        told = frames(response)
        types: list[str] = []
        while not types or types[-1] != "IncidentOpened":
            types.append((await anext(told))["data"]["type"])
    assert not {"AccessAllowed", "AccessDenied"} & set(types)


async def test_a_quiet_time_has_a_heartbeat(client: Client) -> None:
    stream = EventStream(client.house.api, heartbeat=timedelta(milliseconds=5))
    async with serving(stream) as url, asyncio.timeout(5), client.http.get(url) as response:
        assert (await anext(frames(response)))["event"] == "heartbeat"


async def test_the_house_closes_without_waiting_for_readers() -> None:
    async with a_client(House()) as client:
        response = await client.http.get(f"{client.house.url}/api/v1/events")
        started = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - started < 0.9  # the runner would wait a whole second
    response.close()


async def test_strangers_hear_nothing() -> None:
    async with a_client(House(listens_on="0.0.0.0")) as client:
        status, answer = await client.get("/events")
        assert (status, answer["error"]["kind"]) == (401, "Unauthenticated")


class serving:  # noqa: N801  # a context manager
    """One event stream on a server of its own; gives its address."""

    def __init__(self, stream: EventStream) -> None:
        self.stream = stream

    async def __aenter__(self) -> str:
        app = web.Application()
        app.router.add_get("/", self.stream.answer)
        app.on_shutdown.append(self.stream.close)
        self.runner = web.AppRunner(app)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{self.runner.addresses[0][1]}/"

    async def __aexit__(self, *_: object) -> None:
        await self.runner.cleanup()


@pytest.mark.parametrize("readers", [0])
async def test_too_many_readers_are_told_to_come_back(
    client: Client, readers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.inputs.api.events.MOST_READERS", readers)
    status, answer = await client.get("/events")
    assert (status, answer["error"]["kind"]) == (503, "TemporaryFailure")
