"""`pilothouse train start`, `approve`, `reject`, `abort` and `status` against the API, as at a terminal."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta

import pytest

from bot.inputs import deployment_commands
from bot.inputs import train_commands as commands
from bot.inputs.cli import main
from bot.inputs.deployment_commands import Told
from bot.inputs.silence_commands import Server
from tests.unit.api.house import House, a_client

PARTS = ["shop=v1", "till=v1"]
LINES, WATCHED, PROGRAM = Told(), Told(watch=True), Told(as_json=True)


@pytest.fixture
async def house(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    """A house in which time passes as long as somebody asks."""
    async with a_client(House(names=("shop", "till"))) as client:
        monkeypatch.setattr(deployment_commands, "LOOK", timedelta(0))
        passing = asyncio.create_task(_pass(client.house))
        yield client.house
        passing.cancel()
        with suppress(asyncio.CancelledError):
            await passing


async def _pass(house: House) -> None:
    while True:
        await house.durable.run_for(timedelta(seconds=1))
        await asyncio.sleep(0)


async def server(house: House, name: str = "ada") -> Server:
    return Server(house.url, (await house.token(name))["Authorization"].removeprefix("Bearer "))


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


async def test_a_train_is_watched_until_it_is_out(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    assert await commands.start(await server(house), PARTS, "staging", WATCHED) == 0
    lines = said(capsys)
    assert all(line.startswith("t-") and " to staging  " in line for line in lines)
    assert lines[-1].endswith("succeeded  Everything is out.")


async def test_somebody_else_approves(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    ada, ben = await server(house), await server(house, "ben")
    assert await commands.start(ada, PARTS, "production", PROGRAM) == 0
    id = json.loads(said(capsys)[0])["id"]  # noqa: A001
    assert await commands.approve(ada, id, LINES) == 1
    assert "you asked for it" in capsys.readouterr().err
    assert await commands.approve(ben, id, WATCHED) == 0
    said(capsys)
    assert await commands.status(ada, [id], LINES) == 0
    lines = said(capsys)
    assert lines[1].split()[:6] == [id, "production", "succeeded", "1", "of", "1"]
    assert [line.split()[:5] for line in lines[4:]] == [
        ["1", "shop", "-", "v1", "done"],
        ["1", "till", "-", "v1", "done"],
    ]
    assert await commands.status(ada, [], WATCHED) == 1
    assert capsys.readouterr().err == "No train is under way.\n"


@pytest.mark.parametrize("how", ["reject", "abort"])
async def test_a_train_is_ended(how: commands.Ending, house: House, capsys: pytest.CaptureFixture[str]) -> None:
    assert await commands.start(await server(house), PARTS, "production", PROGRAM) == 0
    id = json.loads(said(capsys)[0])["id"]  # noqa: A001
    assert await commands.end(await server(house, "ben"), id, how, WATCHED) == 0
    assert "cancelled" in said(capsys)[-1]


async def test_refusals_are_told_as_they_are(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    ada = await server(house)
    assert await commands.start(ada, ["shop"], "staging", LINES) == 1
    assert capsys.readouterr().err == "'shop' is no service and version. Write it as shop=v2.\n"
    assert await commands.start(ada, ["shop=v9"], "staging", LINES) == 1
    assert "no version 'v9'" in capsys.readouterr().err
    assert await commands.end(ada, "t-none", "abort", LINES) == 1
    assert "no train" in capsys.readouterr().err
    assert await commands.status(ada, [], LINES) == 0
    assert said(capsys) == ["There is none yet."]


def test_lines_that_are_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[object] = []

    async def start(_: Server, parts: list[str], environment: str, __: Told, override: str) -> int:
        heard.append((parts, environment, override))
        return 0

    async def end(_: Server, train: str, how: str, __: Told) -> int:
        heard.append((train, how))
        return 0

    monkeypatch.setattr(commands, "start", start)
    monkeypatch.setattr(commands, "end", end)
    assert main(["train", "start", "shop=v1", "till=v2", "to", "production", "--override", "why", "--watch"]) == 0
    assert main(["train", "stop", "t-1"]) == 0
    assert main(["train", "reject", "t-1", "--json"]) == 0
    assert heard == [(["shop=v1", "till=v2"], "production", "why"), ("t-1", "abort"), ("t-1", "reject")]


@pytest.mark.parametrize("line", ["train", "train start shop=v1 production", "train approve", "train stop"])
def test_a_line_that_is_no_command(line: str) -> None:
    with pytest.raises(SystemExit):
        main(line.split())
