"""`pilothouse lock`, `freeze`, `history`, `diff`, `promote` and the like against the API, as at a terminal."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from bot.inputs import permit_commands as commands
from bot.inputs.cli import main
from bot.inputs.deployment_commands import Told, deploy, go_on, roll_back
from bot.inputs.permit_commands import Terms
from bot.inputs.silence_commands import Server
from tests.unit.api.house import House, a_client

STAGING = ("shop", "staging")
V1 = {"service": "shop", "version": "v1", "environment": "staging"}
PLAIN, PROGRAM = Told(), Told(as_json=True)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with a_client(House()) as client:
        yield client.house


async def server(house: House, name: str = "ada") -> Server:
    return Server(house.url, (await house.token(name))["Authorization"].removeprefix("Bearer "))


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


async def brought_out(house: House, capsys: pytest.CaptureFixture[str], version: str, **more: str) -> Any:
    assert await deploy(await server(house), {**V1, "version": version, **more}, PROGRAM) == 0
    made = json.loads(said(capsys))
    await house.durable.run_for(timedelta(minutes=2))
    return made


async def test_a_lock(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    ada = await server(house)
    assert await commands.lock(ada, *STAGING, Terms("2h", "migration"), as_json=False) == 0
    assert said(capsys).startswith("Locked shop in staging until 2026-01-05T11:")
    assert await commands.locks(ada, as_json=False) == 0
    assert said(capsys).splitlines()[1].split()[:3] == ["shop", "staging", "ada"]
    assert await commands.unlock(await server(house, "ben"), *STAGING, "", as_json=False) == 1
    assert "Ask ada or an admin" in capsys.readouterr().err
    assert await commands.unlock(ada, *STAGING, "", as_json=True) == 0
    assert json.loads(said(capsys))["ended"] == "unlocked"
    assert await commands.locks(ada, as_json=False) == 0
    assert said(capsys) == "None.\n"


async def test_a_freeze_and_its_override(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    ada = await server(house)
    assert await commands.freeze(ada, "", "staging", Terms(reason="audit"), as_json=False) == 0
    assert said(capsys) == "Froze staging until somebody ends that.\n"
    assert await commands.freezes(ada, as_json=False) == 0
    assert said(capsys).splitlines()[1].split() == ["staging", "by", "ada", "-", "audit"]
    assert await deploy(ada, V1, PLAIN) == 1
    assert (await brought_out(house, capsys, "v1", override="it burns"))["state"] == "planned"
    assert await commands.unfreeze(ada, "", "staging", as_json=False) == 0
    assert said(capsys) == "Ended the freeze of staging.\n"


async def test_a_mark(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    ada = await server(house)
    assert await commands.mark(ada, "shop", "v1", bad=True, reason="it leaks", as_json=False) == 0
    assert said(capsys) == "v1 of shop is known to be bad now.\n"
    assert await commands.freezes(ada, as_json=False) == 0
    assert "shop v1  known to be bad  -      it leaks" in said(capsys)
    assert await commands.mark(ada, "shop", "v1", bad=False, reason="", as_json=True) == 0
    assert json.loads(said(capsys)) == {"service": "shop", "version": "v1", "bad": False}
    assert await commands.mark(ada, "shop", "v1", bad=False, reason="", as_json=False) == 1
    assert "v1 of shop is not marked as bad. Nothing to do." in capsys.readouterr().err


async def test_a_time_that_is_none(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    assert await commands.lock(await server(house), *STAGING, Terms("soon"), as_json=False) == 1
    assert "--for 'soon'" in capsys.readouterr().err


async def test_releases(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    ada = await server(house)
    assert await commands.history(ada, *STAGING, as_json=False) == 0
    assert said(capsys) == "There is none yet.\n"
    for version in ("v1", "v2"):
        await brought_out(house, capsys, version)
    assert await commands.history(ada, *STAGING, as_json=False) == 0
    assert [line.split()[:3] for line in said(capsys).splitlines()[1:]] == [["2", "v2", "ada"], ["1", "v1", "ada"]]
    assert await commands.diff(ada, *STAGING, "1", as_json=False) == 0
    assert said(capsys).splitlines() == [
        "From revision 2 (v2), which runs, to revision 1 (v1):",
        "Nothing differs in the configuration.",
    ]
    assert await roll_back(ada, *STAGING, PROGRAM, "1") == 0
    assert json.loads(said(capsys))["version"] == "v1"
    await house.durable.run_for(timedelta(minutes=2))
    assert await commands.history(ada, *STAGING, as_json=False) == 0
    assert "back to 1" in said(capsys).splitlines()[1]


async def test_going_on_by_hand(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    ada = await server(house)
    await brought_out(house, capsys, "v1")
    assert await deploy(ada, {**V1, "version": "v2"}, PROGRAM) == 0
    id = json.loads(said(capsys))["id"]  # noqa: A001
    await house.durable.run_for(timedelta(seconds=4))
    assert await go_on(ada, id, "finish", PLAIN) == 1
    assert "No former version is kept" in capsys.readouterr().err
    assert await go_on(ada, id, "promote", PLAIN) == 0
    await house.durable.run_for(timedelta(seconds=4))
    assert await go_on(ada, id, "resume", PLAIN) == 1
    assert "succeeded (fast promoted)" in capsys.readouterr().err


@pytest.mark.parametrize(
    "line",
    [
        "deploy shop v1 to staging --override because",
        "rollback shop in staging --to 3",
        "rollback shop staging",
        "history shop staging --json",
        "promote d-1",
        "finish d-1",
        "resume d-1",
        "history shop in staging",
        "diff shop in staging --to 3",
        "lock shop in staging --for 2h --reason why",
        "unlock shop in staging",
        "locks",
        "freeze --environment staging --for 2h --reason why",
        "unfreeze --environment staging",
        "freezes",
        "mark shop v2 bad --reason leaks",
    ],
)
def test_each_is_a_command(line: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.inputs.deployment_commands.LOOK", timedelta(0))
    assert main([*line.split(), "--url", "http://127.0.0.1:1"]) == 1
    assert "gave no usable answer" in capsys.readouterr().err
