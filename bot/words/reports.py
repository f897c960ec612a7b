"""How people ask for the report on deployments. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bot.readings.reports import LONGEST, USUAL
from bot.words.grammar import ROOT, Misunderstood, Verb, Vocabulary, Words, said
from engine.security.permissions import Permission


@dataclass(frozen=True, slots=True)
class ShowReport:
    """How well do changes reach people, over the last `days` days?"""

    days: int = USUAL


def read_report(words: Words, _: Vocabulary) -> object:
    """`[DAYS]`, as 30, 30d or 30 days. Raises Misunderstood."""
    match list(words):
        case []:
            return ShowReport()
        case [number] | [number, "days" | "day"]:
            return ShowReport(_days(number))
    raise Misunderstood("Name a number of days, or none.")


def _days(word: str) -> int:
    number = word.lower().removesuffix("d")
    if number.isascii() and number.isdigit() and len(number) <= 3 and 1 <= int(number) <= LONGEST:
        return int(number)
    reason = f"{said(word)} is no number of days from 1 to {LONGEST}."
    raise Misunderstood(reason, suggestion=f"{ROOT} report {USUAL}")


REPORT_VERB: Final = Verb(
    "report", "report [DAYS]", "How often, how fast and how safely changes were deployed", Permission.VIEW, read_report
)
