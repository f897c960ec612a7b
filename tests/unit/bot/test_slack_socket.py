"""Slack as a door over Socket Mode, in the embedded workspace."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.chat.slack import SlackPlatform
from bot.inputs.slack.socket import Socket
from bot.readings.now import Overview
from bot.workspace import Person, Workspace, load_manifest, random_config
from engine.commands import Deploy
from tests.fakes.front import Front, build_front, directory

PEOPLE = (
    Person("U0ADA", "ada", "Ada"),
    Person("U0GRACE", "grace", "Grace"),
    Person("U0GUEST", "gus", "Gus", guest=True),
    Person("U0EVE", "eve", "Eve"),
)


def now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class Trial:
    workspace: Workspace
    front: Front
    socket: Socket


@pytest.fixture
async def trial() -> AsyncIterator[Trial]:
    config = random_config(manifest=load_manifest(Path("manifest.yml")), people=PEOPLE, rates=None)
    keys = config.credentials
    async with Workspace(config) as workspace, aiohttp.ClientSession() as session:
        client = AsyncWebClient(keys.bot_token, base_url=workspace.api_url, session=session, retry_handlers=[])
        front = build_front(SlackPlatform(client), client, session, directory(config.team_id), now)
        front.door.data = {**front.door.data, "overview": Overview(now(), (), (), (), (), (), ())}
        socket = Socket(front.app, keys.app_token)
        running = asyncio.create_task(socket.run())
        await workspace.app_connected()
        yield Trial(workspace, front, socket)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await socket.close()
        await front.outbox.close()


async def private(trial: Trial, user: str, line: str) -> str:
    """What a person is told for their eyes only after typing a line in #deploys, again where Slack says it was lost."""
    person = await trial.workspace.client(user)
    mark = person.mark()
    async with asyncio.timeout(20):
        while not (await person.say("deploys", line))["delivery"]["ok"]:
            await trial.workspace.app_connected()
    seen = await person.wait_for(lambda one: one.name == "ephemeral", since=mark)
    return str(seen.data["message"]["text"])


async def test_a_command_is_answered_for_one_person(trial: Trial) -> None:
    assert "/ops deploy SERVICE VERSION to ENVIRONMENT" in await private(trial, "ada", "/ops help")
    assert "0 services" in await private(trial, "grace", "/ops status")


async def test_strangers_and_guests_are_told_why_not(trial: Trial) -> None:
    assert "I do not know you" in await private(trial, "eve", "/ops help")
    told = await private(trial, "gus", "/ops deploy shop v2 to staging")
    assert "Guests of the workspace may not use Pilothouse" in told
    assert trial.front.door.commands.count(Deploy("shop", "v2", "staging")) == 0


async def test_each_envelope_twice_does_each_thing_once(trial: Trial) -> None:
    trial.workspace.faults.each_envelope_twice = True
    await private(trial, "ada", "/ops deploy shop v2 to staging")
    assert trial.front.door.commands == [Deploy("shop", "v2", "staging")]


async def test_a_mention_in_a_thread_is_answered_in_that_thread(trial: Trial) -> None:
    ada = await trial.workspace.client("ada")
    await ada.say("deploys", "What runs?")
    parent = await ada.wait_message("deploys", lambda message: message["text"] == "What runs?")
    mark = ada.mark()
    await ada.say("deploys", f"<@{trial.workspace.config.credentials.bot_user}> status", thread_ts=parent["ts"])
    seen = await ada.wait_for(lambda one: one.name == "ephemeral", since=mark)
    assert seen.data["message"]["thread_ts"] == parent["ts"]
    assert "0 services" in seen.data["message"]["text"]


async def test_the_form_opens_and_keeps_its_errors(trial: Trial) -> None:
    ada = await trial.workspace.client("ada")
    mark = ada.mark()
    await ada.command("deploys", "/deploy")
    view = await ada.wait_view(since=mark)
    answer = await ada.submit(view, {"service": "shop", "version": "two words", "environment": "staging"})
    assert "one word" in answer["errors"]["version"]
    await ada.submit(view, {"service": "shop", "version": "v2", "environment": "staging"})
    told = await ada.wait_for(lambda one: one.name == "message" and "v2" in one.data["message"]["text"], since=mark)
    assert told.data["channel"].startswith("D")
    assert trial.front.door.commands == [Deploy("shop", "v2", "staging")]


async def test_a_hanging_door_and_a_raising_one_are_acked_in_time(trial: Trial) -> None:
    trial.front.door.open.clear()
    ada = await trial.workspace.client("ada")
    answer = await ada.command("deploys", "/ops deploy shop v2 to staging")
    assert not answer.get("error"), answer
    trial.front.door.error = RuntimeError("broken")
    mark = ada.mark()
    trial.front.door.open.set()
    seen = await ada.wait_for(lambda one: one.name == "ephemeral", since=mark)
    assert "Something went wrong here" in seen.data["message"]["text"]
    assert "broken" not in str(seen.data)


async def test_a_lost_connection_comes_back(trial: Trial) -> None:
    assert trial.workspace.drop_sockets() == 1
    await trial.workspace.app_connected()
    assert "0 services" in await private(trial, "ada", "/ops status")
    assert await trial.socket.connected()


async def test_a_connection_that_slack_replaces_is_replaced(trial: Trial) -> None:
    ada = await trial.workspace.client("ada")
    mark = ada.mark()
    await trial.workspace.refresh_sockets()
    await ada.wait_for(lambda one: one.name == "app" and one.data["connected"], since=mark)
    assert "0 services" in await private(trial, "ada", "/ops status")
