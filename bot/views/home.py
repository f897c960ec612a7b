"""The Home tab: what waits for me first, then what is going on. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from bot.readings.now import Overview
from bot.views.blocks import (
    Block,
    Mention,
    actions,
    button,
    context,
    cut,
    divider,
    escape,
    header,
    plain,
    section,
    when,
)
from bot.views.deployment import APPROVE, REJECT, approval_word, button_value, title
from bot.views.incident import ACKNOWLEDGE, take_value
from bot.views.status import flight_line, incident_line, on_call_line, service_line, shift
from engine.deployments.deployment import Deployment, PersonId

OPEN_BOARD: Final = "home.board"
MOST: Final = 10
DRAWN: Final = "home.drawn"  # the block that says when it was drawn, the only one that differs each time


def render_home(
    overview: Overview, *, person: PersonId, waiting: Sequence[Deployment], mention: Mention
) -> dict[str, Any]:
    """The view for one person."""
    blocks: list[Block] = [
        header("What waits for you"),
        *_waiting(overview, person, waiting, mention),
        divider(),
        header("In flight"),
        *_texts([flight_line(one) for one in overview.deployments], "Nothing is being deployed. Try `/ops deploy`."),
        header("Incidents"),
        *_texts([incident_line(one, mention) for one in overview.incidents], "Nothing is broken."),
        header("On call"),
        *_texts([on_call_line(row, mention) for row in overview.on_call], "No schedule is set."),
        header("Services"),
        *_texts([service_line(row) for row in overview.services], "No services yet."),
        {**context(f"As of {when(overview.at)}"), "block_id": DRAWN},
        actions("home", button("Open the board", OPEN_BOARD, "board")),
    ]
    return {"type": "home", "blocks": blocks}


def render_stranger(reason: str, remedy: str) -> dict[str, Any]:
    """The Home tab of somebody the settings file does not name."""
    return {"type": "home", "blocks": [section(f"{escape(reason)}\n{escape(remedy)}")]}


def _waiting(overview: Overview, person: PersonId, waiting: Sequence[Deployment], mention: Mention) -> list[Block]:
    mine = [block for one in waiting[:MOST] for block in _approval(one, mention)]
    pages = [
        section(
            incident_line(one, mention), accessory=button("Acknowledge", ACKNOWLEDGE, take_value(one), style="primary")
        )
        for one in overview.incidents
        if one.acknowledged_by is None and (str(person) in {one.on_call, *(page.person for page in one.pages)})
    ]
    shifts = [context(f"You are on call for {shift(row, mention)}") for row in overview.on_call if row.person == person]
    left = len(pages) + len(waiting) + len(shifts) - 3 * MOST
    more = [context("More waits for you; the board has it all.")] if left > 0 else []
    todo = [*pages[:MOST], *mine] or [section("Nothing. Enjoy the quiet.")]
    return [*todo, *shifts[:MOST], *more]


def _approval(deployment: Deployment, mention: Mention) -> list[Block]:
    asked = f"asked for by {mention(deployment.requested_by)} · {when(deployment.requested_at)}"
    what = "Approve" if deployment.waiting_step is None else approval_word(deployment)
    value = button_value(deployment)
    buttons = [button(what, APPROVE, value, style="primary"), button("Reject", REJECT, value)]
    text = f"*{plain(cut(title(deployment), 200))}* · {asked}"
    return [section(text), actions(f"home:{deployment.id}", *buttons)]


def _texts(lines: Sequence[str], empty: str) -> list[Block]:
    shown = [section(line) for line in lines[:MOST]] or [section(empty)]
    left = len(lines) - MOST
    return [*shown, context(f"{left} more on the board")] if left > 0 else shown
