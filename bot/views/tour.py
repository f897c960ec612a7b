"""The welcome of the demo: seven things to try, each with a button that does it, ticked off when done. Pure."""

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
        "Its message appears in #deploys. You can't approve what you asked for: switch to Ben (or to Ada, if you are"
        " Ben) at the top left, press *Approve v2* there, and watch the canary go 10 → 50 → 100 %.",
        "Deploy shop v2",
        RUN_SUGGESTION,
        "/ops deploy shop v2 to production",
    ),
    Try(
        3,
        "Deploy a bad one",
        "v3 fails every third request. Approve it as somebody else, too. Its gate fails on real numbers, and traffic"
        " goes back before the new processes stop.",
        "Deploy shop v3",
        RUN_SUGGESTION,
        "/ops deploy shop v3 to production",
    ),
    Try(
        4,
        "Get paged",
        "v3 also sets off an alert: #incidents shows it with the deployment that likely caused it, and whoever is on"
        " call gets a direct message from Pilothouse. Press *Acknowledge*, or leave it and see the next person paged"
        " after 45 s. A minute after the last error it resolves by itself.",
        "Show the incidents",
        RUN_SUGGESTION,
        "/ops incidents",
    ),
    Try(
        5,
        "Kill an instance",
        "A process of the shop is killed with -9. The proxy sends traffic round it, the health check notices, and it is"
        " started again within seconds. Have the board open to see each step.",
        "Kill an instance",
        KILL_INSTANCE,
        "shop",
    ),
    Try(
        6,
        "Kill Pilothouse itself",
        "Best in the middle of a canary: Pilothouse comes back within seconds and goes on at the same step, and not one"
        " request is lost.",
        "Kill Pilothouse",
        KILL_PILOTHOUSE,
        "pilothouse",
    ),
    Try(
        7,
        "Silence an alert",
        "Staging is blue-green: v4 comes up whole, gets all traffic at once, and what ran is kept for 20 s. v4 is slow."
        " A few seconds later each of its instances sets off an alert, and they are one incident: press"
        " *Silence 1h* there. The alerts page of the board shows who silenced what. When v3 fails, the warnings of its"
        " instances stay untold, because the critical alert explains them.",
        "Deploy shop v4",
        RUN_SUGGESTION,
        "/ops deploy shop v4 to staging",
    ),
)


FURTHER: Final = (
    "Everything here runs on this machine only. Then try `/ops lock shop production for 10m`,"
    " `/ops history shop production`, `/ops scale shop production to 3` and `/ops report`; `/ops help` has the rest."
)


def render_tour(done: Collection[int], *, board: str) -> Message:
    """The welcome, with what was done ticked off."""
    blocks: list[Block] = [
        header("Welcome aboard"),
        section(
            "Pilothouse runs here with a small shop under traffic. "
            f"Seven things to try; <{board}|the board> shows all of it live."
        ),
    ]
    for one in TRIES:
        # A keycap is as wide as the tick, and no client takes it for the start of a list.
        mark = "✅" if one.number in done else f"{one.number}\ufe0f\u20e3"
        pressed = button(one.label, one.action, one.value)
        blocks.append(section(f"{mark} *{one.title}*\n{one.text}", accessory=pressed))
    blocks.append(context(f"{len(set(done))} of {len(TRIES)} done. {FURTHER}"))
    return Message(f"Welcome aboard: {len(set(done))} of {len(TRIES)} things tried", blocks)
