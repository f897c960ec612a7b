"""Slack as a door, over signed HTTP and the real bolt app: acknowledged first, handled once, answered always."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from slack_sdk.web.async_client import AsyncWebClient

from bot.inputs.slack.http import PATH, add_slack_routes
from bot.readings.now import Overview
from bot.views.deployment import APPROVE
from bot.words import commands
from engine.commands import Approve, Deploy
from tests.fakes.chat import FakePlatform
from tests.fakes.front import (
    NOW,
    SECRET,
    Delivery,
    Front,
    build_front,
    click,
    command,
    directory,
    event,
    form,
    interaction,
    mention,
    signed,
)

TOKEN = "xoxb-" + "1234567890-abcdefghijkl"

OTHER_FORM = {"type": "modal", "id": "V1", "callback_id": "other", "state": {"values": {}}}


def now() -> datetime:
    return NOW


@dataclass(slots=True)
class Trial:
    front: Front
    platform: FakePlatform
    http: TestClient  # type: ignore[type-arg]

    async def send(self, delivery: Delivery) -> aiohttp.ClientResponse:
        return await self.http.post(PATH, data=delivery.body, headers=delivery.headers)

    async def handled(self, *deliveries: Delivery) -> list[str]:
        """Deliver, wait for all work, and give what the person was told."""
        for delivery in deliveries:
            assert (await self.send(delivery)).status == 200
        await self.rest()
        return [text for _, _, text, _ in self.platform.whispers]

    async def rest(self) -> None:
        while self.front.tasks._running:
            await asyncio.gather(*self.front.tasks._running, return_exceptions=True)
        await self.front.outbox.settle()


@pytest.fixture
async def trial() -> AsyncIterator[Trial]:
    platform = FakePlatform(now)
    client = AsyncWebClient("xoxb-1", base_url="http://127.0.0.1:9/", retry_handlers=[])
    async with aiohttp.ClientSession() as session:
        front = build_front(platform, client, session, directory(), now)
        app = web.Application()
        add_slack_routes(app, front.app, SECRET, now=now)
        async with TestClient(TestServer(app)) as http:
            yield Trial(front, platform, http)
        await front.outbox.close()


# Acknowledged before anything else


async def test_the_ack_waits_for_no_work(trial: Trial) -> None:
    trial.front.door.open.clear()
    started = time.monotonic()
    assert (await trial.send(command("deploy shop v2 to staging"))).status == 200
    assert (await trial.send(click(APPROVE, "d-1|sha"))).status == 200
    assert (await trial.send(event(mention("status")))).status == 200
    assert time.monotonic() - started < 1.5
    trial.front.door.open.set()
    await trial.rest()
    assert len(trial.front.door.requests) == 3


async def test_the_ack_waits_for_neither_slack_nor_the_database(trial: Trial) -> None:
    trial.platform.order("account", "hang")
    hanging = asyncio.Event()

    async def claim(*_: object, **__: object) -> bool:
        return bool(await hanging.wait())

    trial.front.database.claims.claim = claim  # type: ignore[method-assign]
    started = time.monotonic()
    assert (await trial.send(command("status"))).status == 200
    assert time.monotonic() - started < 1
    hanging.set()
    for task in list(trial.front.tasks._running):
        task.cancel()


@pytest.mark.parametrize(
    "delivery",
    [
        event({"type": "reaction_added", "user": "U0ADA"}),
        event({"type": "message", "user": "U0ADA", "text": "hi", "channel": "C1", "ts": "1.1"}),
        command("x", name="/unknown"),
        click("no.such.action", "x"),
        click("link.board", ""),
        interaction({"type": "shortcut", "callback_id": "no-such"}),
        interaction({"type": "message_action", "callback_id": "no-such", "message": {"ts": "1.1"}}),
        interaction({"type": "block_suggestion", "action_id": "x", "block_id": "b", "value": "v"}),
        interaction({"type": "view_closed", "view": {"id": "V1", "callback_id": "x"}}),
        interaction(
            {
                "type": "view_submission",
                "view": {"type": "modal", "id": "V1", "callback_id": "other", "state": {"values": {}}},
            }
        ),
        event({"type": "app_home_opened", "user": "U0ADA", "tab": "messages"}),
    ],
)
async def test_what_nobody_knows_is_acknowledged_and_does_nothing(trial: Trial, delivery: Delivery) -> None:
    answer = await trial.send(delivery)
    assert (answer.status, await answer.text()) == (200, "")
    await trial.rest()
    assert trial.front.door.requests == []


@pytest.mark.parametrize(
    "delivery",
    [
        interaction({"type": "block_actions", "actions": []}),
        interaction({"type": "view_submission", "view": {"type": "modal", "id": "V1", "callback_id": "form.deploy"}}),
        form({"command": "/ops"}),
        event({"type": "app_mention"}),
        event({"type": "app_home_opened", "tab": "home"}),
        signed(b"{", "application/json"),
        signed(b"payload=%7B", "application/x-www-form-urlencoded"),
        signed(b"\xff\xfe", "text/plain"),
    ],
)
async def test_a_malformed_delivery_harms_nobody(trial: Trial, delivery: Delivery) -> None:
    answer = await trial.send(delivery)
    assert answer.status in {200, 400, 404}
    assert "Traceback" not in await answer.text()
    assert (await trial.send(command("help"))).status == 200


# Signatures

GOOD = command("deploy shop v2 to staging")


@pytest.mark.parametrize(
    "delivery",
    [
        GOOD.with_headers(X_Slack_Signature="v0=" + "0" * 64),
        GOOD.with_headers(X_Slack_Signature=""),
        GOOD.with_headers(X_Slack_Signature=None),
        GOOD.with_headers(X_Slack_Request_Timestamp=None),
        GOOD.with_headers(X_Slack_Request_Timestamp="soon"),
        GOOD.with_headers(X_Slack_Request_Timestamp="1e9"),
        GOOD.with_headers(X_Slack_Request_Timestamp="-1"),
        GOOD.with_headers(X_Slack_Request_Timestamp="9" * 400),
        command("deploy shop v2 to staging", at=int(NOW.timestamp()) - 3600),
        command("deploy shop v2 to staging", at=int(NOW.timestamp()) + 3600),
        command("deploy shop v2 to staging", secret="another"),
        Delivery(GOOD.body + b"&x=1", GOOD.headers),
    ],
)
async def test_a_delivery_that_is_not_slacks_is_refused(trial: Trial, delivery: Delivery) -> None:
    answer = await trial.send(delivery)
    assert answer.status == 401
    assert (await answer.json())["error"].startswith("Refused")
    await trial.rest()
    assert trial.front.door.requests == []


async def test_without_a_secret_nothing_is_believed(trial: Trial) -> None:
    app = web.Application()
    add_slack_routes(app, trial.front.app, "", now=now)
    async with TestClient(TestServer(app)) as http:
        for secret in ("", SECRET):
            delivery = command("help", secret=secret)
            assert (await http.post(PATH, data=delivery.body, headers=delivery.headers)).status == 401


async def test_the_address_is_verified(trial: Trial) -> None:
    body = json.dumps({"type": "url_verification", "challenge": "abc"}).encode()
    answer = await trial.send(signed(body, "application/json"))
    assert "abc" in await answer.text()


# Once


async def test_the_same_delivery_three_times_is_one(trial: Trial) -> None:
    same = event(mention("deploy shop v2 to staging"), id="EvSame")
    repeated = same.with_headers(X_Slack_Retry_Num="1", X_Slack_Retry_Reason="http_timeout")
    await trial.handled(same, repeated, repeated)
    await trial.handled(command("status", trigger="2.2"), command("status", trigger="2.2"))
    assert len(trial.front.door.requests) == 2


async def test_a_double_click_is_one_request_wherever_the_clock_stands(trial: Trial) -> None:
    presses = [click(APPROVE, "d-1|sha", trigger=f"1.{number}", at=f"176400000{number}.9") for number in (4, 5)]
    told = await trial.handled(*presses)
    assert trial.front.door.commands == [Approve("d-1", "sha")]
    assert len(told) == 1


async def test_a_press_later_on_is_meant_anew(trial: Trial) -> None:
    await trial.handled(click(APPROVE, "d-1|sha", trigger="1.1", at="1764000000.1"))
    trial.front.database.claims._until.clear()  # as time does
    await trial.handled(click(APPROVE, "d-1|sha", trigger="1.2", at="1764000009.1"))
    assert len({request.id for request in trial.front.door.requests}) == 2


async def test_a_time_that_is_none_harms_nothing(trial: Trial) -> None:
    for number, at in enumerate(("inf", "nan", "", "1e400", "-1")):
        await trial.handled(click(APPROVE, f"d-{number}|sha", trigger=f"1.{number}", at=at))
    assert len(trial.front.door.requests) == 5


async def test_two_people_one_button_are_two_requests(trial: Trial) -> None:
    await trial.handled(
        click(APPROVE, "d-1|sha", trigger="1.1"), click(APPROVE, "d-1|sha", trigger="1.2", user="U0GRACE")
    )
    assert len({request.id for request in trial.front.door.requests}) == 2


async def test_a_long_suggestion_has_a_good_request_id(trial: Trial) -> None:
    line = f"/ops deploy shop {'ü' * 400} to staging"
    await trial.handled(click("suggestion.run", line))
    (request,) = trial.front.door.requests
    assert request.command == Deploy("shop", "ü" * 400, "staging")
    assert len(request.id) <= 255
    assert request.id.isprintable()


# Answered, whatever goes wrong


async def test_a_defect_is_told_without_its_trace(trial: Trial, caplog: pytest.LogCaptureFixture) -> None:
    trial.front.door.error = KeyError(f"secret {TOKEN}")
    (told,) = await trial.handled(command("status"))
    assert "Something went wrong here" in told
    assert "reference" in told
    assert "KeyError" not in told
    reference = told.rpartition("reference ")[2].split(";")[0]
    assert reference in caplog.text
    assert TOKEN not in caplog.text


async def test_a_database_that_is_away_is_told(trial: Trial) -> None:
    trial.front.database.bell.close()
    (told,) = await trial.handled(command("deploy shop v2 to staging"))
    assert "database" in told
    assert trial.front.door.requests == []


async def test_a_form_that_slack_does_not_open_is_told(trial: Trial) -> None:
    trial.platform.order("open_view", "error")
    (told,) = await trial.handled(command("", name="/deploy"))
    assert told == "Slack did not take the answer. Try again."


async def test_a_whisper_that_fails_becomes_a_direct_message(trial: Trial) -> None:
    trial.platform.order("whisper", "error")
    await trial.handled(command("help"))
    assert trial.platform.whispers == []
    assert any("/ops deploy" in text for text in trial.platform.texts("D-U0ADA"))


# Who


@pytest.mark.parametrize(
    ("delivery", "account", "told"),
    [
        (command("help", user="U0GUEST"), {"is_restricted": True}, "Guests of the workspace may not use Pilothouse"),
        (command("status", user="U0GUEST"), {"is_ultra_restricted": True}, "Guests of the workspace"),
        (command("nonsense", user="U0ADA"), {"deleted": True}, "Deactivated accounts may not"),
        (click(APPROVE, "d-1|sha"), {"is_bot": True}, "Bots may not use Pilothouse"),
        (click(APPROVE, "d-1|sha"), {"is_stranger": True}, "People of other organisations may not"),
        (click(APPROVE, "d-1|sha"), {"team_id": "T9"}, "People of other organisations may not"),
        (click(APPROVE, "d-1|sha", team="T9"), {"team_id": "T9"}, "People of other organisations may not"),
        (command("status", team="T9"), {}, "People of other organisations may not"),
        (command("help", user="U0EVE"), {}, "I do not know you (T0/U0EVE)"),
        (command("deploy shop", user="U0EVE"), {}, "I do not know you (T0/U0EVE)"),
        (command("deploy nothing", user="U0EVE"), {}, "I do not know you (T0/U0EVE)"),
    ],
)
async def test_who_may_not_is_told_so_and_learns_nothing(
    trial: Trial, delivery: Delivery, account: dict[str, object], told: str
) -> None:
    for user in ("U0ADA", "U0GUEST", "U0EVE"):
        trial.platform.accounts[user] = {"id": user, "team_id": "T0", **account}
    (text,) = await trial.handled(delivery)
    assert told in text
    assert "shop" not in text
    assert trial.platform.opened == []


async def test_accounts_are_asked_once_in_minutes(trial: Trial) -> None:
    trial.front.door.data = {"overview": Overview(now(), (), (), (), (), (), ())}
    for number in range(5):
        await trial.handled(command("status", trigger=f"1.{number}"))
    assert [method for method, _, _ in trial.platform.calls].count("account") == 1


async def test_nobody_acts_while_slack_does_not_say_who_they_are(trial: Trial) -> None:
    trial.platform.order("account", "error")
    (told,) = await trial.handled(command("deploy shop v2 to staging"))
    assert "Slack does not say who you are right now" in told
    assert trial.front.door.requests == []


async def test_a_viewer_gets_no_form(trial: Trial) -> None:
    (told,) = await trial.handled(command("", name="/deploy", user="U0GRACE"))
    assert "You may not deploy anywhere" in told
    assert trial.platform.opened == []


async def test_help_lists_what_one_may_do(trial: Trial) -> None:
    (told,) = await trial.handled(command("help", user="U0GRACE"))
    assert "/ops status" in told
    assert "/ops deploy" not in told


async def test_the_home_tab_knows_the_account(trial: Trial) -> None:
    trial.platform.accounts["U0GUEST"] = {"id": "U0GUEST", "team_id": "T0", "is_restricted": True}
    await trial.handled(event({"type": "app_home_opened", "user": "U0GUEST", "tab": "home"}))
    ((actor, account),) = trial.front.homes
    assert (actor.user, actor.team, account) == ("U0GUEST", "T0", "guest")


# Mentions


async def test_a_mention_is_answered_where_it_stands(trial: Trial) -> None:
    await trial.handled(event(mention("deploy shop v2 to staging", thread_ts="3.3"), id="Ev1"))
    await trial.handled(event(mention("help", text="hey <@U0BOT> help"), id="Ev2"))
    assert trial.front.door.commands == [Deploy("shop", "v2", "staging")]
    places = [(channel, user, thread) for channel, user, _, thread in trial.platform.whispers]
    assert places == [("C-deploys", "U0ADA", "3.3"), ("C-deploys", "U0ADA", "")]


async def test_what_slack_made_of_the_words_is_undone(trial: Trial) -> None:
    text = "<@U0BOT> ack <http://inc.example|inc.example>"
    await trial.handled(event(mention("", text=text)))
    assert trial.front.door.commands == [commands.TakeIncident("inc.example")]


async def test_a_form_can_not_open_from_a_mention(trial: Trial) -> None:
    (told,) = await trial.handled(event(mention("deploy shop")))
    assert "A form can't open from here" in told


async def test_bots_are_refused_and_not_answered(trial: Trial) -> None:
    told = await trial.handled(event(mention("deploy shop v2 to staging", bot_id="B1", user=None)))
    assert told == []
    assert trial.platform.messages == []
    assert all(request.context["account"] == "bot" for request in trial.front.door.requests)


# Secrets


@pytest.mark.parametrize(
    "line", [f"deploy shop {TOKEN} extra words here", f"help {TOKEN}", f"{TOKEN}", f"status {TOKEN}"]
)
async def test_a_secret_is_neither_logged_nor_repeated(
    trial: Trial, caplog: pytest.LogCaptureFixture, line: str
) -> None:
    caplog.set_level(logging.DEBUG)
    (told,) = await trial.handled(command(line))
    assert "Rotate it" in told
    assert TOKEN not in told
    ours = [record.getMessage() for record in caplog.records if record.name.startswith(("bot.inputs", "bot.chat"))]
    assert not any(TOKEN in line for line in ours)


# Forms


def submitted(**values: str) -> Delivery:
    state = {
        block: {block: {"type": "static_select", "selected_option": {"value": value}}}
        if block != "version"
        else {block: {"type": "plain_text_input", "value": value}}
        for block, value in values.items()
    }
    view = {"type": "modal", "id": "V1", "hash": "h", "callback_id": "form.deploy", "state": {"values": state}}
    return interaction({"type": "view_submission", "view": view})


@pytest.mark.parametrize(
    ("values", "block"),
    [
        ({"service": "shop", "version": "two words", "environment": "staging"}, "version"),
        ({"service": "shop", "version": "", "environment": "staging"}, "version"),
        ({"service": "gone", "version": "v2", "environment": "staging"}, "service"),
        ({"service": "shop", "version": "v2", "environment": "gone"}, "environment"),
        ({"service": "shop", "version": "x" * 600, "environment": "staging"}, "environment"),
    ],
)
async def test_what_is_wrong_with_a_form_stays_at_its_input(trial: Trial, values: dict[str, str], block: str) -> None:
    answer = await (await trial.send(submitted(**values))).json()
    assert answer["response_action"] == "errors"
    assert list(answer["errors"]) == [block]
    await trial.rest()
    assert trial.front.door.requests == []


async def test_a_good_form_deploys_and_is_answered(trial: Trial) -> None:
    same = submitted(service="shop", version=" v2 ", environment="staging")
    await trial.handled(same, same)
    assert trial.front.door.commands == [Deploy("shop", "v2", "staging")]
    assert any("v2" in text for text in trial.platform.texts("D-U0ADA"))
