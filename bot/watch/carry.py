"""Carries what the rules say to the store of alerts and to the incidents, and makes good what a crash left untold."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import Final
from urllib.parse import quote_plus

from msgspec import structs

from alerting.alerts.alert import RULES, ReceivedAlert
from alerting.alerts.fingerprint import fingerprint
from alerting.alerts.store import AlertStore
from alerting.incidents.desk import IncidentDesk
from alerting.incidents.intake import AlertChange
from alerting.incidents.journal import IncidentJournal
from alerting.notify.incident import change_of
from alerting.rules.evaluate import Evaluator
from alerting.rules.rule import Rule, RuleGroup
from alerting.rules.state import Alert, Change, State, Transition
from alerting.rules.status import RuleStatus
from bot.readings.now import AlertRow
from bot.watch import pace

SHOWN: Final = frozenset({State.PENDING, State.FIRING})
EXPIRING: Final = frozenset({Change.DROPPED, Change.PENDING})
"""It fired and nobody knows whether it still would: its rule broke its limit, or waits longer since a reload."""
MOST_NEWS: Final = 10_000
EXPIRY: Final = timedelta(minutes=4)
"""How long it counts then: four times what Prometheus leaves between two tellings."""


class Watch:
    """Evaluates the rules when their second comes; an incident that stands is kept true at once.

    `graph_url` is the metrics source as a browser reaches it, for the link to an alert's query; `external_labels` are
    given to every alert of the rules that lacks them.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        store: AlertStore,
        desk: IncidentDesk,
        journal: IncidentJournal,
        *,
        graph_url: str = "",
        external_labels: Mapping[str, str] | None = None,
        now: Callable[[], datetime],
    ) -> None:
        self._graph_url = graph_url
        self._external_labels = external_labels or {}
        self._evaluator = evaluator
        self._store = store
        self._desk = desk
        self._journal = journal
        self._now = now
        # What an evaluation has changed is told before anybody compares with what fires.
        self._telling = asyncio.Lock()
        self._shown_at: dict[str, datetime] = {}
        self._reworded: set[str] = set()
        self._news: dict[str, ReceivedAlert] = {}

    async def start(self) -> None:
        """Take up the alerts and incidents of the run before."""
        self._reworded.clear()
        await self._desk.adopt()
        await self._store.load()
        gone = await self._evaluator.restore()
        await self._take([self._of_rules(alert, self._now(), ended=self._now()) for alert in gone])

    async def tick(self, slot: datetime) -> None:
        """One second: evaluate what is due and tell what changed."""
        async with self._telling:
            await self._tell(await self._evaluator.tick(slot))

    async def replace(self, groups: Sequence[RuleGroup]) -> None:
        """Take other rules; what fired under rules that are gone ends. Raises storage's errors."""
        await self._tell(await self._evaluator.replace(groups))

    def hear(self, alerts: Iterable[ReceivedAlert]) -> None:
        """Note what others told; incidents hear of it within the second. What is noted too much, reconciling finds."""
        self._news |= {alert.fingerprint: alert for alert in alerts if alert.source != RULES}
        for mark in list(islice(self._news, max(len(self._news) - MOST_NEWS, 0))):
            del self._news[mark]

    async def tell_news(self, _: datetime) -> None:
        """One second: bring the incidents what others told. Raises storage's errors, and then it is told again."""
        news = dict(self._news)
        await self._keep(await self._concerning_incidents(news.values()))
        self._news = {mark: alert for mark, alert in self._news.items() if news.get(mark) is not alert}

    async def _concerning_incidents(self, alerts: Collection[ReceivedAlert]) -> list[ReceivedAlert]:
        """What ended, and what fires in an open incident; the desk would pass over the rest, alert by alert."""
        firing = (await self._journal.index()).firing if alerts else {}
        now = self._now()
        return [alert for alert in alerts if alert.fingerprint in firing or alert.resolved(now)]

    async def reconcile(self) -> None:
        """Tell again what fires by our rules, end what no longer does, and make the incidents true.

        A rule that cannot be evaluated keeps its alerts, so not knowing ends nothing.
        """
        async with self._telling:
            await self._reconcile()

    async def _reconcile(self) -> None:
        now = self._now()
        firing = {self._mark(alert): (rule, alert) for rule, alert in self._evaluator.standing()}
        untold = [one for mark, one in firing.items() if not self._store.stands(mark, RULES)]
        await self._take([self._received(rule, alert, now) for rule, alert in untold])
        await self._tell_last_words(firing.values(), now)
        await self._keep(await self._store.sync(RULES, firing.keys(), at=now))
        await self._desk.keep(await self._over(now))

    async def _tell_last_words(self, firing: Iterable[tuple[Rule, Alert]], now: datetime) -> None:
        """Write down and tell the value of an alert that moved within the pace and not since."""
        every = pace.pace(self._journal.open_count)
        late = [
            (rule, alert)
            for rule, alert in firing
            if alert.fingerprint in self._reworded
            and pace.due(rule.name, self._shown_at[alert.fingerprint], now, every)
        ]
        await self._take([self._received(rule, alert, now) for rule, alert in late])
        for _, alert in late:
            self._reworded.discard(alert.fingerprint)
            self._shown_at[alert.fingerprint] = now

    def rows(self) -> Sequence[AlertRow]:
        """What is pending or firing by our rules, for whoever shows it."""
        return [_row(alert) for alert in alerts_of(self._evaluator.snapshot()) if alert.state in SHOWN]

    async def _over(self, now: datetime) -> list[AlertChange]:
        """What fires in an open incident and nowhere else any more."""
        told = [alert for one in await self._journal.open_incidents() for alert in one.firing]
        ends = [(alert, self._store.end_of(alert.fingerprint, now)) for alert in told]
        return [AlertChange("resolved", replace(alert, ended_at=end)) for alert, end in ends if end is not None]

    async def _tell(self, transitions: Iterable[Transition]) -> None:
        every = pace.pace(self._journal.open_count)
        await self._take([self._told(one) for one in transitions if self._is_news(one, every)])

    async def _take(self, alerts: Sequence[ReceivedAlert]) -> None:
        if alerts:
            await self._store.take(alerts)
            await self._keep(alerts)

    async def _keep(self, alerts: Sequence[ReceivedAlert]) -> None:
        if alerts:
            await self._desk.keep([change_of(alert, self._now()) for alert in alerts])

    def _told(self, one: Transition) -> ReceivedAlert:
        ended = one.at if one.change is Change.RESOLVED else None
        # Later than any telling before: an end must not lose against what reconciling said after its slot.
        told = self._received(one.rule, one.alert, self._now(), ended=ended)
        if one.change in EXPIRING:
            return structs.replace(told, ends_at=one.at + EXPIRY, expires=True)
        return told

    def _received(self, rule: Rule, alert: Alert, at: datetime, *, ended: datetime | None = None) -> ReceivedAlert:
        return self._of_rules(alert, at, ended=ended, url=_graph_link(self._graph_url, rule.expr))

    def _mark(self, alert: Alert) -> str:
        """The fingerprint that it is told with."""
        return fingerprint({**self._external_labels, **alert.labels}) if self._external_labels else alert.fingerprint

    def _of_rules(self, alert: Alert, at: datetime, *, ended: datetime | None, url: str = "") -> ReceivedAlert:
        """As Prometheus sends it: with the external labels that it lacks (notifier of Prometheus)."""
        labels = {**self._external_labels, **alert.labels} if self._external_labels else alert.labels
        return ReceivedAlert(
            labels=labels,
            annotations=alert.annotations,
            starts_at=alert.fired_at or alert.active_at,
            ends_at=ended,
            updated_at=at,
            fingerprint=self._mark(alert),
            source=RULES,
            generator_url=url,
            value=alert.value,
        )

    def _is_news(self, one: Transition, every: timedelta) -> bool:
        """Whether it is to be written down and told; a value that moved is, once in `every`, else only reworded."""
        mark = one.alert.fingerprint
        self._reworded.discard(mark)
        if one.change is Change.PENDING:
            return self._shown_at.pop(mark, None) is not None
        if one.change is Change.UPDATED and self._is_only_reworded(one, every):
            return False
        if one.change is Change.RESOLVED or one.change in EXPIRING:
            self._shown_at.pop(mark, None)
        else:
            self._shown_at[mark] = one.at
        return True

    def _is_only_reworded(self, one: Transition, every: timedelta) -> bool:
        last = self._shown_at.get(one.alert.fingerprint)
        if last is None or pace.due(one.rule.name, last, one.at, every):
            return False
        reworded = self._store.reword(self._mark(one.alert), one.alert, one.at)
        if reworded:
            self._reworded.add(one.alert.fingerprint)
        return reworded


@lru_cache(maxsize=16_384)
def _graph_link(url: str, expr: str) -> str:
    """Where a browser sees the query, as Prometheus links it; "" without a server to show it."""
    return f"{url}/graph?g0.expr={quote_plus(expr)}&g0.tab=1" if url else ""


def alerts_of(statuses: Iterable[RuleStatus]) -> Iterator[Alert]:
    """Every alert the rules remember."""
    return (alert for status in statuses for alert in status.alerts)


def _row(alert: Alert) -> AlertRow:
    return AlertRow(
        name=alert.labels["alertname"],
        state=alert.state.value,
        labels=alert.labels,
        annotations=alert.annotations,
        value=alert.value,
        since=alert.active_at,
    )
