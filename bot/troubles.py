"""Tells the operators in chat what alerting cannot do at present, once when it lasts, and once when it is over."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from alerting.notify.trouble import Failing
from alerting.rules.status import RuleStatus

LASTS: Final = timedelta(seconds=30)
SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong: what it is, what to do, and what to say when it is over."""

    what: str
    remedy: str
    over: str


class Troubles:
    """`rules` and `receivers` say how things stand; `tell` says what and the remedy in the operators' channel."""

    def __init__(
        self,
        rules: Callable[[], Sequence[RuleStatus]],
        receivers: Callable[[], Sequence[Failing]],
        tell: Callable[[str, str], Awaitable[None]],
        *,
        metrics: str,
    ) -> None:
        self._rules = rules
        self._receivers = receivers
        self._tell = tell
        self._metrics = metrics
        self._since: dict[str, datetime] = {}
        self._told: dict[str, Trouble] = {}

    async def tick(self, now: datetime) -> None:
        """Say what lasts too long by now, and what is over."""
        troubles = troubles_of(self._rules(), self._receivers(), metrics=self._metrics)
        self._since = {key: self._since.get(key, now) for key in troubles}
        for key in [key for key in self._told if key not in troubles]:
            await self._tell(self._told.pop(key).over, "")
        for key, trouble in troubles.items():
            if key not in self._told and now - self._since[key] >= LASTS:
                self._told[key] = trouble
                await self._tell(trouble.what, trouble.remedy)


def troubles_of(rules: Sequence[RuleStatus], receivers: Sequence[Failing], *, metrics: str) -> dict[str, Trouble]:
    """What is wrong now, by a name that stays while it is; `metrics` is the address of the metrics source."""
    troubles = {one.receiver: _of_receiver(one) for one in receivers}
    broken = [one for one in rules if one.health.last_error]
    return troubles | ({"rules": _of_rules(broken, len(rules), metrics)} if broken else {})


def _of_rules(broken: Sequence[RuleStatus], all_: int, metrics: str) -> Trouble:
    shown = "; ".join(f"{one.rule.name}: {one.health.last_error}" for one in broken[:SHOWN])
    more = f"; and {len(broken) - SHOWN} more" if len(broken) > SHOWN else ""
    return Trouble(
        f"{len(broken)} of {all_} rules can't be evaluated. {shown}{more}. Their alerts stay as they were.",
        f"See whether {metrics} answers; the alerts page of the board shows each rule's error.",
        "All rules are evaluated again.",
    )


def _of_receiver(one: Failing) -> Trouble:
    return Trouble(
        f"Receiver {one.receiver} can't be told since {one.since:%H:%M} UTC: {one.last_error}. "
        "Nothing is lost: it is told as soon as it takes it.",
        "See whether its address answers, and what it says.",
        f"Receiver {one.receiver} takes notifications again.",
    )
