"""Tells the operators in chat and in the log what alerting cannot do, once when it lasts, and once when it is over."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from alerting.notify.trouble import Failing
from alerting.rules.status import RuleStatus
from bot.chat.outbox import Closed

LASTS: Final = timedelta(seconds=30)
SHOWN: Final = 3
SOURCE: Final = "source"
RULES: Final = "rules"  # nobody knows how they do while their source is away

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong: what it is, what to do, and what to say when it is over."""

    what: str
    remedy: str
    over: str


class Troubles:
    """`rules` (those that went wrong, and how many there are), `receivers` and `channels` say how things stand.

    `tell` says what is wrong, and the remedy, in the operators' channel, `channel`; what was told while that took
    nothing is told again once it does. `settings` is what they lacked at the start,
    each a problem of single services.
    """

    def __init__(
        self,
        rules: Callable[[], tuple[Sequence[RuleStatus], int]],
        receivers: Callable[[], Sequence[Failing]],
        channels: Callable[[], Sequence[Closed]],
        tell: Callable[[str, str], Awaitable[None]],
        *,
        metrics: str,
        channel: str = "",
        settings: Sequence[str] = (),
    ) -> None:
        self._settings = {f"settings {told}": _of_settings(told) for told in settings}
        self._rules = rules
        self._receivers = receivers
        self._channels = channels
        self._tell = tell
        self._metrics = metrics
        self._channel = channel
        self._closed_since: datetime | None = None
        self._told_at: dict[str, datetime] = {}
        self._since: dict[str, datetime] = {}
        self._told: dict[str, Trouble] = {}

    async def tick(self, now: datetime) -> None:
        """Say what lasts too long by now, and what is over."""
        troubles = troubles_of(*self._rules(), self._receivers(), metrics=self._metrics)
        troubles |= self._settings
        troubles |= {f"channel {one.channel}": _of_channel(one) for one in self._channels()}
        self._since = {key: self._since.get(key, now) for key in troubles}
        for key in [key for key in self._told if key not in troubles and not (key == RULES and SOURCE in troubles)]:
            over = self._told.pop(key).over
            log.info("%s", over)
            await self._tell(over, "")
        self._forget_what_nobody_saw()
        for key, trouble in troubles.items():
            if key not in self._told and now - self._since[key] >= LASTS:
                self._told[key], self._told_at[key] = trouble, now
                log.warning("%s %s", trouble.what, trouble.remedy)
                await self._tell(trouble.what, trouble.remedy)

    def _forget_what_nobody_saw(self) -> None:
        """Once the operators' channel is open again, what was told into it since shortly before counts as not told."""
        closed = next((one.since for one in self._channels() if one.channel == self._channel), None)
        if closed is None and self._closed_since is not None:
            since = self._closed_since - LASTS  # that it is closed shows by what is told
            self._told = {key: told for key, told in self._told.items() if self._told_at[key] < since}
        self._closed_since = closed


def troubles_of(
    broken: Sequence[RuleStatus], rules: int, receivers: Sequence[Failing], *, metrics: str
) -> dict[str, Trouble]:
    """What is wrong now, by a name that stays while it is: `broken` are those of so many `rules` that went wrong.

    `metrics` is the address of the metrics source.
    """
    troubles = {f"receiver {one.receiver}": _of_receiver(one) for one in receivers}
    away = _unanswered({one.health.last_error or "" for one in broken}, metrics, every=len(broken) == rules > 1)
    unanswered = [one for one in broken if one.health.last_error in away]
    wrong = [one for one in broken if one.health.last_error not in away]
    if unanswered:
        remedy = f"See whether {metrics} answers; the alerts page of the board shows each rule's error."
        troubles[SOURCE] = Trouble(_of_rules(unanswered, rules), remedy, "The rules' queries are answered again.")
    if wrong:
        remedy = "Correct what the error says in the rule's file; the alerts page of the board shows each rule's error."
        troubles[RULES] = Trouble(_of_rules(wrong, rules), remedy, "No rule is wrong any more.")
    return troubles


def _unanswered(errors: Set[str], metrics: str, *, every: bool) -> Set[str]:
    """Those errors that are the source's and not of what is asked, which only their words tell.

    They name the address when nothing comes from there. When each of several rules (`every`) fails in the same words,
    the source speaks of itself.
    """
    if every and len(errors) == 1:
        return errors
    address = metrics.rstrip("/")
    return {error for error in errors if address and address in error}


def _of_rules(broken: Sequence[RuleStatus], all_: int) -> str:
    shown = "; ".join(f"{one.rule.name}: {one.health.last_error}" for one in broken[:SHOWN])
    more = f"; and {len(broken) - SHOWN} more" if len(broken) > SHOWN else ""
    return f"{len(broken)} of {all_} rules can't be evaluated. {shown}{more}. Their alerts stay as they were."


def _of_settings(told: str) -> Trouble:
    what = f"{told}. The services that need it can't be deployed; the others go on."
    return Trouble(what, "Mend that and start Pilothouse again; `pilothouse check` shows whether it is right.", "")


def _of_receiver(one: Failing) -> Trouble:
    return Trouble(
        f"Receiver {one.receiver} can't be told since {one.since:%H:%M} UTC: {one.last_error}. "
        "Nothing is lost: it is told as soon as it takes it.",
        "See whether its address answers, and what it says.",
        f"Receiver {one.receiver} takes notifications again.",
    )


def _of_channel(one: Closed) -> Trouble:
    return Trouble(
        f"The channel {one.channel} takes no messages since {one.since:%H:%M} UTC: the chat platform says "
        f"{one.reason}. What belongs there is not seen.",
        "See whether it is archived or private, and invite Pilothouse; what stands then is told by itself.",
        f"The channel {one.channel} takes messages again.",
    )
