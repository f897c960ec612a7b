"""Private answers: help, refusals, what was not understood. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bot.commands import ROOT, Misunderstood, Verb
from bot.views.blocks import Block, Message, actions, button, code, context, escape, plain, section

RUN_SUGGESTION: Final = "suggestion.run"


def render_misunderstood(error: Misunderstood) -> Message:
    """What was wrong, the right form, and the nearest correct line with a button that runs it."""
    blocks: list[Block] = [section(escape(error.reason))]
    if error.suggestion:
        blocks.append(section(f"Did you mean {code(error.suggestion)}?"))
        blocks.append(actions("suggestion", button("Yes, run it", RUN_SUGGESTION, error.suggestion)))
    if error.usage:
        blocks.append(context(f"Usage: {code(error.usage)}"))
    suggestion = f" Did you mean {error.suggestion}?" if error.suggestion else ""
    return Message(f"{escape(error.reason)}{escape(suggestion)}", blocks)


def render_refusal(error: str, remedy: str, *, warning: str = "") -> Message:
    """Why it was not done, and what to do next."""
    blocks: list[Block] = [section(f"{plain(error)}\n{plain(remedy)}" if remedy else plain(error))]
    if warning:
        blocks.append(section(f"⚠️ {plain(warning)}"))
    return Message(escape(" ".join(part for part in (error, remedy, warning) if part)), blocks)


def render_done(text: str, *, warning: str = "") -> Message:
    """A short private word that it was done; `text` is mrkdwn of ours."""
    blocks = [section(text)]
    if warning:
        blocks.append(section(f"⚠️ {plain(warning)}"))
    return Message(text, blocks)


def render_help(verbs: Sequence[Verb], *, only: str = "") -> Message:
    """What this person may do here."""
    shown = [verb for verb in verbs if not only or only in (verb.name, *verb.aliases)] or list(verbs)
    lines = [f"{code(f'{ROOT} {verb.usage}')}\n{verb.summary}" for verb in shown]
    note = "You see what you may do. Mention me in a thread, where slash commands do not work."
    return Message(
        "What you can do here", [section("*What you can do here*"), section("\n".join(lines)), context(note)]
    )
