"""What the house may rely on of a chat platform: one suite for Slack, over the embedded workspace, and for the fake."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.chat.port import ChatAway, ChatBusy, ChatRefused, MessageRef, Platform
from bot.chat.slack import SlackPlatform
from bot.views.blocks import Message, section
from bot.workspace import Workspace, load_manifest, random_config
from tests.fakes.chat import FakePlatform

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Trial:
    platform: Platform
    person: str
    trouble: Callable[..., None]


SLACK_METHODS = {"post": "chat.postMessage", "update": "chat.update", "account": "users.info"}


@pytest.fixture(params=["slack", "fake"])
async def trial(request: pytest.FixtureRequest) -> AsyncIterator[Trial]:
    if request.param == "fake":
        fake = FakePlatform()
        yield Trial(fake, "U0ADA", fake.order)
        return
    async with Workspace(random_config(manifest=load_manifest(Path("manifest.yml")), rates=None)) as workspace:
        client = AsyncWebClient(
            workspace.config.credentials.bot_token, base_url=workspace.api_url, retry_handlers=[], timeout=1
        )

        def trouble(method: str, kind: str, **more: object) -> None:
            workspace.faults.answer(SLACK_METHODS[method], kind, **more)

        yield Trial(SlackPlatform(client), "U0ADA", trouble)


async def post(trial: Trial, text: str, key: str, **more: object) -> MessageRef:
    channel = await trial.platform.channel("deploys")
    return await trial.platform.post(channel, Message(text, [section(text)]), metadata={"key": key}, **more)


async def found(trial: Trial, ref: MessageRef, key: str, since: datetime = LONG_AGO, thread: str = "") -> str:
    answer = await trial.platform.find(ref.channel, key, since=since, thread=thread)
    return answer[0] if answer else ""


async def test_a_message_is_found_again_by_its_key(trial: Trial) -> None:
    first, second = await post(trial, "one", "a"), await post(trial, "two", "b")
    assert await found(trial, first, "a") == first.ts
    assert await found(trial, second, "b") == second.ts
    assert await found(trial, first, "c") == ""
    assert await found(trial, first, "a", since=datetime.now(UTC) + timedelta(minutes=1)) == ""


async def test_a_line_of_a_thread_is_found_in_its_thread_only(trial: Trial) -> None:
    parent = await post(trial, "parent", "p")
    line = await post(trial, "line", "l", thread=parent.ts)
    assert await found(trial, parent, "l", thread=parent.ts) == line.ts
    assert await found(trial, parent, "l") == ""


async def test_the_metadata_comes_back(trial: Trial) -> None:
    channel = await trial.platform.channel("deploys")
    payload = {"key": "k", "upto": "3"}
    await trial.platform.post(channel, Message("x"), metadata=payload)
    answer = await trial.platform.find(channel, "k", since=LONG_AGO)
    assert answer is not None
    assert dict(answer[1]) == payload


async def test_an_update_keeps_the_key(trial: Trial) -> None:
    ref = await post(trial, "one", "a")
    await trial.platform.update(ref, Message("two", [section("two")]))
    assert await found(trial, ref, "a") == ref.ts


async def test_a_channel_is_made_once_and_joined(trial: Trial) -> None:
    made = await trial.platform.channel("brand-new")
    assert await trial.platform.channel("brand-new") == made
    await trial.platform.post(made, Message("hello"), metadata={"key": "x"})


async def test_a_direct_conversation_is_one(trial: Trial) -> None:
    direct = await trial.platform.direct(trial.person)
    assert await trial.platform.direct(trial.person) == direct
    await trial.platform.post(direct, Message("psst"), metadata={"key": "x"})


async def test_whispers_go_to_channels_and_threads(trial: Trial) -> None:
    parent = await post(trial, "parent", "p")
    await trial.platform.whisper(parent.channel, trial.person, Message("for you"))
    await trial.platform.whisper(parent.channel, trial.person, Message("for you"), thread=parent.ts)


async def test_what_is_known_of_an_account(trial: Trial) -> None:
    account = await trial.platform.account(trial.person)
    assert account["id"] == trial.person
    assert account["team_id"] == await trial.platform.home_team()


@pytest.mark.parametrize("trouble", ["error", "drop", "hang"])
async def test_a_call_that_may_not_have_arrived_is_away(trial: Trial, trouble: str) -> None:
    channel = await trial.platform.channel("deploys")
    if trouble == "hang" and isinstance(trial.platform, FakePlatform):
        return  # its patience is that of virtual time
    trial.trouble("post", trouble)
    with pytest.raises(ChatAway):
        await trial.platform.post(channel, Message("x"), metadata={"key": "gone"})
    assert await trial.platform.find(channel, "gone", since=LONG_AGO) is None


async def test_a_post_whose_answer_was_lost_is_found(trial: Trial) -> None:
    channel = await trial.platform.channel("deploys")
    trial.trouble("post", "drop_after")
    with pytest.raises(ChatAway):
        await trial.platform.post(channel, Message("x"), metadata={"key": "there"})
    assert await trial.platform.find(channel, "there", since=LONG_AGO) is not None


async def test_too_many_calls_say_how_long_to_wait(trial: Trial) -> None:
    channel = await trial.platform.channel("deploys")
    trial.trouble("post", "ratelimited", retry_after=7)
    with pytest.raises(ChatBusy) as busy:
        await trial.platform.post(channel, Message("x"), metadata={"key": "k"})
    assert busy.value.retry_after == timedelta(seconds=7)


async def test_what_is_refused_is_refused_by_name(trial: Trial) -> None:
    ref = await post(trial, "one", "a")
    with pytest.raises(ChatRefused, match="channel_not_found"):
        await trial.platform.post("nowhere", Message("x"), metadata={"key": "k"})
    with pytest.raises(ChatRefused, match="message_not_found"):
        await trial.platform.update(MessageRef(ref.channel, "1.000001"), Message("x"))
    with pytest.raises(ChatRefused, match="invalid_blocks"):
        await trial.platform.post(ref.channel, Message("x", [section("")]), metadata={"key": "k"})
    with pytest.raises(ChatRefused, match="msg_too_long"):
        await trial.platform.update(ref, Message("x" * 4001))
    with pytest.raises(ChatRefused, match="invalid_name"):
        await trial.platform.channel("Not A Name")
    with pytest.raises(ChatRefused, match=r"invalid_arguments|expired_trigger_id|invalid_trigger"):
        await trial.platform.open_view("1.2.3", {"type": "modal"})
