"""The welcome of the demo: six things to try, each with a button that does it, ticked off when done. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from bot.views.answers import RUN_SUGGESTION
from bot.views.blocks import Block, Message, button, context, header, section

KILL_INSTANCE: Final = "tour.kill_instance"
KILL_PILOTHOUSE: Final = "tour.kill_pilothouse"


@dataclass(frozen=True, slots=True)
class Try:
    """One thing to try: what to do, and the button that does it for whoever presses it."""

    number: int
    title: str
    text: str
    label: str
    action: str
    value: str


TRIES: Final = (
    Try(
        1,
        "Look around",
        "Type `/ops status` anywhere. The answer is for your eyes only. `/ops help` shows what else you may do.",
        "Show the status",
        RUN_SUGGESTION,
        "/ops status",
    ),
    Try(
        2,
        "Deploy a version",
        "The deployment's message appears in #deploys. You can't approve what you asked for: switch to somebody else"
        " at the top left, press *Approve* there, and watch the canary go 10 → 50 → 100 %.",
        "Deploy shop v2",
        RUN_SUGGESTION,
        "/ops deploy shop v2 to production",
    ),
    Try(
        3,
        "Deploy a bad one",
        "v3 fails every third request. Approve it as somebody else. Its gate fails on real numbers, and traffic goes"
        " back before the new processes stop.",
        "Deploy shop v3",
        RUN_SUGGESTION,
        "/ops deploy shop v3 to production",
    ),
    Try(
        4,
        "Get paged",
        "While v3 fails, an alert fires: #incidents shows it with the deployment that likely caused it, and Ben, who is"
        " on call, is paged. Press *Acknowledge*, or wait 45 s and see it climb to the next person.",
        "Show the incidents",
        RUN_SUGGESTION,
        "/ops incidents",
    ),
    Try(
        5,
        "Kill an instance",
        "A process of the shop is killed with -9. The health check sees it, the proxy goes round it, it is started"
        " again. The board shows each step.",
        "Kill an instance",
        KILL_INSTANCE,
        "shop",
    ),
    Try(
        6,
        "Kill Pilothouse itself",
        "Best in the middle of a canary: it comes back, goes on at the same step, and not one request is lost.",
        "Kill Pilothouse",
        KILL_PILOTHOUSE,
        "pilothouse",
    ),
)


def render_tour(done: Collection[int], *, board: str) -> Message:
    """The welcome, with what was done ticked off."""
    blocks: list[Block] = [
        header("Welcome aboard"),
        section(
            "Pilothouse runs here with a small shop under traffic. "
            f"Six things to try; <{board}|the board> shows all of it live."
        ),
    ]
    for one in TRIES:
        mark = "✅" if one.number in done else f"{one.number}."
        pressed = button(one.label, one.action, one.value)
        blocks.append(section(f"{mark} *{one.title}*\n{one.text}", accessory=pressed))
    blocks.append(context(f"{len(set(done))} of {len(TRIES)} done. Everything here runs on this machine only."))
    return Message(f"Welcome aboard: {len(set(done))} of {len(TRIES)} things tried", blocks)
