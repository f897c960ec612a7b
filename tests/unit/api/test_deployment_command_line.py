"""`pilothouse deploy`, `rollback`, `approve`, `abort` and `status` against the API, as at a terminal."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta

import pytest

from bot.inputs import deployment_commands as commands
from bot.inputs.cli import main
from bot.inputs.deployment_commands import Told
from bot.inputs.silence_commands import Server
from engine.strategy_specs import Pin
from tests.unit.api.house import Client, House, a_client

LINES, WATCHED, JSON_LINES = Told(), Told(watch=True), Told(as_json=True, watch=True)
TO_STAGING = {"service": "shop", "version": "v1", "environment": "staging"}
TO_PRODUCTION = {"service": "shop", "version": "v1", "environment": "production"}


@pytest.fixture
async def house(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    """A house in which time passes as long as somebody asks."""
    async with a_client(House()) as client:
        monkeypatch.setattr(commands, "LOOK", timedelta(0))
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


async def test_a_deployment_is_watched_until_it_succeeded(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    assert await commands.deploy(await server(house), TO_STAGING, WATCHED) == 0
    lines = said(capsys)
    assert all(line.startswith("shop v1 in staging  ") for line in lines)
    assert lines[-1] == "shop v1 in staging  succeeded."


async def test_a_program_reads_a_line_for_each_news(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    assert await commands.deploy(await server(house), TO_STAGING, JSON_LINES) == 0
    rows = [json.loads(line) for line in said(capsys)]
    assert rows[-1]["state"] == "succeeded"
    assert [one for row in rows for one in row["news"]]
    assert len({row["id"] for row in rows}) == 1


async def test_somebody_else_approves_and_it_goes_on(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    assert await commands.deploy(await server(house), TO_PRODUCTION, Told(as_json=True)) == 0
    id = json.loads(said(capsys)[0])["id"]  # noqa: A001
    assert await commands.approve(await server(house), id, LINES) == 1
    assert "Ask Ben" in capsys.readouterr().err
    assert await commands.approve(await server(house, "ben"), id, WATCHED) == 0
    assert await commands.status(await server(house), [id], LINES) == 0
    assert "succeeded" in said(capsys)[-1]


async def test_going_back(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    ada = await server(house)
    for version in ("v1", "v2"):
        assert await commands.deploy(ada, {**TO_STAGING, "version": version}, WATCHED) == 0
    assert await commands.roll_back(ada, "shop", "staging", WATCHED) == 0
    assert said(capsys)[-1] == "shop v1 in staging  succeeded."
    assert await commands.status(ada, [], LINES) == 0
    assert ["shop", "staging", "v1", "running", "2/2"] in [line.split() for line in said(capsys)]


async def test_what_is_aborted_has_not_succeeded(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    ada = await server(house)
    assert await commands.deploy(ada, TO_PRODUCTION, Told(as_json=True)) == 0
    id = json.loads(said(capsys)[0])["id"]  # noqa: A001
    watching = asyncio.create_task(commands.status(ada, [], WATCHED))
    await asyncio.sleep(0)
    assert await commands.abort(ada, id, WATCHED) == 0
    assert await commands.status(ada, [id], WATCHED) == 1
    assert await watching in {0, 1}
    assert "shop v1 in production  cancelled" in capsys.readouterr().out


async def test_nothing_in_flight_is_nothing_to_watch(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    assert await commands.status(await server(house), [], WATCHED) == 1
    assert capsys.readouterr().err == "Nothing is being deployed.\n"


async def test_where_to_look_is_said_as_long_as_it_helps(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    house.pin(Pin("header", "X-Canary", "yes"))
    ada = await server(house)
    assert await commands.deploy(ada, TO_PRODUCTION, Told(as_json=True)) == 0
    first = json.loads(said(capsys)[0])
    assert first["preview"] == ""
    assert await commands.approve(await server(house, "ben"), first["id"], WATCHED) == 0
    capsys.readouterr()
    assert await commands.deploy(ada, {**TO_PRODUCTION, "version": "v2"}, LINES) == 0
    row, line = said(capsys)[1:]
    assert line == "shop v2 in production  Preview: header X-Canary: yes, once it is up"
    id = row.split()[0]  # noqa: A001
    assert await commands.approve(await server(house, "ben"), id, WATCHED) == 0
    capsys.readouterr()
    assert await commands.status(ada, [id], LINES) == 0
    assert "Preview" not in capsys.readouterr().out


async def test_a_service_is_looked_at_by_its_name(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    ada = await server(house)
    assert await commands.status(ada, ["shop"], LINES) == 0
    lines = [line.split() for line in said(capsys)]
    assert ["shop", "staging", "-", "registered", "0/2"] in lines
    assert await commands.deploy(ada, TO_PRODUCTION, Told(as_json=True)) == 0
    id = json.loads(said(capsys)[0])["id"]  # noqa: A001
    assert await commands.status(ada, ["shop", id], LINES) == 0
    assert sum(line.startswith(id) for line in said(capsys)) == 2
    assert await commands.abort(ada, id, WATCHED) == 0
    assert await commands.status(ada, ["shop"], WATCHED) == 1
    assert capsys.readouterr().err == "Nothing of shop is being deployed.\n"


@pytest.mark.parametrize("told", [LINES, WATCHED])
async def test_a_service_that_is_none_is_told_with_those_there_are(
    house: House, capsys: pytest.CaptureFixture[str], told: Told
) -> None:
    assert await commands.status(await server(house), ["shpo"], told) == 1
    assert capsys.readouterr().err == "There is no service or deployment 'shpo'. Services: shop.\n"


async def test_refusals_are_told_as_they_are(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    assert await commands.deploy(Server(house.url), TO_STAGING, LINES) == 1
    assert "set PILOTHOUSE_TOKEN" in capsys.readouterr().err
    assert await commands.deploy(await server(house), {**TO_STAGING, "version": "v77"}, LINES) == 1
    assert "no version 'v77'" in capsys.readouterr().err
    assert await commands.deploy(await server(house, "cleo"), TO_STAGING, LINES) == 1
    assert "may not deploy" in capsys.readouterr().err
    assert await commands.status(await server(house), ["d-nothing"], LINES) == 1
    assert "no deployment" in capsys.readouterr().err


async def test_a_server_that_is_away_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "LOOK", timedelta(0))
    assert await commands.deploy(Server("http://127.0.0.1:1"), TO_STAGING, LINES) == 1
    assert "gave no usable answer" in capsys.readouterr().err


async def test_a_server_that_is_started_anew_is_waited_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "LOOK", timedelta(milliseconds=5))
    monkeypatch.setattr(commands, "PATIENCE", 2000)
    house = House()
    async with a_client(house):
        ada = await server(house)
        assert await commands.deploy(ada, TO_STAGING, Told(as_json=True)) == 0
        id = json.loads(said(capsys)[0])["id"]  # noqa: A001
    watching = asyncio.create_task(commands.status(ada, [id], WATCHED))
    await asyncio.sleep(0.02)
    async with a_client(house):
        await house.durable.run_for(timedelta(minutes=1))
        assert await watching == 0


@pytest.mark.parametrize("line", ["deploy shop v1 staging", "rollback shop", "approve", "deploy shop v1 at staging"])
def test_a_line_that_is_no_command(line: str) -> None:
    with pytest.raises(SystemExit):
        main(line.split())


async def test_a_client_is_asked_for_a_place(client: Client) -> None:
    status, answer = await client.post("/components/shop/staging/rollback")
    assert (status, answer["error"]["kind"]) == (409, "NotNow")
