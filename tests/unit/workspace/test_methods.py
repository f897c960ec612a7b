"""Whatever an app sends, every method of the Web API answers or refuses with a code; it never breaks."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.workspace import methods_chat, methods_conversations, methods_views, random_config
from bot.workspace.arguments import Arguments
from bot.workspace.desk import Desk
from bot.workspace.errors import Refused
from bot.workspace.faults import Faults
from bot.workspace.journal import Journal, decode, encode
from bot.workspace.model import Event, Json, State, fold
from bot.workspace.snapshot import snapshot

METHODS: dict[str, Callable[[Desk, Arguments], Json]] = {
    **methods_chat.METHODS,
    **methods_conversations.METHODS,
    **methods_views.METHODS,
}
BLOCKS = [{"type": "section", "text": {"type": "mrkdwn", "text": "x"}}]
MODAL = {"type": "modal", "title": {"type": "plain_text", "text": "x"}, "blocks": []}
HOME = {"type": "home", "blocks": BLOCKS}
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "channel": st.sampled_from(["deploys", "#general", "U0ADA", "C0NONE", {}, 7]),
    "text": st.sampled_from(["x", "", "<@U0ADA> & <b>", 7]),
    "blocks": st.sampled_from([BLOCKS, [], "[]", "[", [{}], 7]),
    "attachments": st.sampled_from([[], [{"blocks": BLOCKS}], [7], "x"]),
    "metadata": st.sampled_from([{"event_type": "a", "event_payload": {}}, "{", [], 7]),
    "user": st.sampled_from(["U0ADA", "U0APPBOT", "U0NONE", []]),
    "user_id": st.sampled_from(["U0ADA", "U0APPBOT", "U0NONE"]),
    "users": st.sampled_from([["U0ADA"], "U0ADA,U0ALAN", "", 7, {}]),
    "name": st.sampled_from(["inc-1", "Inc 1", "x" * 81, ":eyes:", None]),
    "limit": st.sampled_from([1, "2", "many", 0, -1, None]),
    "cursor": st.sampled_from(["", "o:1", "o:x", "x"]),
    "oldest": st.sampled_from(["0", "never", "1.5", ""]),
    "latest": st.sampled_from(["9999999999", "nan", ""]),
    "view": st.sampled_from([MODAL, HOME, "{", {}, [], 7]),
    "topic": st.sampled_from(["x", "x" * 251]),
    "reply_broadcast": st.booleans(),
}
ODD = st.lists(st.sampled_from(sorted(VALUES)), max_size=3, unique=True).flatmap(
    lambda names: st.fixed_dictionaries({name: VALUES[name] for name in names})
)
GOOD: Json = {"channel": "deploys", "text": "x", "name": "eyes", "user": "U0ADA", "user_id": "U0ADA", "users": "U0ALAN"}
CALLS = st.lists(st.tuples(st.sampled_from(sorted(METHODS)), ODD), max_size=12)
TS_OF = ("thread_ts", "ts", "message_ts", "timestamp")


def run(desk: Desk, calls: list[tuple[str, Json]]) -> int:
    """Make the calls, sound but for their odd arguments, about the newest message. Returns how many were done."""
    done = 0
    for number, (method, odd) in enumerate(calls):
        known = dict.fromkeys(TS_OF[number % 2 :], desk.state.last_ts)
        view = HOME if method == "views.publish" else MODAL
        top = next(reversed(desk.state.views), "")
        trigger = desk.triggers.issue("U0ADA", desk.now(), top)
        with suppress(Refused):
            METHODS[method](
                desk, Arguments({**GOOD, **known, "view": view, "view_id": top, "trigger_id": trigger, **odd})
            )
            done += 1
    return done


def fresh_desk(log: list[Event]) -> Desk:
    class Kept(Journal):
        def append(self, event: Event) -> None:
            log.append(event)

    def now() -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    told: list[Json] = []
    desk = Desk(random_config(), Kept(None), now, told.append, Faults())
    desk.restore()
    return desk


@given(CALLS)
def test_calls_are_answered_or_refused_and_the_journal_leads_to_the_same_state(calls: list[tuple[str, Json]]) -> None:
    log: list[Event] = []
    desk = fresh_desk(log)
    run(desk, calls)
    replayed, tidied = State(), State()
    for event in log:
        fold(replayed, decode(encode(event)))
    assert replayed == desk.state
    for event in snapshot(desk.state):
        fold(tidied, event)
    assert tidied.messages == desk.state.messages
    assert {key: row for key, row in desk.state.timeline.items() if row} == tidied.timeline
    assert {key: row for key, row in desk.state.threads.items() if row} == tidied.threads
    assert (tidied.channels, tidied.homes, tidied.views) == (desk.state.channels, desk.state.homes, desk.state.views)


@pytest.mark.parametrize("method", sorted(METHODS))
def test_a_call_without_arguments_is_refused_or_answered(method: str) -> None:
    with suppress(Refused):
        METHODS[method](fresh_desk([]), Arguments({}))


def test_sound_calls_are_done() -> None:
    steps = ["chat.postMessage", "chat.update", "chat.postMessage", "reactions.add", "reactions.remove", "chat.delete"]
    views = ["views.open", "views.push", "views.update", "views.publish"]
    first = {"thread_ts": ""}
    assert run(fresh_desk([]), [(method, first) for method in [*steps, *views]]) == 10
