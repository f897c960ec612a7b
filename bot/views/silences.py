"""Silences as people read them: the list, the form with its preview, the answer, and what the channel is told. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from alerting.silences.notices import Kind
from alerting.silences.silence import SYSTEM, Silence, State
from bot.readings.now import AlertRow
from bot.views.blocks import (
    Block,
    Mention,
    Message,
    actions,
    button,
    code,
    confirm,
    context,
    cut,
    cut_markup,
    escape,
    fitted,
    paragraphs,
    plain,
    section,
    span,
    when,
)
from bot.words.silences import written

EXPIRE: Final = "silence.expire"
SILENCE_FORM: Final = "form.silence"
MATCHERS: Final = "matchers"
DURATION: Final = "duration"
OWN_DURATION: Final = "own_duration"
COMMENT: Final = "comment"
PREVIEW: Final = "preview"

RESOLVED: Final = "resolved"
OWN: Final = "own"
DURATIONS: Final = {
    "1h": "1 hour",
    "4h": "4 hours",
    "1d": "1 day",
    RESOLVED: "until resolved (7 days at most)",
    OWN: "as long as I write below",
}
LONGEST_MATCHERS: Final = 500
LONGEST_COMMENT: Final = 500
MOST_SILENCES: Final = 15
MOST_NAMED: Final = 5
TOGETHER: Final = {
    Kind.STARTED: ("🔕", "have begun"),
    Kind.ENDING: ("⏰", "end soon"),
    Kind.ENDED: ("🔔", "have ended"),
}
STATES: Final = {State.ACTIVE: "🔕 active", State.PENDING: "⏳ pending", State.EXPIRED: "⚪ expired"}


@dataclass(frozen=True, slots=True)
class ShownSilence:
    """A silence as it is now, and how many alerts it mutes."""

    silence: Silence
    state: State
    muted: int = 0


def render_silences(silences: Sequence[ShownSilence], *, mention: Mention) -> Message:
    """Those that are active or pending with a button each, and how many ended lately."""
    live = [one for one in silences if one.state is not State.EXPIRED]
    ended = len(silences) - len(live)
    over = f"{ended:,} ended in the last five days." if ended else ""
    if not live:
        text = "Nothing is silenced."
        hint = f"{over} Mute alerts: `/ops silence`.".strip()
        return Message(text, [section(text), context(hint)])
    blocks = [_row(one, mention) for one in live[:MOST_SILENCES]]
    left = len(live) - MOST_SILENCES
    notes = [f"{left:,} more; the board has them all." if left > 0 else "", over]
    if any(notes):
        blocks.append(context(" ".join(note for note in notes if note)))
    return Message(f"{len(live):,} silences", fitted(blocks))


def _row(one: ShownSilence, mention: Mention) -> Block:
    silence = one.silence
    muted = f" · mutes {_alerts(one.muted)} now" if one.state is State.ACTIVE else ""
    lines = [
        f"*{STATES[one.state]}* {_when(silence, one.state)}{muted}",
        matchers_text(silence),
        f"{mention(silence.created_by)}: {plain(cut(silence.comment, 300))} · {code(silence.id[:8])}",
    ]
    question = confirm(
        "End this silence?", cut_markup(f"Its alerts are told again: {matchers_text(silence)}", 300), "End"
    )
    return section("\n".join(lines), accessory=button("End", EXPIRE, silence.id, style="danger", confirm=question))


def _when(silence: Silence, state: State) -> str:
    if state is State.PENDING:
        return f"from {when(silence.starts_at)} {until(silence)}"
    return until(silence)


def until(silence: Silence) -> str:
    """`until 10:42`, or `until its alerts are resolved, at the latest 10:42`."""
    if silence.until_resolved:
        return f"until its alerts are resolved, {when(silence.ends_at)} at the latest"
    return f"until {when(silence.ends_at)}"


def matchers_text(silence: Silence) -> str:
    """The matchers in code style."""
    return code(written(silence.matchers), 500)


def _alerts(count: int) -> str:
    return "1 alert" if count == 1 else f"{count:,} alerts"


def render_silenced(silence: Silence, muted: int, state: State) -> Message:
    """The private answer to who silenced something."""
    lines = [f"*Silenced* {_when(silence, state)}", matchers_text(silence), f"Mutes {_alerts(muted)} now."]
    if not muted:
        lines[-1] = "Nothing that fires now matches; what fires later will be muted."
    spoken = cut_markup(f"Silenced: {escape(written(silence.matchers))}", 1000)
    return Message(spoken, [section("\n".join(lines)), actions("silenced", _end(silence))])


def render_ended(silence: Silence) -> Message:
    """The private answer to who ended one."""
    spoken = cut_markup(f"Ended: {escape(written(silence.matchers))}", 1000)
    return Message(spoken, [section(f"*Ended.* Its alerts are told again.\n{matchers_text(silence)}")])


def _end(silence: Silence) -> Block:
    return button("End it now", EXPIRE, silence.id)


# What the channel is told


def render_started(silence: Silence, *, mention: Mention, live: bool = True) -> Message:
    """It has begun; once it is no longer `live`, its end is known and there is nothing to press."""
    end = until(silence) if live else f"until {when(silence.ends_at)}"
    head = f"🔕 {mention(silence.created_by)} silenced alerts {end}"
    return _notice(head, "Alerts are silenced", silence, live=live)


def render_ending(silence: Silence, now: datetime) -> Message:
    """It ends soon."""
    left = span(max(silence.ends_at - now, timedelta(seconds=1)))
    return _notice(f"⏰ A silence ends in {left}, {when(silence.ends_at)}", "A silence ends soon", silence, live=True)


def render_over(silence: Silence, *, mention: Mention) -> Message:
    """It has ended, by itself or by somebody."""
    if silence.ended_by == SYSTEM:
        how = "Nothing that it muted fires any more."
    elif silence.ended_by:
        how = f"{mention(silence.ended_by)} ended it."
    else:
        how = "Its time is over."
    return _notice(f"🔔 A silence has ended {when(silence.ends_at)}. {how}", "A silence has ended", silence, live=False)


def render_together(kind: Kind, silences: Sequence[Silence], *, mention: Mention) -> Message:
    """Many of one kind at once."""
    mark, what = TOGETHER[kind]
    head = f"{mark} {len(silences):,} silences {what}"
    lines = [f"{mention(one.created_by)} {until(one)}\n{cut_markup(matchers_text(one), 200)}" for one in silences]
    left = len(silences) - MOST_NAMED
    more = [context(f"and {left:,} more; `/ops silences` shows them.")] if left > 0 else []
    return Message(head, fitted([section(f"*{head}*"), *paragraphs(lines[:MOST_NAMED]), *more]))


def _notice(head: str, spoken: str, silence: Silence, *, live: bool) -> Message:
    why = f"{plain(cut(silence.comment, 300))} · {code(silence.id[:8])}"
    blocks = [section(f"{head}\n{matchers_text(silence)}"), context(why)]
    if live:
        blocks.append(actions(f"silence:{silence.id}", _end(silence)))
    return Message(cut_markup(f"{spoken}: {escape(written(silence.matchers))}", 1000), blocks)


# The form


def render_silence_form(matchers: str, preview: Block) -> dict[str, Any]:
    """The silence modal; `preview` says what the matchers would mute."""
    return {
        "type": "modal",
        "callback_id": SILENCE_FORM,
        "title": _plain("Silence alerts"),
        "submit": _plain("Silence"),
        "close": _plain("Cancel"),
        "blocks": [_matchers(matchers), preview, _durations(), _own_duration(), _comment()],
    }


def _matchers(initial: str) -> Block:
    element: Block = {
        "type": "plain_text_input",
        "action_id": MATCHERS,
        "max_length": LONGEST_MATCHERS,
        "placeholder": _plain('alertname="HighLatency", environment="staging"'),
        "dispatch_action_config": {"trigger_actions_on": ["on_enter_pressed", "on_character_entered"]},
    }
    if initial:
        element["initial_value"] = cut(initial, LONGEST_MATCHERS)
    return {
        "type": "input",
        "block_id": MATCHERS,
        "dispatch_action": True,
        "label": _plain("Alerts whose labels match"),
        "hint": _plain("All of them have to hold. = and != compare, =~ and !~ are regular expressions."),
        "element": element,
    }


def _durations() -> Block:
    options = [{"text": _plain(text), "value": value} for value, text in DURATIONS.items()]
    element = {"type": "static_select", "action_id": DURATION, "options": options, "initial_option": options[0]}
    return {"type": "input", "block_id": DURATION, "label": _plain("For"), "element": element}


def _own_duration() -> Block:
    element = {
        "type": "plain_text_input",
        "action_id": OWN_DURATION,
        "max_length": 20,
        "placeholder": _plain("30m, 2h or 1d12h"),
    }
    label = _plain("How long, in your own words")
    return {"type": "input", "block_id": OWN_DURATION, "optional": True, "label": label, "element": element}


def _comment() -> Block:
    element = {
        "type": "plain_text_input",
        "action_id": COMMENT,
        "max_length": LONGEST_COMMENT,
        "placeholder": _plain("Database upgrade, Ada watches it"),
    }
    return {"type": "input", "block_id": COMMENT, "label": _plain("Why"), "element": element}


def _plain(text: str) -> Block:
    return {"type": "plain_text", "text": text}


def render_preview(rows: Sequence[AlertRow], known: int) -> Block:
    """What would be muted of the `known` alerts that are pending or firing now."""
    if not rows:
        text = f"Matches none of the {_alerts(known)} of now; what fires later would be muted." if known else _NOTHING
        return {**context(text), "block_id": PREVIEW}
    names = "\n".join(_named(row) for row in rows[:MOST_NAMED])
    left = f"\n_and {len(rows) - MOST_NAMED:,} more_" if len(rows) > MOST_NAMED else ""
    return {**context(f"*Would mute {len(rows):,} of {_alerts(known)}*\n{names}{left}"), "block_id": PREVIEW}


_NOTHING: Final = "No alert is pending or firing now; what fires later would be muted."


def _named(row: AlertRow) -> str:
    labels = " ".join(code(f"{name}={value}", 60) for name, value in sorted(row.labels.items()) if name != "alertname")
    return f"{plain(cut(row.name, 60))} {cut_markup(labels, 200)}"


def render_no_preview(reason: str = "") -> Block:
    """Why there is nothing to preview yet."""
    text = f"⚠️ {escape(cut(reason, 500))}" if reason else "What they match shows here while you write."
    return {**context(text), "block_id": PREVIEW}
