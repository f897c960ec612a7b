"""How rules are doing: what the board and the API show of them."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from alerting.rules.rule import Rule, RuleGroup
from alerting.rules.state import Alert, State


@dataclass(frozen=True, slots=True)
class Health:
    """Of one rule: its last evaluation, how long its group took, and what went wrong so far."""

    last_error: str | None = None
    last_evaluation: datetime | None = None
    duration: timedelta = timedelta(0)
    failures: int = 0
    missed: int = 0

    @property
    def state(self) -> Literal["unknown", "ok", "err"]:
        """The word Prometheus' API has for it."""
        if self.last_evaluation is None:
            return "unknown"
        return "err" if self.last_error else "ok"

    def after(self, problem: str | None, *, at: datetime, took: timedelta) -> "Health":
        """The health after one more evaluation."""
        failures = self.failures + (problem is not None)
        return replace(self, last_error=problem, last_evaluation=at, duration=took, failures=failures)


@dataclass(frozen=True, slots=True)
class RuleStatus:
    """One rule with its health and the alerts it remembers, resolved ones for 15 minutes; a recording rule has none."""

    group: RuleGroup
    rule: Rule
    health: Health
    alerts: tuple[Alert, ...]

    @property
    def state(self) -> State:
        """The worst state of its alerts."""
        found = {alert.state for alert in self.alerts}
        return next((s for s in (State.FIRING, State.PENDING) if s in found), State.INACTIVE)
