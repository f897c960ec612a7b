"""The Web API through slack_sdk: what each method does and how it refuses, in Slack's own codes."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import ClientError, ClientSession
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.workspace import Manifest, Person, Workspace, WorkspaceConfig
from bot.workspace.config import GroupSpec
from bot.workspace.manifest import parse_manifest

Json = dict[str, Any]
TEXT = {"type": "plain_text", "text": "Title"}
MODAL: Json = {"type": "modal", "title": TEXT, "blocks": []}


async def refusal(calling: Any) -> str:
    """The error code that a call is refused with."""
    with pytest.raises(SlackApiError) as caught:
        await calling
    answer: AsyncSlackResponse = caught.value.response
    return str(answer["error"])


async def deploys(web: AsyncWebClient) -> str:
    listed = await web.conversations_list()
    return next(str(one["id"]) for one in listed["channels"] if one["name"] == "deploys")


async def test_who_may_call(workspace: Workspace) -> None:
    url, keys = workspace.api_url, workspace.config.credentials
    assert await refusal(AsyncWebClient(base_url=url).auth_test()) == "not_authed"
    assert await refusal(AsyncWebClient("xoxb-wrong", base_url=url).auth_test()) == "invalid_auth"
    assert await refusal(AsyncWebClient(keys.app_token, base_url=url).users_list()) == "not_allowed_token_type"
    wrong = AsyncWebClient(base_url=url).apps_connections_open(app_token=keys.bot_token)
    assert await refusal(wrong) == "not_allowed_token_type"
    me = await AsyncWebClient(keys.bot_token, base_url=url).auth_test()
    assert (me["user_id"], me["bot_id"], me["team"]) == (keys.bot_user, keys.bot_id, "Workspace")


async def test_unknown_methods_and_broken_bodies(workspace: Workspace, web: AsyncWebClient) -> None:
    assert await refusal(web.api_call("chat.sing")) == "unknown_method"
    assert (await web.api_test(foo="bar"))["args"]["foo"] == "bar"
    async with ClientSession() as session:
        headers = {"Content-Type": "application/json"}
        for body, error in ((b"{", "invalid_json"), (b"[1]", "json_not_object")):
            async with session.post(f"{workspace.api_url}api.test", data=body, headers=headers) as answer:
                assert (await answer.json())["error"] == error


async def test_scopes_of_the_manifest_are_held_to(config: WorkspaceConfig) -> None:
    narrow = parse_manifest({"oauth_config": {"scopes": {"bot": ["users:read"]}}})
    async with Workspace(replace(config, manifest=narrow)) as workspace:
        web = AsyncWebClient(config.credentials.bot_token, base_url=workspace.api_url)
        assert (await web.users_list())["ok"]
        assert await refusal(web.chat_postMessage(channel="deploys", text="no")) == "missing_scope"


async def test_post_update_delete(web: AsyncWebClient) -> None:
    channel = await deploys(web)
    metadata = {"event_type": "deployment", "event_payload": {"id": "7"}}
    posted = await web.chat_postMessage(channel="#deploys", text="<b> &amp; *bold*", metadata=metadata)
    assert posted["channel"] == channel
    assert posted["message"]["text"] == "<b> &amp; *bold*"
    history = (await web.conversations_history(channel=channel, include_all_metadata=True))["messages"]
    assert history[0]["metadata"] == metadata
    assert "metadata" not in (await web.conversations_history(channel=channel))["messages"][0]
    await web.chat_update(channel=channel, ts=posted["ts"], text="new", blocks=[{"type": "divider"}])
    await web.chat_update(channel=channel, ts=posted["ts"], text="newest")
    latest = (await web.conversations_history(channel=channel, include_all_metadata=True))["messages"][0]
    assert (latest["text"], latest["metadata"]) == ("newest", metadata)
    assert "blocks" not in latest
    link = await web.chat_getPermalink(channel=channel, message_ts=posted["ts"])
    assert link["permalink"].endswith(f"/archives/{channel}/p{posted['ts'].replace('.', '')}")
    await web.chat_delete(channel=channel, ts=posted["ts"])
    assert await refusal(web.chat_update(channel=channel, ts=posted["ts"], text="x")) == "message_not_found"


async def test_messages_that_are_refused(web: AsyncWebClient, workspace: Workspace) -> None:
    channel = await deploys(web)
    said = await (await workspace.client("ada")).say("deploys", "mine")
    assert await refusal(web.chat_postMessage(channel="C0NOWHERE", text="x")) == "channel_not_found"
    assert await refusal(web.api_call("chat.postMessage", json={"channel": channel})) == "no_text"
    assert await refusal(web.chat_postMessage(channel=channel, text="x" * 40_001)) == "msg_too_long"
    assert await refusal(web.chat_update(channel=channel, ts=said["ts"], text="x")) == "cant_update_message"
    assert await refusal(web.chat_delete(channel=channel, ts=said["ts"])) == "cant_delete_message"
    assert await refusal(web.chat_postMessage(channel=channel, text="x", thread_ts="1.000000")) == "thread_not_found"
    with pytest.raises(SlackApiError) as caught:
        await web.chat_postMessage(channel=channel, text="x", blocks=[{"type": "header", "text": TEXT}] * 51)
    response = caught.value.response
    assert response["error"] == "invalid_blocks"
    assert response["response_metadata"]["messages"] == ["[ERROR] no more than 50 items allowed [json-pointer:/blocks]"]


async def test_threads(web: AsyncWebClient, workspace: Workspace) -> None:
    channel = await deploys(web)
    parent = await web.chat_postMessage(channel=channel, text="parent")
    first = await web.chat_postMessage(channel=channel, text="one", thread_ts=parent["ts"])
    await web.chat_postMessage(channel=channel, text="two", thread_ts=first["ts"], reply_broadcast=True)
    history = (await web.conversations_history(channel=channel))["messages"]
    assert [one["text"] for one in history] == ["two", "parent"]
    assert (history[1]["reply_count"], history[1]["latest_reply"]) == (2, history[0]["ts"])
    replies = (await web.conversations_replies(channel=channel, ts=parent["ts"]))["messages"]
    assert [one["text"] for one in replies] == ["parent", "one", "two"]
    await web.chat_delete(channel=channel, ts=parent["ts"])
    ada = await workspace.client("ada")
    left = await ada.thread("deploys", parent["ts"])
    assert (left[0]["subtype"], len(left)) == ("tombstone", 3)


async def test_history_in_pages(web: AsyncWebClient, workspace: Workspace) -> None:
    channel, ada = await deploys(web), await workspace.client("ada")
    stamps = [(await ada.say("deploys", str(number)))["ts"] for number in range(7)]
    found: list[str] = []
    async for page in await web.conversations_history(channel=channel, limit=3):
        found += [one["text"] for one in page["messages"]]
    assert found == list("6543210")
    between = await web.conversations_history(channel=channel, oldest=stamps[2], latest=stamps[4])
    assert [one["text"] for one in between["messages"]] == ["3"]
    closed = await web.conversations_history(channel=channel, oldest=stamps[2], latest=stamps[4], inclusive=True)
    assert [one["text"] for one in closed["messages"]] == ["4", "3", "2"]
    assert await refusal(web.conversations_history(channel=channel, cursor="nonsense")) == "invalid_cursor"


async def test_channels(web: AsyncWebClient, workspace: Workspace) -> None:
    made = (await web.conversations_create(name="inc-1"))["channel"]
    assert await refusal(web.conversations_create(name="inc-1")) == "name_taken"
    assert await refusal(web.conversations_create(name="Inc 2")) == "invalid_name_specials"
    await web.conversations_setTopic(channel=made["id"], topic="Shop is slow")
    await web.conversations_setPurpose(channel=made["id"], purpose="To mend it")
    await web.conversations_invite(channel=made["id"], users="U0ADA,U0ALAN")
    info = (await web.conversations_info(channel=made["id"]))["channel"]
    assert (info["topic"]["value"], info["purpose"]["value"]) == ("Shop is slow", "To mend it")
    members = (await web.conversations_members(channel=made["id"]))["members"]
    assert members == [workspace.config.credentials.bot_user, "U0ADA", "U0ALAN"]
    grace = await workspace.client("grace")
    assert (await grace.say("inc-1", "let me in"))["error"] == "not_in_channel"
    assert (await grace.join("inc-1"))["channel"]["is_member"]
    assert (await grace.say("inc-1", "thanks"))["ok"]


async def test_people_and_direct_messages(web: AsyncWebClient, workspace: Workspace) -> None:
    assert (await web.users_lookupByEmail(email="ADA@example.com"))["user"]["id"] == "U0ADA"
    assert await refusal(web.users_lookupByEmail(email="no@example.com")) == "users_not_found"
    assert (await web.users_info(user="U0GRACE"))["user"]["tz"] == "America/New_York"
    assert (await web.team_info())["team"]["id"] == "T0WORKSPACE"
    channel = (await web.conversations_open(users=["U0ADA"]))["channel"]["id"]
    posted = await web.chat_postMessage(channel="U0ADA", text="your link")
    assert posted["channel"] == channel
    ada, grace = await workspace.client("ada"), await workspace.client("grace")
    assert (await ada.wait_message(channel, lambda one: bool(one["text"])))["text"] == "your link"
    assert (await grace._get("messages", channel=channel))["error"] == "channel_not_found"


async def test_guests_and_people_who_left(config: WorkspaceConfig) -> None:
    guest, left = Person("U0GUEST", "guest", "A Guest", guest=True), Person("U0LEFT", "left", "Long Gone", deleted=True)
    async with Workspace(replace(config, people=(*config.people, guest, left))) as workspace:
        web = AsyncWebClient(config.credentials.bot_token, base_url=workspace.api_url)
        people = {one["name"]: (one["is_restricted"], one["deleted"]) for one in (await web.users_list())["members"]}
    assert (people["guest"], people["left"], people["ada"]) == ((True, False), (False, True), (False, False))


async def test_a_channel_without_the_bot_is_closed_to_it(config: WorkspaceConfig) -> None:
    closed = tuple(replace(one, with_bot=one.name != "deploys") for one in config.channels)
    async with Workspace(replace(config, channels=closed)) as workspace:
        web = AsyncWebClient(config.credentials.bot_token, base_url=workspace.api_url)
        channel = await deploys(web)
        assert await refusal(web.chat_postMessage(channel=channel, text="x")) == "not_in_channel"
        assert await refusal(web.conversations_history(channel=channel)) == "not_in_channel"
        assert (await web.conversations_join(channel=channel))["channel"]["is_member"]
        assert (await web.chat_postMessage(channel=channel, text="x"))["ok"]


async def test_reactions_and_user_groups(config: WorkspaceConfig) -> None:
    oncall = GroupSpec("S0ONCALL", "oncall", "On call", ("U0ADA",))
    async with Workspace(replace(config, groups=(oncall,))) as workspace:
        web = AsyncWebClient(config.credentials.bot_token, base_url=workspace.api_url)
        channel, ada = await deploys(web), await workspace.client("ada")
        said = await ada.say("deploys", "done")
        await web.reactions_add(channel=channel, timestamp=said["ts"], name="eyes")
        again = web.reactions_add(channel=channel, timestamp=said["ts"], name="eyes")
        assert await refusal(again) == "already_reacted"
        seen = await ada.wait_for(lambda seen: seen.name == "reaction")
        assert seen.data["message"]["reactions"][0]["name"] == "eyes"
        assert "edited" not in seen.data["message"]
        await web.reactions_remove(channel=channel, timestamp=said["ts"], name="eyes")
        assert await refusal(web.usergroups_users_update(usergroup="S0ONCALL", users=[])) == "no_users_provided"
        await web.usergroups_users_update(usergroup="S0ONCALL", users=["U0GRACE"])
        assert (await web.usergroups_list())["usergroups"][0]["users"] == ["U0GRACE"]


class Clock:
    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time


async def test_trigger_ids_and_hashes(config: WorkspaceConfig, manifest: Manifest) -> None:
    clock = Clock()
    async with Workspace(config, now=clock) as workspace:
        web = AsyncWebClient(config.credentials.bot_token, base_url=workspace.api_url)

        def triggers() -> str:
            return workspace._desk.triggers.issue("U0ADA", workspace._desk.now())

        assert await refusal(web.views_open(trigger_id="1.2.3", view=MODAL)) == "invalid_trigger_id"
        trigger = triggers()
        view = (await web.views_open(trigger_id=trigger, view=MODAL))["view"]
        assert await refusal(web.views_open(trigger_id=trigger, view=MODAL)) == "exchanged_trigger_id"
        late = triggers()
        clock.time += timedelta(seconds=3.1)
        assert await refusal(web.views_open(trigger_id=late, view=MODAL)) == "expired_trigger_id"
        updated = (await web.views_update(view_id=view["id"], hash=view["hash"], view=MODAL))["view"]
        assert updated["hash"] != view["hash"]
        assert await refusal(web.views_update(view_id=view["id"], hash=view["hash"], view=MODAL)) == "hash_conflict"
        assert await refusal(web.views_update(view_id="V0NOTHING", view=MODAL)) == "not_found"
        long = {**MODAL, "title": {**TEXT, "text": "x" * 25}}
        assert await refusal(web.views_open(trigger_id=triggers(), view=long)) == "invalid_arguments"


async def test_a_response_url_ends_after_half_an_hour(config: WorkspaceConfig) -> None:
    clock = Clock()
    async with Workspace(config, now=clock) as workspace, ClientSession() as session:
        channel = workspace.state.find_channel("deploys")
        assert channel is not None
        url = workspace._desk.response_url(channel.id, "U0ADA")
        for minutes, status in ((29, 200), (2, 404)):
            clock.time += timedelta(minutes=minutes)
            async with session.post(url, json={"text": "late"}) as answer:
                assert answer.status == status
        async with session.post(f"{workspace.url}response/T0WORKSPACE/guess", json={"text": "x"}) as answer:
            assert (await answer.json())["error"] == "invalid_url"


async def test_posting_too_fast_is_held_back(web: AsyncWebClient) -> None:
    posts = [web.chat_postMessage(channel="deploys", text=str(number)) for number in range(5)]
    for post in posts[:4]:
        await post
    with pytest.raises(SlackApiError) as caught:
        await posts[4]
    assert caught.value.response.status_code == 429
    assert caught.value.response["error"] == "ratelimited"
    assert caught.value.response.headers["Retry-After"] == "1"
    assert (await web.chat_postMessage(channel="incidents", text="another channel goes on"))["ok"]


async def test_faults_on_order(workspace: Workspace, web: AsyncWebClient) -> None:
    workspace.faults.answer("users.info", "ratelimited", retry_after=30)
    with pytest.raises(SlackApiError) as caught:
        await web.users_info(user="U0ADA")
    assert caught.value.response.headers["Retry-After"] == "30"
    assert (await web.users_info(user="U0ADA"))["ok"]
    workspace.faults.answer("users.info", "error")
    with pytest.raises(SlackApiError) as caught:
        await web.users_info(user="U0ADA")
    assert caught.value.response.status_code == 500
    workspace.faults.answer("chat.postMessage", "drop", channel="deploys")
    web.retry_handlers.clear()
    with pytest.raises(ClientError):
        await web.chat_postMessage(channel="deploys", text="lost")
    workspace.faults.answer("chat.postMessage", "drop_after")
    with pytest.raises(ClientError):
        await web.chat_postMessage(channel="deploys", text="done, but nobody said so")
    ada = await workspace.client("ada")
    assert [one["text"] for one in await ada.messages("deploys")] == ["done, but nobody said so"]
    workspace.faults.answer("team.info", "hang")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await web.team_info()
    logged = [(call.method, call.status, call.error) for call in workspace.faults.calls]
    assert logged == [
        ("users.info", 429, "ratelimited"),
        ("users.info", 200, ""),
        ("users.info", 500, "internal_error"),
        ("chat.postMessage", 0, "connection_drop"),
        ("chat.postMessage", 0, "connection_dropped"),
        ("team.info", 0, "connection_hang"),
    ]
