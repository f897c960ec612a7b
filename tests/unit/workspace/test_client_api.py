"""The client API that the page lives on: boot, unread marks, the live stream with resume, and its guards."""

import asyncio
import json
import re
from typing import Any

import pytest
from aiohttp import ClientSession
from slack_sdk.web.async_client import AsyncWebClient

from bot.workspace import Workspace
from bot.workspace.hub import BACKLOG, QUEUE, Hub
from bot.workspace.notices import EVERYONE, Notice
from bot.workspace.site import PAGE, POLICY

Json = dict[str, Any]


async def test_boot_shows_the_whole_workspace(workspace: Workspace) -> None:
    boot = await (await workspace.client("ada")).boot()
    assert boot["team"] == {"id": "T0WORKSPACE", "name": "Workspace"}
    assert boot["people"] == ["U0ADA", "U0GRACE", "U0ALAN"]
    assert boot["you"] == "U0ADA"
    ada = boot["users"][0]
    assert (ada["name"], ada["real_name"], ada["initials"], ada["is_bot"]) == ("ada", "Ada Lovelace", "AL", False)
    names = [one["name"] for one in boot["channels"] if not one["is_im"]]
    assert names == ["general", "deploys", "incidents"]
    assert {one["user"] for one in boot["channels"] if one["is_im"]} == {"U0GRACE", "U0ALAN", "U0APPBOT"}
    app = boot["apps"][0]
    assert (app["name"], app["connected"], app["home"]) == ("Parrot", False, True)
    assert app["commands"][0] == {"command": "/echo", "description": "Say it again", "usage_hint": "words"}
    assert [one["type"] for one in app["shortcuts"]] == ["global", "message"]


async def test_boot_without_a_user_is_the_first_person(workspace: Workspace) -> None:
    async with ClientSession() as session, session.get(f"{workspace.url}client/boot") as answer:
        assert (await answer.json())["you"] == "U0ADA"


async def test_unread_marks_and_mentions(workspace: Workspace, web: AsyncWebClient) -> None:
    ada, grace = await workspace.client("ada"), await workspace.client("grace")
    await web.chat_postMessage(channel="deploys", text="one")
    last = await web.chat_postMessage(channel="deploys", text="two for <@U0GRACE>")
    seen = await grace.wait_for(lambda seen: seen.name == "unread" and seen.data["unread"] == 2)
    assert seen.data["mentions"] == 1
    await grace.read("deploys", last["ts"])
    await grace.wait_for(lambda seen: seen.name == "unread" and seen.data["unread"] == 0)
    await ada.say("deploys", "mine is read")
    marks = {one["name"]: (one["unread"], one["mentions"]) for one in (await ada.boot())["channels"]}
    assert marks["deploys"] == (0, 0)


async def test_messages_come_in_pages(workspace: Workspace) -> None:
    ada = await workspace.client("ada")
    stamps = [(await ada.say("deploys", str(number)))["ts"] for number in range(5)]
    newest = await ada._get("messages", channel="deploys", limit="2")
    assert [one["text"] for one in newest["messages"]] == ["3", "4"]
    assert newest["has_more"]
    oldest = await ada._get("messages", channel="deploys", limit="3", before=stamps[3])
    assert ([one["text"] for one in oldest["messages"]], oldest["has_more"]) == (["0", "1", "2"], False)


async def test_what_is_refused(workspace: Workspace) -> None:
    ada = await workspace.client("ada")
    refused = {
        "channel_not_found": ada.say("nowhere", "x"),
        "no_text": ada.say("deploys", "  "),
        "thread_not_found": ada.say("deploys", "x", thread_ts="1.000000"),
        "message_not_found": ada._get("thread", channel="deploys", ts="1.000000"),
        "view_not_found": ada.submit({"id": "V0NONE", "blocks": []}),
        "unknown_shortcut": ada.shortcut("dance"),
        "app_not_found": ada._get("home", app="A0NONE"),
    }
    for error, calling in refused.items():
        answer = await calling
        assert (answer["ok"], answer["error"]) == (False, error)


async def test_strange_callers_are_refused(workspace: Workspace) -> None:
    boot, message = f"{workspace.url}client/boot", f"{workspace.url}client/message"
    async with ClientSession() as session:
        async with session.get(f"{boot}?user=U0APPBOT") as answer:
            assert (await answer.json())["error"] == "user_not_found"
        async with session.post(message, data={"user": "U0ADA"}) as answer:
            assert answer.status == 415
        async with session.post(message, data=b"[]", headers={"Content-Type": "application/json"}) as answer:
            assert answer.status == 400
        async with session.get(f"{boot}?user=U0ADA", headers={"Host": "evil.example"}) as answer:
            assert answer.status == 403


async def events(session: ClientSession, workspace: Workspace, since: str, count: int) -> list[Json]:
    """The next events of Ada's stream, as {id, event, data}."""
    found: list[Json] = []
    url, headers = f"{workspace.url}client/events?user=U0ADA", {"Last-Event-ID": since}
    async with session.get(url, headers=headers) as answer, asyncio.timeout(5):
        assert answer.content_type == "text/event-stream"
        while len(found) < count:
            block = (await answer.content.readuntil(b"\n\n")).decode().strip()
            fields = dict(line.split(": ", 1) for line in block.splitlines())
            if "data" in fields:
                found.append({**fields, "data": json.loads(fields["data"])})
    return found


async def test_the_stream_resumes_where_it_was_left(workspace: Workspace, web: AsyncWebClient) -> None:
    ada = await workspace.client("ada")
    start = (await ada.boot())["last_event_id"]
    await ada.say("deploys", "first")
    async with ClientSession() as session:
        first = (await events(session, workspace, start, 1))[0]
        assert (first["event"], first["data"]["message"]["text"]) == ("message", "first")
        await web.chat_postEphemeral(channel="deploys", user="U0GRACE", text="not for Ada")
        await web.chat_postEphemeral(channel="deploys", user="U0ADA", text="for Ada")
        rest = await events(session, workspace, first["id"], 3)
        told = [(one["event"], one["data"].get("message", {}).get("text")) for one in rest]
        assert ("ephemeral", "for Ada") in told
        assert "not for Ada" not in str(told)
        assert (await events(session, workspace, "elsewhere-1", 1))[0]["event"] == "reset"


async def test_replies_change_the_parent_and_deletions_are_told(workspace: Workspace, web: AsyncWebClient) -> None:
    ada = await workspace.client("ada")
    parent = await web.chat_postMessage(channel="deploys", text="parent")
    reply = await web.chat_postMessage(channel="deploys", text="reply", thread_ts=parent["ts"])
    counted = await ada.wait_for(lambda seen: seen.name == "message_changed")
    assert (counted.data["message"]["ts"], counted.data["message"]["reply_count"]) == (parent["ts"], 1)
    await web.chat_delete(channel=parent["channel"], ts=reply["ts"])
    gone = await ada.wait_for(lambda seen: seen.name == "message_deleted")
    assert gone.data["ts"] == reply["ts"]
    await ada.wait_for(lambda seen: seen.name == "message_changed" and not seen.data["message"]["reply_count"])


def notice(number: int) -> Notice:
    return Notice(EVERYONE, "message", {"number": number})


async def test_a_page_that_is_long_gone_or_slow_starts_again() -> None:
    hub = Hub()
    start = hub.last_id
    for number in range(BACKLOG + 1):
        hub.publish(notice(number))
    assert hub.subscribe("U", start).queue.get_nowait().notice.name == "reset"
    slow = hub.subscribe("U")
    for number in range(QUEUE + 1):
        hub.publish(notice(number))
    assert slow.behind


async def test_a_wait_that_fails_shows_what_came(workspace: Workspace) -> None:
    ada = await workspace.client("ada")
    await ada.say("deploys", "only this")
    await ada.wait_message("deploys", lambda one: one["text"] == "only this")
    with pytest.raises(TimeoutError, match="only this"):
        await ada.wait_for(lambda seen: seen.name == "never", timeout=0.01)


async def test_the_page_is_served_with_a_strict_policy(workspace: Workspace) -> None:
    async with ClientSession() as session:
        async with session.get(workspace.url) as answer:
            assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
            assert answer.headers["Content-Security-Policy"].startswith("default-src 'self';")
            assert "unsafe" not in answer.headers["Content-Security-Policy"]
        async with session.get(f"{workspace.url}..%2f..%2fetc/passwd") as answer:
            assert answer.status == 404
        async with session.get(f"{workspace.url}..%2fsite.py") as answer:
            assert answer.status == 404


async def test_a_file_of_the_page_is_sent_once(workspace: Workspace) -> None:
    url = f"{workspace.url}app.js"
    async with ClientSession() as session:
        async with session.get(url) as answer:
            assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
            assert answer.headers["Cache-Control"] == "no-cache"
            assert await answer.read() == (PAGE / "app.js").read_bytes()
            tag = answer.headers["ETag"]
            assert not tag.startswith("W/")
        async with session.get(url, headers={"If-None-Match": f'"other", {tag}'}) as answer:
            assert (answer.status, await answer.read()) == (304, b"")
            assert answer.headers["ETag"] == tag
            assert answer.headers["Content-Security-Policy"] == POLICY
        async with session.get(url, headers={"If-None-Match": '"other"'}) as answer:
            assert answer.status == 200
        async with session.head(url) as answer:
            assert (answer.status, answer.headers["ETag"]) == (200, tag)


def test_the_index_lists_every_module_so_that_none_is_found_late() -> None:
    index = (PAGE / "index.html").read_text(encoding="utf-8")
    listed = re.findall(r'<(?:script src|script type="module" src|link rel="modulepreload" href)="(\w+\.js)"', index)
    assert sorted(listed) == sorted(path.name for path in PAGE.glob("*.js"))
    assert all(f'<link rel="stylesheet" href="{path.name}">' in index for path in PAGE.glob("*.css"))
