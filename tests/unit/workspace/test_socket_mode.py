"""A real bolt app over Socket Mode: commands, buttons, modals, events and what happens when things go wrong."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import ClientSession, WSServerHandshakeError
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.workspace import Workspace, WorkspaceConfig

Json = dict[str, Any]

BUTTONS: list[Json] = [
    {"type": "section", "text": {"type": "mrkdwn", "text": "Deploy *shop*? <b>&amp;</b>"}},
    {
        "type": "actions",
        "block_id": "decide",
        "elements": [
            {"type": "button", "action_id": "approve", "text": {"type": "plain_text", "text": "Approve"}, "value": "7"},
        ],
    },
]
MODAL: Json = {
    "type": "modal",
    "callback_id": "deploy",
    "private_metadata": "kept",
    "title": {"type": "plain_text", "text": "Deploy"},
    "submit": {"type": "plain_text", "text": "Deploy"},
    "notify_on_close": True,
    "blocks": [
        {
            "type": "input",
            "block_id": "version",
            "label": {"type": "plain_text", "text": "Version"},
            "element": {"type": "plain_text_input", "action_id": "version"},
        },
        {
            "type": "input",
            "block_id": "where",
            "optional": True,
            "label": {"type": "plain_text", "text": "Where"},
            "element": {
                "type": "static_select",
                "action_id": "where",
                "options": [{"text": {"type": "plain_text", "text": name}, "value": name} for name in ("qa", "live")],
            },
        },
    ],
}


async def test_a_command_is_acked_and_answered_privately(
    app: AsyncApp, workspace: Workspace, connected: AsyncSocketModeHandler
) -> None:
    @app.command("/echo")
    async def echo(ack: Any, command: Json) -> None:
        await ack(f"You said {command['text']} in {command['channel_name']}")

    ada, grace = await workspace.client("ada"), await workspace.client("grace")
    answer = await ada.command("#deploys", "/echo  hello <you> & me")
    assert answer["ok"]
    assert answer["command"]
    assert answer["delivery"]["ok"]
    told = await ada.wait_message("deploys", lambda one: one.get("ephemeral", False))
    assert told["text"] == "You said hello <you> & me in deploys"
    assert told["user"] == workspace.config.credentials.bot_user
    assert await grace.messages("deploys") == []


async def test_an_answer_in_the_channel_is_for_everyone(
    app: AsyncApp, workspace: Workspace, connected: AsyncSocketModeHandler
) -> None:
    @app.command("/echo")
    async def echo(ack: Any) -> None:
        await ack(text="for all", response_type="in_channel")

    ada, grace = await workspace.client("ada"), await workspace.client("grace")
    await ada.command("deploys", "/echo")
    assert (await grace.wait_message("deploys", lambda one: one["text"] == "for all"))["ts"]


async def test_commands_that_cannot_be(workspace: Workspace, connected: AsyncSocketModeHandler) -> None:
    ada = await workspace.client("ada")
    assert (await ada.command("deploys", "/nonsense"))["error"] == "unknown_command"
    parent = await ada.say("deploys", "a thread")
    assert (await ada.say("deploys", "/echo", thread_ts=parent["ts"]))["error"] == "slash_in_thread"


async def test_references_are_escaped_where_the_manifest_asks(
    app: AsyncApp, workspace: Workspace, connected: AsyncSocketModeHandler
) -> None:
    heard: list[str] = []

    @app.command("/escaped")
    async def escaped(ack: Any, command: Json) -> None:
        await ack()
        heard.append(command["text"])

    ada = await workspace.client("ada")
    await ada.command("deploys", "/escaped @grace a<b #nowhere")
    assert heard == ["<@U0GRACE|grace> a&lt;b #nowhere"]


async def test_a_button_and_the_message_rewritten(
    app: AsyncApp, web: AsyncWebClient, workspace: Workspace, connected: AsyncSocketModeHandler
) -> None:
    @app.action("approve")
    async def approve(ack: Any, body: Json, client: AsyncWebClient) -> None:
        await ack()
        who, value = body["user"]["id"], body["actions"][0]["value"]
        await client.chat_update(
            channel=body["channel"]["id"], ts=body["message"]["ts"], text=f"Approved {value} by <@{who}>", blocks=[]
        )

    ada = await workspace.client("ada")
    await web.chat_postMessage(channel="#deploys", text="Deploy?", blocks=BUTTONS)
    message = await ada.wait_message("deploys", lambda one: one["text"] == "Deploy?")
    assert message["blocks"][0]["text"]["text"] == "Deploy *shop*? <b>&amp;</b>"
    answer = await ada.click(message, "approve")
    assert answer["delivery"]["ok"]
    rewritten = await ada.wait_message("deploys", lambda one: one["ts"] == message["ts"] and "edited" in one)
    assert rewritten["text"] == "Approved 7 by <@U0ADA>"
    assert "blocks" not in rewritten


async def test_an_ephemeral_message_is_kept_from_the_app_but_can_be_replaced(
    app: AsyncApp, web: AsyncWebClient, workspace: Workspace, connected: AsyncSocketModeHandler
) -> None:
    heard: list[Json] = []

    @app.action("approve")
    async def approve(ack: Any, body: Json, respond: Any) -> None:
        await ack()
        heard.append(body)
        await respond(text="Only you saw this", replace_original=True)

    ada = await workspace.client("ada")
    sent = await web.chat_postEphemeral(channel="deploys", user="U0ADA", text="Sure?", blocks=BUTTONS)
    message = await ada.wait_message("deploys", lambda one: one["ts"] == sent["message_ts"])
    await ada.click(message, "approve")
    await ada.wait_message("deploys", lambda one: one["text"] == "Only you saw this" and one["ts"] == message["ts"])
    assert "message" not in heard[0]
    assert heard[0]["container"]["is_ephemeral"]
    with pytest.raises(SlackApiError, match="message_not_found"):
        await web.chat_update(channel=message["channel"], ts=message["ts"], text="no")


async def test_a_button_in_an_attachment_and_a_stale_one(
    app: AsyncApp, web: AsyncWebClient, workspace: Workspace, connected: AsyncSocketModeHandler
) -> None:
    pressed: list[str] = []

    @app.action("approve")
    async def approve(ack: Any, action: Json) -> None:
        await ack()
        pressed.append(action["value"])

    ada = await workspace.client("ada")
    coloured = [{"color": "#a30200", "fallback": "Deploy?", "blocks": BUTTONS}]
    await web.chat_postMessage(channel="deploys", text="Deploy?", attachments=coloured)
    message = await ada.wait_message("deploys", lambda one: one["text"] == "Deploy?")
    await ada.click(message, "approve")
    await web.chat_update(channel=message["channel"], ts=message["ts"], text="Decided", attachments=[])
    await ada.click(message, "approve")
    assert pressed == ["7", "7"]


async def test_an_app_without_interactivity_gets_no_clicks(config: WorkspaceConfig) -> None:
    silent = replace(config, manifest=replace(config.manifest, interactivity=False))
    async with Workspace(silent) as workspace:
        web = AsyncWebClient(config.credentials.bot_token, base_url=workspace.api_url)
        await web.chat_postMessage(channel="deploys", text="Deploy?", blocks=BUTTONS)
        ada = await workspace.client("ada")
        message = await ada.wait_message("deploys", lambda one: one["text"] == "Deploy?")
        assert (await ada.click(message, "approve"))["error"] == "interactivity_not_enabled"


async def test_response_url_replaces_answers_and_is_used_up(
    app: AsyncApp, web: AsyncWebClient, workspace: Workspace, connected: AsyncSocketModeHandler
) -> None:
    codes: list[int] = []
    done = asyncio.Event()

    @app.action("approve")
    async def approve(ack: Any, respond: Any) -> None:
        await ack()
        codes.append((await respond(text="thanks", replace_original=True)).status_code)
        answers = [await respond(text=f"answer {number}") for number in range(5)]
        codes.extend(answer.status_code for answer in answers)
        done.set()

    ada = await workspace.client("ada")
    await web.chat_postMessage(channel="deploys", text="Deploy?", blocks=BUTTONS)
    await ada.click(await ada.wait_message("deploys", lambda one: "blocks" in one), "approve")
    async with asyncio.timeout(5):
        await done.wait()
    assert codes == [200, 200, 200, 200, 200, 404]
    texts = [(one["text"], one.get("ephemeral", False)) for one in await ada.messages("deploys")]
    assert texts == [("thanks", False), *((f"answer {number}", True) for number in range(4))]


async def test_a_modal_opens_complains_and_closes(
    app: AsyncApp, workspace: Workspace, connected: AsyncSocketModeHandler
) -> None:
    submitted: list[Json] = []
    closed = asyncio.Event()

    @app.command("/echo")
    async def opens(ack: Any, body: Json, client: AsyncWebClient) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=MODAL)

    @app.view("deploy")
    async def deploy(ack: Any, view: Json) -> None:
        values = view["state"]["values"]
        if values["version"]["version"]["value"] == "bad":
            await ack(response_action="errors", errors={"version": "No such version"})
            return
        submitted.append(view)
        await ack()

    @app.view_closed("deploy")
    async def close(ack: Any) -> None:
        await ack()
        closed.set()

    ada = await workspace.client("ada")
    await ada.command("deploys", "/echo")
    view = await ada.wait_view()
    required = await ada.submit(view)
    assert required["errors"] == {"version": "Please complete this required field."}
    refused = await ada.submit(view, {"version": "bad"})
    assert refused["response_action"] == "errors"
    assert refused["errors"] == {"version": "No such version"}
    accepted = await ada.submit(view, {"version": "v2", "where": "live"})
    assert accepted == {"ok": True}
    await ada.wait_for(lambda seen: seen.name == "view_close" and seen.data["view_id"] == view["id"])
    assert submitted[0]["private_metadata"] == "kept"
    assert submitted[0]["state"]["values"]["where"]["where"]["selected_option"]["value"] == "live"
    assert (await ada.submit(view, {"version": "v2"}))["error"] == "view_not_found"

    mark = ada.mark()
    await ada.command("deploys", "/echo")
    await ada.close_view(await ada.wait_view(since=mark))
    async with asyncio.timeout(5):
        await closed.wait()


@pytest.mark.parametrize(("action", "event"), [("update", "view_update"), ("push", "view_push")])
async def test_a_submission_may_update_or_push(
    app: AsyncApp, workspace: Workspace, connected: AsyncSocketModeHandler, action: str, event: str
) -> None:
    following = {**MODAL, "callback_id": "sure", "title": {"type": "plain_text", "text": "Sure?"}}

    @app.command("/echo")
    async def opens(ack: Any, body: Json, client: AsyncWebClient) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=MODAL)

    @app.view("deploy")
    async def deploy(ack: Any) -> None:
        await ack(response_action=action, view=following)

    @app.view("sure")
    async def sure(ack: Any) -> None:
        await ack(response_action="clear")

    ada = await workspace.client("ada")
    await ada.command("deploys", "/echo")
    first = await ada.wait_view()
    answer = await ada.submit(first, {"version": "v2"})
    assert answer["response_action"] == action
    second = (await ada.wait_for(lambda seen: seen.name == event)).data["view"]
    assert second["title"]["text"] == "Sure?"
    assert second["root_view_id"] == first["id"]
    assert (await ada.submit(second, {"version": "v3"}))["response_action"] == "clear"
    assert workspace.state.views == {}


async def test_home_is_asked_for_and_published(
    app: AsyncApp, workspace: Workspace, connected: AsyncSocketModeHandler
) -> None:
    @app.event("app_home_opened")
    async def opened(event: Json, client: AsyncWebClient) -> None:
        blocks = [{"type": "header", "text": {"type": "plain_text", "text": f"Hello {event['user']}"}}]
        await client.views_publish(user_id=event["user"], view={"type": "home", "blocks": blocks})

    ada = await workspace.client("ada")
    assert await ada.home() is None
    view = await ada.wait_home()
    assert view["blocks"][0]["text"]["text"] == "Hello U0ADA"
    assert (await ada.home() or {})["id"] == view["id"]


async def test_messages_mentions_and_shortcuts_reach_the_app(
    app: AsyncApp, workspace: Workspace, connected: AsyncSocketModeHandler
) -> None:
    heard: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    @app.event("message")
    async def message(event: Json) -> None:
        await heard.put((event["channel_type"], event["text"]))

    @app.event("app_mention")
    async def mention(event: Json) -> None:
        await heard.put(("mention", event["text"]))

    @app.shortcut("sing")
    async def sing(ack: Any, shortcut: Json) -> None:
        await ack()
        await heard.put(("sing", shortcut["user"]["id"]))

    @app.shortcut("quote")
    async def quote(ack: Any, shortcut: Json) -> None:
        await ack()
        await heard.put(("quote", shortcut["message"]["text"]))

    ada = await workspace.client("ada")
    bot = workspace.config.credentials.bot_user
    async with asyncio.timeout(5):
        await ada.say("deploys", "1 < 2 & @parrot knows")
        text = f"1 &lt; 2 &amp; <@{bot}> knows"
        assert {await heard.get(), await heard.get()} == {("channel", text), ("mention", text)}
        direct = next(one for one in (await ada.boot())["channels"] if one.get("user") == bot)
        await ada.say(direct["id"], "psst")
        assert await heard.get() == ("im", "psst")
        assert (await ada.shortcut("sing"))["delivery"]["ok"]
        assert await heard.get() == ("sing", "U0ADA")
        said = (await ada.messages("deploys"))[-1]
        await ada.shortcut("quote", said)
        assert await heard.get() == ("quote", text)


async def test_external_selects_ask_the_app(
    app: AsyncApp, web: AsyncWebClient, workspace: Workspace, connected: AsyncSocketModeHandler
) -> None:
    @app.options("service")
    async def service(ack: Any, payload: Json) -> None:
        option = {"text": {"type": "plain_text", "text": payload["value"] + "!"}, "value": payload["value"]}
        await ack(options=[option])

    select = {
        "type": "external_select",
        "action_id": "service",
        "placeholder": {"type": "plain_text", "text": "Which"},
    }
    await web.chat_postMessage(channel="deploys", text="Which?", blocks=[{"type": "actions", "elements": [select]}])
    ada = await workspace.client("ada")
    message = await ada.wait_message("deploys", lambda one: one["text"] == "Which?")
    found = await ada.options(message, "service", "sh")
    assert [option["value"] for option in found["options"]] == ["sh"]


async def test_without_an_app_a_command_says_so(workspace: Workspace) -> None:
    ada = await workspace.client("ada")
    delivery = (await ada.command("deploys", "/echo"))["delivery"]
    assert (delivery["ok"], delivery["error"]) == (False, "dispatch_failed")


async def test_an_event_waits_for_an_app_that_is_away(app: AsyncApp, workspace: Workspace, connect: Any) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()

    @app.event("message")
    async def message(event: Json) -> None:
        await heard.put(event["text"])

    ada = await workspace.client("ada")
    await ada.say("deploys", "anybody?")
    async with connect(app), asyncio.timeout(5):
        assert await heard.get() == "anybody?"


async def test_payloads_may_come_twice(app: AsyncApp, workspace: Workspace, connected: AsyncSocketModeHandler) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()

    @app.event("message")
    async def message(body: Json) -> None:
        await heard.put(body["event_id"])

    workspace.faults.each_envelope_twice = True
    ada = await workspace.client("ada")
    await ada.say("deploys", "echo")
    async with asyncio.timeout(5):
        assert await heard.get() == await heard.get()


async def test_an_app_comes_back_after_a_refresh_and_after_a_cut(
    app: AsyncApp, workspace: Workspace, connected: AsyncSocketModeHandler
) -> None:
    @app.command("/echo")
    async def echo(ack: Any) -> None:
        await ack("here")

    ada = await workspace.client("ada")
    mark = ada.mark()
    assert await workspace.refresh_sockets() == 1
    assert (await ada.command("deploys", "/echo"))["delivery"]["ok"]
    await ada.wait_for(lambda seen: seen.name == "app" and seen.data["connected"], since=mark)
    mark = ada.mark()
    assert workspace.drop_sockets() >= 1
    gone = await ada.wait_for(lambda seen: seen.name == "app" and not seen.data["connected"], since=mark)
    assert gone.data["app"] == workspace.config.credentials.app_id
    async with asyncio.timeout(20):
        await workspace.app_connected()
    assert (await ada.command("deploys", "/echo"))["delivery"]["ok"]


async def test_an_event_without_ack_is_repeated_three_times(config: WorkspaceConfig) -> None:
    config = replace(config, ack_timeout=timedelta(milliseconds=50))
    keys = config.credentials
    async with Workspace(config) as workspace, ClientSession() as session:
        opened = await AsyncWebClient(base_url=workspace.api_url).apps_connections_open(app_token=keys.app_token)
        async with session.ws_connect(opened["url"]) as socket, asyncio.timeout(5):
            assert (await socket.receive_json())["type"] == "hello"
            ada = await workspace.client("ada")
            await ada.say("deploys", "hello?")
            envelopes = [await socket.receive_json() for _ in range(4)]
    assert [one["retry_attempt"] for one in envelopes] == [0, 1, 2, 3]
    assert [one["retry_reason"] for one in envelopes] == ["", "timeout", "timeout", "timeout"]
    assert len({one["payload"]["event_id"] for one in envelopes}) == 1
    assert len({one["envelope_id"] for one in envelopes}) == 4


async def test_a_command_without_ack_times_out(config: WorkspaceConfig) -> None:
    config = replace(config, ack_timeout=timedelta(milliseconds=50))
    async with Workspace(config) as workspace, ClientSession() as session:
        web = AsyncWebClient(base_url=workspace.api_url)
        opened = await web.apps_connections_open(app_token=config.credentials.app_token)
        async with session.ws_connect(opened["url"]):
            ada = await workspace.client("ada")
            delivery = (await ada.command("deploys", "/echo"))["delivery"]
    assert delivery["error"] == "operation_timeout"
    assert delivery["ms"] >= 50


async def test_a_socket_ticket_works_once_and_ten_connections_are_the_most(workspace: Workspace) -> None:
    web = AsyncWebClient(base_url=workspace.api_url)
    token = workspace.config.credentials.app_token
    async with ClientSession() as session, AsyncExitStack() as stack:
        urls = [(await web.apps_connections_open(app_token=token))["url"] for _ in range(11)]
        for url in urls[:10]:
            socket = await stack.enter_async_context(session.ws_connect(url))
            assert (await socket.receive_json())["type"] == "hello"
        refused = await stack.enter_async_context(session.ws_connect(urls[10]))
        assert (await refused.receive_json())["reason"] == "too_many_websockets"
        with pytest.raises(WSServerHandshakeError):
            await session.ws_connect(urls[0])
