"""Writes what rules make into the metrics source, and ends the series that they no longer make.

Source of the rules: Group.Eval and Group.cleanupStaleSeries of Prometheus 3.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache

from alerting.errors import AlertingError, PermanentFailure
from alerting.metrics.remote_write import STALE, KnownLabels, Point, Series, SeriesWriter
from alerting.rules.rule import AlertRule, RuleId
from alerting.rules.series import Identity, Made, Pairs, alert_series
from alerting.rules.state import RuleState


class Results:
    """The series that each rule made the last time, over a writer."""

    def __init__(self, writer: SeriesWriter) -> None:
        self._writer = writer
        self._last: dict[RuleId, frozenset[Identity]] = {}
        self._gone: set[Identity] = set()
        self._pairs: dict[RuleId, Pairs] = {}

    def of_alerts(self, rule: AlertRule, state: RuleState) -> Made:
        """The series of the rule's alerts in this state."""
        made, self._pairs[rule.id] = alert_series(rule, state, self._pairs.get(rule.id, {}))
        return made

    def remember(self, rule: AlertRule, state: RuleState) -> None:
        """Take it that the rule has written the series of this state, before a restart."""
        self._last[rule.id] = frozenset(self.of_alerts(rule, state))

    def forget(self, rules: Iterable[RuleId]) -> None:
        """These rules are no more: `end` ends their series, unless another rule makes them."""
        for rule in rules:
            self._gone |= self._last.pop(rule, frozenset())
            self._pairs.pop(rule, None)

    async def write(self, made: Mapping[RuleId, Made], at: datetime) -> Mapping[RuleId, str]:
        """Write what rules made at the time they asked about; what went wrong, by rule."""
        try:
            await self._send(made, at)
        except PermanentFailure:
            return await self._one_by_one(made, at)
        except AlertingError as failed:
            return dict.fromkeys((rule for rule in made if made[rule]), _told(failed))
        return {}

    async def end(self, at: datetime) -> None:
        """End the series of rules that are no more; once every rule that may still read them has been evaluated."""
        if not self._gone:
            return
        kept = self._gone.difference(*self._last.values())
        self._gone = set()
        try:
            await self._writer.write(list(_points(dict.fromkeys(kept, STALE), at.timestamp())))
        except AlertingError:
            # They end by themselves five minutes later.
            return

    async def _one_by_one(self, made: Mapping[RuleId, Made], at: datetime) -> Mapping[RuleId, str]:
        """Find the rules whose results are refused; what was written before may be written again."""
        problems = {}
        taken: frozenset[Identity] = frozenset().union(*made.values())
        for rule, series in made.items():
            try:
                await self._send({rule: series}, at, taken)
            except AlertingError as failed:
                problems[rule] = _told(failed)
        return problems

    async def _send(self, made: Mapping[RuleId, Made], at: datetime, taken: frozenset[Identity] = frozenset()) -> None:
        """Write, and end what is made no longer; a series that another rule has `taken` over goes on."""
        now = at.timestamp()
        values = {identity: value for series in made.values() for identity, value in series.items()}
        last = (one for rule in made for one in self._last.get(rule, frozenset()))
        ended = {one for one in last if one not in values and one not in taken}
        await self._writer.write([*_points(values, now), *_points(dict.fromkeys(ended, STALE), now)])
        self._last |= {rule: frozenset(series) for rule, series in made.items()}


def _points(values: Mapping[Identity, float], at: float) -> Iterator[Series]:
    return (Series(_labels(identity), (Point(at, value),)) for identity, value in values.items())


@lru_cache(maxsize=65_536)
def _labels(identity: Identity) -> KnownLabels:
    return KnownLabels(identity)


def _told(failed: AlertingError) -> str:
    return f"the result could not be written: {failed}"
