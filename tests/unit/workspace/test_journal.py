"""The journal: a workspace killed and started again keeps everything; a torn line does no harm."""

import errno
import os
import signal
import sys
from asyncio import create_subprocess_exec, subprocess, timeout
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.web.async_client import AsyncWebClient

from bot.workspace import Manifest, Workspace, WorkspaceClient, WorkspaceConfig
from bot.workspace.journal import Journal, JournalBroken, decode, encode
from bot.workspace.lock import JournalInUse
from bot.workspace.model import Channel, ChannelSaved, Message, MessagePosted, ReadMarked, State, fold, next_ts

Json = dict[str, Any]
WORDS = st.text(max_size=20)


async def test_a_restart_keeps_everything(config: WorkspaceConfig, tmp_path: Path) -> None:
    config = replace(config, journal=tmp_path / "workspace.jsonl")
    async with Workspace(config) as workspace:
        web = AsyncWebClient(config.credentials.bot_token, base_url=workspace.api_url)
        ada = await workspace.client("ada")
        posted = await web.chat_postMessage(
            channel="deploys", text="Ünïcode \u2028 <&>", metadata={"event_type": "a", "event_payload": {}}
        )
        await web.chat_update(channel=posted["channel"], ts=posted["ts"], text="changed")
        await web.chat_postEphemeral(channel="deploys", user="U0ADA", text="only Ada")
        await web.chat_postMessage(channel="deploys", text="reply", thread_ts=posted["ts"])
        await web.views_publish(user_id="U0ADA", view={"type": "home", "blocks": [{"type": "divider"}]})
        await web.reactions_add(channel=posted["channel"], timestamp=posted["ts"], name="eyes")
        await ada.boot()
        before = workspace.state
    async with Workspace(config) as workspace:
        assert workspace.state == before
        again = await (await workspace.client("ada")).messages("deploys")
        assert [one["text"] for one in again] == ["changed", "only Ada"]


def size(path: Path) -> int:
    return path.stat().st_size


async def test_a_long_journal_is_tidied(
    config: WorkspaceConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "workspace.jsonl"
    config = replace(config, journal=path, rates=None, manifest=Manifest())
    async with Workspace(config) as workspace:
        web = AsyncWebClient(config.credentials.bot_token, base_url=workspace.api_url)
        posted = await web.chat_postMessage(channel="deploys", text="0 %")
        for percent in range(1, 50):
            await web.chat_update(channel=posted["channel"], ts=posted["ts"], text=f"{percent} %")
        await web.chat_postMessage(channel="deploys", text="reply", thread_ts=posted["ts"])
        before = workspace.state
    long = size(path)
    monkeypatch.setattr("bot.workspace.journal.TIDY_FROM", 10)
    for _ in range(2):
        async with Workspace(config) as workspace:
            assert workspace.state == before
    assert size(path) < long / 4


def test_a_torn_last_line_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    event = ReadMarked("U", "C", "1.000000")
    with Journal(path) as journal:
        journal.append(event)
    path.write_bytes(path.read_bytes() + encode(event)[:-9])
    with Journal(path) as journal:
        assert list(journal.replay()) == [event]
        journal.append(event)
    with Journal(path) as journal:
        assert list(journal.replay()) == [event, event]


def test_a_journal_has_one_workspace_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, event = tmp_path / "journal", ReadMarked("U", "C", "1.000000")
    monkeypatch.setattr("bot.workspace.journal.TIDY_FROM", 0)
    with Journal(path) as first:
        first.append(event)
        first.restore()  # tidied: the journal is another file now
        with pytest.raises(JournalInUse, match=rf"process {os.getpid()}\) uses .*journal\. Stop it first"):
            Journal(path).__enter__()
        first.append(event)
    with Journal(path) as second:
        assert len(list(second.replay())) == 2


@pytest.mark.parametrize(
    "line", [b"nonsense\n", b"[]\n", b'{"event":"Sung"}\n', b'{"event":"ReadMarked"}\n', b"\xff\n"]
)
def test_a_broken_line_in_the_middle_is_refused(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "journal"
    path.write_bytes(line + encode(ReadMarked("U", "C", "1.000000")))
    with Journal(path) as journal, pytest.raises(JournalBroken, match=r"journal:1: .* move it away"):
        list(journal.replay())


def test_a_full_disk_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal"
    event = ReadMarked("U", "C", "1.000000")
    with Journal(path) as journal:
        journal.append(event)

        class Full:
            """A file whose disk takes only a part of what is written."""

            def __init__(self, real: Any) -> None:
                self.real = real

            def write(self, data: bytes) -> int:
                return int(self.real.write(data[:10]))

            def __getattr__(self, name: str) -> Any:
                return getattr(self.real, name)

        monkeypatch.setattr(journal, "_file", Full(journal._file))
        with pytest.raises(OSError, match="is the disk full") as caught:
            journal.append(event)
    assert caught.value.errno == errno.ENOSPC
    assert path.read_bytes() == encode(event)


async def test_a_journal_that_cannot_be_written_is_said(
    workspace: Workspace, web: AsyncWebClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(event: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    ada = await workspace.client("ada")
    monkeypatch.setattr(workspace._desk._journal, "append", refuse)
    with pytest.raises(Exception, match="fatal_error"):
        await web.chat_postMessage(channel="deploys", text="x")
    assert (await ada.say("deploys", "x"))["error"] == "fatal_error"
    assert await ada.messages("deploys") == []


@given(WORDS, WORDS, st.lists(WORDS, max_size=3))
def test_events_survive_their_line(text: str, topic: str, members: list[str]) -> None:
    message = Message("1.000000", "C", "U", text, blocks=[{"text": topic}], reactions={topic: members})
    channel = Channel("C", topic, "U", 1, tuple(members), topic)
    for event in (MessagePosted(message), ChannelSaved(channel)):
        line = encode(event)
        assert line.count(b"\n") == 1
        assert decode(line) == event


@given(st.lists(st.floats(min_value=0, max_value=4e9), min_size=1, max_size=20))
def test_timestamps_only_grow(times: list[float]) -> None:
    state = State()
    for time in times:
        ts = next_ts(state.last_ts, time)
        assert ts > state.last_ts
        assert len(ts) == 17
        fold(state, MessagePosted(Message(ts, "C", "U", "x")))


async def test_a_killed_process_loses_nothing(tmp_path: Path) -> None:
    people = tmp_path / "people.yaml"
    people.write_text("team: {name: Zoo}\npeople: [{name: ada}, {name: bob, real_name: Bob}]\nchannels: [yard]\n")
    environment = {**os.environ, "SLACK_BOT_TOKEN": "xoxb-1", "SLACK_APP_TOKEN": "xapp-1", "SLACK_SIGNING_SECRET": "s"}
    command = ("-m", "bot.workspace", "--people", str(people), "--journal", str(tmp_path / "j"))

    async def start() -> tuple[subprocess.Process, str]:
        process = await create_subprocess_exec(
            sys.executable, *command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert process.stdout is not None
        async with timeout(20):
            first = (await process.stdout.readline()).decode()
        return process, first.split()[-1]

    process, url = await start()
    async with WorkspaceClient(url, "U0ADA") as ada:
        assert (await ada.say("yard", "still here?"))["ok"]
    process.kill()
    await process.communicate()
    process, url = await start()
    async with WorkspaceClient(url, "U0BOB") as bob:
        assert [one["text"] for one in await bob.messages("yard")] == ["still here?"]
        assert (await bob.boot())["team"]["name"] == "Zoo"
    process.send_signal(signal.SIGTERM)
    out, err = await process.communicate()
    assert process.returncode == 0
    assert err == b""
    assert b"xoxb-1" not in out
