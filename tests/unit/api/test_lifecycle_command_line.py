"""`pilothouse scale`, `stop`, `start`, `restart`, `retry` and `unregister` against the API, as at a terminal."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta

import pytest

from bot.inputs import deployment_commands, lifecycle_commands
from bot.inputs.cli import main
from bot.inputs.deployment_commands import Told
from bot.inputs.lifecycle_commands import Where, change, scale
from bot.inputs.silence_commands import Server
from tests.unit.api.house import Client, House, a_client

HERE = Where("shop", "staging")
LINES, WATCHED, PROGRAM, NEWS = Told(), Told(watch=True), Told(as_json=True), Told(as_json=True, watch=True)


@pytest.fixture
async def house(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    """A house in which v1 runs in staging, and which is looked after as long as somebody asks."""
    async with a_client(House()) as client:
        await client.post("/deployments", {"service": "shop", "version": "v1", "environment": "staging"})
        await client.house.durable.run_for(timedelta(minutes=1))
        monkeypatch.setattr(deployment_commands, "LOOK", timedelta(0))
        tending = asyncio.create_task(_tend(client.house))
        yield client.house
        tending.cancel()
        with suppress(asyncio.CancelledError):
            await tending


async def _tend(house: House) -> None:
    while True:
        await house.tend()
        await asyncio.sleep(0)


async def server(house: House, name: str = "ada") -> Server:
    return Server(house.url, (await house.token(name))["Authorization"].removeprefix("Bearer "))


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


async def test_a_number_is_asked_for_and_watched(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    assert await scale(await server(house), HERE, 4, WATCHED) == 0
    lines = said(capsys)
    assert lines[0].startswith("shop in staging  scaling, 2 of 4 healthy")
    assert lines[-1] == "shop in staging  running, 4 of 4 healthy"


async def test_a_program_reads_a_line_for_each_news(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    assert await scale(await server(house), HERE, 1, NEWS) == 0
    rows = [json.loads(line) for line in said(capsys)]
    assert (rows[-1]["state"], rows[-1]["healthy"]) == ("running", 1)
    assert len(rows) == len({json.dumps(row) for row in rows})


async def test_a_life_from_the_command_line(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    ada = await server(house)
    assert await change(ada, HERE, "stop", LINES) == 0
    assert said(capsys) == ["shop in staging is stopping, v1, 2 instances wanted."]
    await house.tend()
    assert await change(ada, HERE, "start", WATCHED) == 0
    assert said(capsys)[-1] == "shop in staging  running, 2 of 2 healthy"
    assert await change(ada, HERE, "restart", PROGRAM) == 0
    assert json.loads(said(capsys)[0])["state"] == "updating"
    assert await change(ada, HERE, "stop", WATCHED) == 0
    assert await change(ada, HERE, "unregister", LINES) == 0
    assert said(capsys)[-1] == "shop in staging is unregistered, v1, 2 instances wanted."


async def test_refusals_say_what_next(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    assert await change(await server(house, "cleo"), HERE, "stop", LINES) == 1
    assert capsys.readouterr().err == "Cleo may not restart services in staging. Ask Ada or Ben.\n"
    assert await change(await server(house), HERE, "retry", LINES) == 1
    assert "has not failed: it runs. Nothing to do." in capsys.readouterr().err
    assert await scale(await server(house), Where("shop", "moon"), 2, LINES) == 1
    assert "moon" in capsys.readouterr().err


@pytest.mark.parametrize(
    "line",
    [
        "scale shop staging",
        "scale shop to 4",
        "stop shop",
        "start shop at staging",
        "unregister shop in staging --watch",
    ],
)
def test_a_line_that_is_no_command(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(line.split())
    assert ended.value.code == 2
    assert "usage: pilothouse" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "asked"),
    [
        ("scale shop in staging to 4", ("scale", Where("shop", "staging"), 4)),
        ("scale shop staging 4", ("scale", Where("shop", "staging"), 4)),
        ("restart shop in staging", ("restart", Where("shop", "staging"), None)),
        ("unregister shop staging", ("unregister", Where("shop", "staging"), None)),
    ],
)
def test_lines_that_are_commands(
    line: str, asked: tuple[str, Where, int | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[tuple[str, Where, int | None]] = []

    async def scaled(_: Server, where: Where, instances: int, __: Told) -> int:
        heard.append(("scale", where, instances))
        return 0

    async def changed(_: Server, where: Where, wish: str, __: Told) -> int:
        heard.append((wish, where, None))
        return 0

    monkeypatch.setattr(lifecycle_commands, "scale", scaled)
    monkeypatch.setattr(lifecycle_commands, "change", changed)
    assert main(line.split()) == 0
    assert heard == [asked]


async def test_a_client_may_say_what_it_saw(client: Client) -> None:
    await client.post("/deployments", {"service": "shop", "version": "v1", "environment": "staging"})
    await client.house.durable.run_for(timedelta(minutes=1))
    status, answer = await client.post("/components/shop/staging/stop", {"seen": 1})
    assert (status, answer["error"]["kind"]) == (409, "NotNow")
    assert (await client.post("/components/shop/staging/stop", {}))[0] == 200
