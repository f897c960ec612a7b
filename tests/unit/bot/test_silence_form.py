"""The silence modal: opened, previewed while somebody writes, checked, submitted."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from slack_sdk.web.async_client import AsyncWebClient

from alerting.commands import ExpireSilence, SetSilence, SilenceIncident
from alerting.routing.matcher import Matcher, Op
from bot.chat.port import ChatRefused
from bot.inputs.slack.deliveries import Clicked
from bot.inputs.slack.http import PATH, add_slack_routes
from bot.inputs.slack.silence_forms import SilenceForms
from bot.readings.now import AlertRow
from bot.views.silences import EXPIRE, MATCHERS, SILENCE_FORM
from bot.words.silences import OpenSilenceForm
from engine.commands import Actor
from tests.fakes.blockkit import check_surface, words
from tests.fakes.chat import FakePlatform
from tests.fakes.front import NOW, SECRET, Delivery, Front, build_front, click, command, directory, interaction, mention
from tests.fakes.front import event as slack_event

DOWN = Matcher("alertname", Op.EQUAL, "Down")
RIGHT = {"matchers": "Down", "duration": "1h", "own_duration": "", "comment": "upgrade"}


class Trial:
    def __init__(self, front: Front, platform: FakePlatform, http: Any) -> None:
        self.front, self.platform, self.http = front, platform, http

    async def send(self, delivery: Delivery) -> Any:
        answer = await self.http.post(PATH, data=delivery.body, headers=delivery.headers)
        assert answer.status == 200
        said = await answer.text()
        while self.front.tasks._running:
            await asyncio.gather(*self.front.tasks._running, return_exceptions=True)
        await self.front.outbox.settle()
        return said

    def fire(self, name: str, state: str = "firing") -> None:
        self.front.alerts.append(AlertRow(name, state, {"alertname": name}, {}, 1.0, NOW))

    @property
    def told(self) -> list[str]:
        return [text for _, _, text, _ in self.platform.whispers]


@pytest.fixture(name="trial")
async def a_trial() -> AsyncIterator[Trial]:
    platform = FakePlatform(lambda: NOW)
    client = AsyncWebClient("xoxb-1", base_url="http://127.0.0.1:9/", retry_handlers=[])
    async with aiohttp.ClientSession() as session:
        front = build_front(platform, client, session, directory(), lambda: NOW)
        app = web.Application()
        add_slack_routes(app, front.app, SECRET, now=lambda: NOW)
        async with TestClient(TestServer(app)) as http:
            yield Trial(front, platform, http)
        await front.outbox.close()


def view(values: Mapping[str, str]) -> dict[str, Any]:
    state = {
        name: {name: {"selected_option": {"value": text}} if name == "duration" else {"value": text}}
        for name, text in values.items()
    }
    return {"type": "modal", "id": "V1", "callback_id": SILENCE_FORM, "state": {"values": state}}


def submit(**values: str) -> Delivery:
    return interaction({"type": "view_submission", "view": view({**RIGHT, **values})})


def typed(text: str, *, user: str = "U0ADA") -> Delivery:
    action = {"type": "plain_text_input", "action_id": MATCHERS, "block_id": MATCHERS, "value": text}
    shown = view({**RIGHT, "matchers": text})
    return interaction(
        {"type": "block_actions", "view": shown, "container": {"type": "view", "view_id": "V1"}, "actions": [action]},
        user=user,
    )


async def test_alone_it_opens_the_form(trial: Trial) -> None:
    trial.fire("Down")
    await trial.send(command("silence"))
    await trial.send(command("silence Down", trigger="2.2"))
    empty, filled = trial.platform.opened
    check_surface(empty, "modal")
    assert "shows here while you write" in words(empty["blocks"])
    assert filled["blocks"][0]["element"]["initial_value"] == "Down"
    assert "Would mute 1 of 1 alert" in words(filled["blocks"])


async def test_who_may_not_silence_gets_no_form(trial: Trial) -> None:
    await trial.send(command("silence", user="U0GRACE"))
    assert not trial.platform.opened
    assert "may not silence" in trial.told[0]


async def test_no_form_opens_from_a_thread(trial: Trial) -> None:
    await trial.send(slack_event(mention("silence")))
    assert not trial.platform.opened
    assert "for DURATION because TEXT" in trial.told[0]


async def test_the_preview_follows_what_is_typed(trial: Trial) -> None:
    trial.fire("Down")
    trial.fire("Slow", "pending")
    for text in ("Do", "Down", "Down", "a:b", ""):
        await trial.send(typed(text))
    told = [words(shown["blocks"][1]) for view_id, shown in trial.front.updated if view_id == "V1"]
    assert "Matches none of the 2 alerts" in told[0]
    assert "Would mute 1 of 2 alerts" in told[1]
    assert told[2] == told[1]
    assert "can't read" in told[3]
    assert "while you write" in told[4]
    assert not trial.told


async def test_a_stranger_sees_no_preview(trial: Trial) -> None:
    await trial.send(typed("Down", user="U0NOBODY"))
    assert not trial.front.updated


async def test_while_one_preview_is_on_its_way_only_the_newest_text_waits() -> None:
    let, shown = asyncio.Event(), list[str]()

    async def update(_: str, view: Mapping[str, Any]) -> None:
        await let.wait()
        shown.append(words(view["blocks"][1]))

    forms = SilenceForms(list, update)

    def delivery(text: str) -> Clicked:
        actor = Actor("slack", "U1", "T0")
        return Clicked("c", actor, "", "", "t", action=MATCHERS, view="V1", values={MATCHERS: text})

    first = asyncio.create_task(forms.edited(delivery("a:")))
    await asyncio.sleep(0)
    for text in ("a:b", "a:bc", "a:bcd"):
        await forms.edited(delivery(text))
    let.set()
    await first
    assert ["`a:`" in shown[0], "`a:bcd`" in shown[1], len(shown)] == [True, True, 2]
    await forms.edited(delivery("a:"))
    assert len(shown) == 3


async def test_a_form_that_was_closed_meanwhile_is_no_fault(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    async def gone(_: object, __: object) -> None:
        raise ChatRefused("not_found")

    monkeypatch.setattr(SilenceForms, "edited", gone)
    await trial.send(typed("Down"))
    assert not trial.told


@pytest.mark.parametrize(
    ("values", "field", "told"),
    [
        ({"matchers": "a:b"}, "matchers", "can't read"),
        ({"matchers": 'a=~".*"'}, "matchers", "silence every alert"),
        ({"duration": "own", "own_duration": "soon"}, "own_duration", "no duration"),
        ({"duration": "own"}, "own_duration", "Write how long"),
        ({"duration": "resolved"}, "duration", "would end at once"),
        ({"comment": " "}, "comment", "Say why"),
    ],
)
async def test_what_is_wrong_is_said_at_its_input(trial: Trial, values: dict[str, str], field: str, told: str) -> None:
    said = await trial.send(submit(**values))
    assert f'"{field}":' in said
    assert told in said
    assert not trial.front.door.requests


@pytest.mark.parametrize(
    ("values", "lasts"),
    [
        ({}, timedelta(hours=1)),
        ({"duration": "1d"}, timedelta(days=1)),
        ({"duration": "own", "own_duration": "1d 12h"}, timedelta(hours=36)),
        ({"duration": "resolved"}, None),
    ],
)
async def test_what_it_asks_for(trial: Trial, values: dict[str, str], lasts: timedelta | None) -> None:
    trial.fire("Down")
    trial.front.door.data = {"silence": SILENCE, "state": "active", "muted": 1}
    assert "errors" not in await trial.send(submit(**values))
    assert trial.front.door.commands == [SetSilence((DOWN,), lasts, "upgrade")]
    assert [one.channel for one in trial.platform.messages] == ["D-U0ADA"]


async def test_buttons_of_incidents_and_of_silences(trial: Trial) -> None:
    trial.front.door.data = {"silence": SILENCE, "state": "active", "muted": 1}
    await trial.send(click("incident.silence.4h", "i-1"))
    await trial.send(click(EXPIRE, "s-1", trigger="2.2"))
    assert trial.front.door.commands == [SilenceIncident("i-1", timedelta(hours=4)), ExpireSilence("s-1")]  # type: ignore[arg-type]
    assert trial.told[0].startswith("Silenced: ")
    assert trial.told[1].startswith("Ended: ")


def test_the_form_starts_with_what_was_typed() -> None:
    shown = SilenceForms(list, _never).view(OpenSilenceForm('job="a'))
    assert "missing end" in words(shown["blocks"][1])


async def _never(_: str, __: Mapping[str, Any]) -> None:
    raise AssertionError("nothing was typed")


SILENCE = {
    "id": "s-1",
    "matchers": [{"name": "alertname", "op": "=", "value": "Down"}],
    "starts_at": "2026-01-05T09:00:00.000000Z",
    "ends_at": "2026-01-05T10:00:00.000000Z",
    "updated_at": "2026-01-05T09:00:00.000000Z",
    "created_by": "ada",
    "comment": "x",
    "until_resolved": False,
    "channel": "",
    "incident": "",
    "ended_by": "",
}
