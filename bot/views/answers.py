"""Private answers: help, refusals, what was not understood. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bot.views.blocks import (
    Block,
    Message,
    actions,
    button,
    code,
    context,
    cut,
    cut_markup,
    escape,
    fitted,
    paragraphs,
    plain,
    section,
)
from bot.words.grammar import ROOT, Misunderstood, Verb

RUN_SUGGESTION: Final = "suggestion.run"
LONGEST: Final = 2500  # characters of a reason; the rest of it would not fit


def render_misunderstood(error: Misunderstood, *, warning: str = "") -> Message:
    """What was wrong, the right form, and the nearest correct line with a button that runs it.

    With a `warning` the line held a secret, so nothing of it is repeated.
    """
    reason = "I did not understand that." if warning else cut(error.reason, LONGEST)
    suggestion = "" if warning else error.suggestion
    blocks: list[Block] = [section(escape(reason))]
    if suggestion:
        blocks.append(section(f"Did you mean {code(suggestion)}?"))
        blocks.append(actions("suggestion", button("Yes, run it", RUN_SUGGESTION, suggestion)))
    if error.usage:
        blocks.append(context(f"Usage: {code(error.usage)}"))
    better = f" Did you mean {suggestion}?" if suggestion else f" Usage: {error.usage}" if error.usage else ""
    return warned(Message(cut_markup(escape(f"{reason}{better}"), LONGEST), blocks), warning)


def render_refusal(error: str, remedy: str, *, warning: str = "") -> Message:
    """Why it was not done, and what to do next."""
    # A command stands in quotes: marks kept from working would be copied with it.
    told = [plain(cut(part, LONGEST // 2).replace("`", "'")) for part in (error, remedy) if part]
    spoken = cut_markup(escape(f"{error} {remedy}".strip()), LONGEST)
    return warned(Message(spoken, [section("\n".join(told))]), warning)


def render_done(text: str) -> Message:
    """A short private word that it was done; `text` is mrkdwn of ours."""
    return Message(cut_markup(text, LONGEST), [section(text)])


def warned(message: Message, warning: str) -> Message:
    """`message` with a warning above it, where there is one."""
    if not warning:
        return message
    spoken = cut_markup(escape(warning), LONGEST // 2)
    return Message(f"{spoken} {message.text}", fitted([section(f"⚠️ {plain(warning)}"), *message.blocks]))


def render_help(verbs: Sequence[Verb], *, only: str = "") -> Message:
    """What this person may do here; of the verb `only`, where it is named and allowed."""
    shown = [verb for verb in verbs if verb.name == only]
    title = "How it is written" if shown else f"You may not {only} here. What you can do" if only else "What you can do"
    lines = [f"{code(f'{ROOT} {verb.usage}')}\n{verb.summary}" for verb in shown or verbs]
    note = "You see what you may do. Mention me in a thread, where slash commands do not work."
    spoken = "; ".join(f"{ROOT} {verb.usage}: {verb.summary}" for verb in shown or verbs)
    return Message(escape(f"{title}: {spoken}"), [section(f"*{title}*"), *paragraphs(lines), context(note)])
