"""Brings alerts to those who must hear of them: sorts them into groups, and tells each group when its time comes.

One replica runs it, the others follow. Each group is told by a task of its own, so that no slow receiver keeps others
waiting. What it decides is in the pure modules beside this one; what it knows is in the database within a second, and
where a crash would have something told twice, before it acts.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from alerting.alerts.alert import ReceivedAlert
from alerting.alerts.store import AlertStore
from alerting.notify.aside import aside
from alerting.notify.delivery import Delivery
from alerting.notify.group import Group
from alerting.notify.groups import Groups
from alerting.notify.jumps import NONE, Jumps
from alerting.notify.ledger import Ledger
from alerting.notify.order import before_key, in_order
from alerting.notify.plan import Plan, Tellers, made_ready
from alerting.notify.ports import Muters
from alerting.notify.regroup import regrouped, restored
from alerting.notify.stages import Flush, muted_by_time, pass_through
from alerting.notify.status import AlertGroup, AlertState, AlertStatus
from alerting.notify.timers import GroupJournal
from alerting.notify.trouble import Counts, Failing, Trouble
from alerting.routing.config import Receiver, RoutingConfig
from storage.errors import StorageError
from storage.events import EventLog
from storage.records import Records

AT_ONCE: Final = 250
"""Alerts that are sorted into groups before others get their turn."""
SECOND: Final = timedelta(seconds=1)
TIDY: Final = timedelta(seconds=30)
"""How often groups without alerts are forgotten, as in Alertmanager."""

log = logging.getLogger(__name__)


class Dispatcher:
    """`tellers` makes those of a receiver, one for each integration. `shared` says that other replicas take alerts."""

    def __init__(
        self,
        config: RoutingConfig,
        store: AlertStore,
        records: Records,
        events: EventLog,
        muters: Muters,
        tellers: Tellers,
        *,
        now: Callable[[], datetime],
        shared: bool = False,
    ) -> None:
        self._store = store
        self._muters = muters
        self._tellers = tellers
        self._now = now
        self._shared = shared
        self._trouble = Trouble()
        self._ledger = Ledger(records, events)
        self._delivery = Delivery(self._ledger, self._trouble, now=now)
        self._journal = GroupJournal(records)
        self._config = config
        self._plan = self._made_ready(())
        self._groups = Groups(config.route)
        self._tellings: dict[str, tuple[str, asyncio.Task[None]]] = {}
        self._inbox: deque[ReceivedAlert] = deque()
        self._bell = asyncio.Event()
        self._dirty: set[str] = set()
        self._gone: set[str] = set()
        self._tidy_at = now()
        self._away = False
        self._jumps = Jumps()
        store.listen(self._hear)

    @property
    def counts(self) -> Counts:
        """What happened so far in numbers."""
        return self._trouble.counts

    def failing(self) -> list[Failing]:
        """The receivers that cannot be told at present, since when and why."""
        return self._trouble.failing()

    async def load(self) -> None:
        """Take up what the database has, whoever dispatched before. Raises storage's errors and PermanentFailure."""
        await self._store.load()
        await self._ledger.load()
        kept, now = await self._journal.load(), self._now()
        self._inbox.clear()
        alerts = self._store.unsettled()
        self._groups = restored(self._plan.route, kept, alerts, self._ledger.owes, now)
        self._gone = {f"{one.route} {one.key}" for one in kept} - {group.id for group in self._groups}
        self._plan = self._made_ready(alert for alert in alerts if not alert.resolved(now))

    async def run(self) -> None:
        """Dispatch for ever, after `load`."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep(), name="keep alerts and groups")
            while True:
                self._bell.clear()
                now = self._now()
                self._allow_for(self._jumps.since_last(now, asyncio.get_running_loop().time()))
                await self._begin(now, tasks)
                await self._rest()

    async def tick(self, now: datetime) -> None:
        """Do what is due, and wait until it is done."""
        await self._look_after(now)
        async with asyncio.TaskGroup() as tasks:
            await self._begin(now, tasks)

    async def follow(self, now: datetime) -> None:
        """Keep lists right on a replica that does not dispatch; call it each second, after `load`.

        It decides nothing: what has expired says the one who dispatches, by its clock. Raises storage's errors.
        """
        await self._store.poll()
        await self._sort_in(now)
        for group in self._groups:
            for fingerprint in [mark for mark in group.members if self._is_over(mark, now)]:
                self._groups.leave(group, fingerprint)
        self._groups.drop_empty()
        await self._store.tidy(now, remove=False)

    async def reconfigure(self, config: RoutingConfig) -> None:
        """Follow another configuration; what was told stays told, and the timers of groups that stay go on."""
        now = self._now()
        await self._sort_in(now)
        alerts, receivers = self._store.unsettled(), self._config.receivers
        self._config = config
        self._plan = self._made_ready(alert for alert in alerts if not alert.resolved(now))
        before = {group.id for group in self._groups}
        self._groups = regrouped(config.route, self._groups, alerts, self._ledger.owes, now)
        after = {group.id for group in self._groups}
        self._dirty, self._gone = after, (self._gone | before) - after
        await self._begin_anew(receivers, now)
        self._trouble.keep(config.receivers)
        self._bell.set()

    async def _begin_anew(self, receivers: Mapping[str, Receiver], now: datetime) -> None:
        """Whoever is told at an address that is no more is told at the new one, and not when its interval is over."""
        stale = {
            id_: task
            for id_, (receiver, task) in self._tellings.items()
            if receivers.get(receiver) != self._config.receivers.get(receiver)
        }
        for task in stale.values():
            task.cancel()
        await asyncio.gather(*stale.values(), return_exceptions=True)
        for group in filter(None, map(self._groups.get, stale)):
            self._groups.set_timer(group, replace(group.timer, due=now))

    def groups(self) -> list[AlertGroup]:
        """Every group that holds alerts, by labels and receiver, with what mutes it."""
        now = self._now()
        held = sorted((g for g in self._groups if g.members), key=lambda g: (before_key(g.labels), g.route.receiver))
        return [
            AlertGroup(
                key=group.key,
                route=group.route.id,
                labels=group.labels,
                receiver=group.route.receiver,
                alerts=tuple(in_order(self._members(group))),
                muted_by=muted_by_time(group.route, self._plan.intervals, now),
            )
            for group in held
        ]

    def status_of(self, alert: ReceivedAlert) -> AlertStatus:
        """What becomes of an alert now."""
        now, routes = self._now(), self._groups.routes(alert.labels)
        silenced = tuple(self._muters.muted_by(alert.labels, now))
        inhibited = self._plan.inhibitor.inhibited_by(alert.labels, now)
        muted = {name: None for route in routes for name in muted_by_time(route, self._plan.intervals, now)}
        receivers = sorted({route.receiver for route in routes})
        if silenced or inhibited:
            state = AlertState.SUPPRESSED
        else:
            state = AlertState.ACTIVE if self._groups.of(alert.fingerprint) else AlertState.UNPROCESSED
        return AlertStatus(state, silenced, inhibited, tuple(muted), tuple(receivers))

    def _made_ready(self, firing: Iterable[ReceivedAlert]) -> Plan:
        return made_ready(self._config, self._tellers, self._muters, self.counts, firing)

    def _hear(self, alerts: Sequence[ReceivedAlert]) -> None:
        self._inbox.extend(alerts)
        self._bell.set()

    def _allow_for(self, jump: timedelta) -> None:
        """The clock was set: nothing ends because of it, and nobody waits longer."""
        if jump:
            log.warning("The clock jumped by %s; alerts and groups are held to the time that really passed", jump)
        if jump > NONE:
            self._store.postpone(jump)
        if jump < NONE:
            self._groups.hasten(-jump)

    async def _begin(self, now: datetime, tasks: asyncio.TaskGroup) -> None:
        """Take in what was heard, and tell the groups that are due."""
        await self._sort_in(now)
        if ended := self._store.expire(now):
            await self._unless_away(self._store.save)
        for alert in ended:
            self._plan.heard(alert, now)
        for group in self._groups.take_due(now):
            # Telling a group may take a while of work; many begin at the same moment, and others want their turn.
            await asyncio.sleep(0)
            if self._groups.get(group.id) is not group:
                # Another configuration came in between.
                continue
            flush = self._flush_of(group, now)
            if flush.alerts:
                task = tasks.create_task(self._flush(self._plan, group, flush), name=f"tell group {group.key}")
                self._tellings[group.id] = (group.route.receiver, task)

    async def _sort_in(self, now: datetime) -> None:
        while self._inbox:
            for _ in range(min(AT_ONCE, len(self._inbox))):
                alert = self._inbox.popleft()
                self._plan.heard(alert, now)
                if not self._store.is_settled(alert.fingerprint):
                    self._dirty.update(self._groups.join(alert, now))
            await asyncio.sleep(0)

    def _flush_of(self, group: Group, now: datetime) -> Flush:
        alerts = tuple(self._members(group))
        group.telling = group.timer if alerts else None
        self._groups.set_timer(group, group.timer.begun(group.route.group_interval, now))
        self._dirty.add(group.id)
        return Flush(group.key, group.labels, group.route, now, alerts)

    async def _flush(self, plan: Plan, group: Group, flush: Flush) -> None:
        try:
            left = await pass_through(plan.stages, flush)
            passed = await aside(len(left), partial(in_order, left))
            if await self._delivery.deliver(flush, passed, plan.tellers[flush.route.receiver]):
                self._settle(group, flush, passed)
        finally:
            self._tellings.pop(group.id, None)
            self._groups.ended(group)
            self._dirty.add(group.id)
            self._bell.set()

    def _settle(self, group: Group, flush: Flush, passed: Iterable[ReceivedAlert]) -> None:
        """Everything is told: what is over leaves the group, unless its end was held back and is still owed."""
        if self._groups.get(group.id) is not group:
            return
        told = {alert.fingerprint for alert in passed}
        group.settled_at = flush.at
        settled = [
            alert.fingerprint
            for alert in flush.alerts
            if alert.resolved(flush.at)
            and self._is_unchanged(alert)
            and (alert.fingerprint in told or not self._owes(group, alert))
            and self._groups.leave(group, alert.fingerprint)
        ]
        self._store.settle(settled)

    def _owes(self, group: Group, alert: ReceivedAlert) -> bool:
        return self._ledger.owes(group.key, group.route.receiver, alert.fingerprint)

    def _is_unchanged(self, alert: ReceivedAlert) -> bool:
        known = self._store.get(alert.fingerprint)
        return known is None or known.updated_at == alert.updated_at

    def _is_over(self, fingerprint: str, now: datetime) -> bool:
        alert = self._store.get(fingerprint)
        return alert is None or alert.resolved(now)

    def _members(self, group: Group) -> list[ReceivedAlert]:
        return [alert for mark in group.members if (alert := self._store.get(mark)) is not None]

    async def _keep(self) -> None:
        """Aside from telling, which must not wait for a slow database."""
        while True:
            await self._look_after(self._now())
            await asyncio.sleep(SECOND.total_seconds())

    async def _look_after(self, now: datetime) -> None:
        """Once a second: hear other replicas, write what changed; more seldom: forget what is over."""
        if self._shared:
            await self._unless_away(self._store.poll)
        if now >= self._tidy_at:
            self._tidy_at = now + TIDY
            self._gone |= {group.id for group in self._groups.drop_empty()}
            await self._unless_away(partial(self._ledger.forget, {group.key for group in self._groups}, now))
            await self._unless_away(partial(self._store.tidy, now, remove=True))
        await self._unless_away(self._store.save)
        await self._unless_away(self._ledger.save)
        await self._unless_away(partial(self._save_groups, now))

    async def _save_groups(self, now: datetime) -> None:
        while self._dirty or self._gone:
            dirty = {self._dirty.pop() for _ in range(min(AT_ONCE, len(self._dirty)))}
            removed, self._gone = self._gone, set()
            changed = [group for id_ in dirty if (group := self._groups.get(id_)) is not None]
            gone = {id_ for id_ in removed if self._groups.get(id_) is None}
            try:
                await self._journal.save(changed, gone=gone, at=now)
            except StorageError:
                self._dirty |= dirty
                self._gone |= removed
                raise

    async def _unless_away(self, work: Callable[[], Awaitable[object]]) -> None:
        """Telling goes on without the database; what was not written stays to be written."""
        try:
            await work()
        except StorageError as away:
            if not self._away:
                log.warning("Alerts and what was told of them cannot be written; trying again: %s", away)
            self._away = True
        else:
            self._away = False

    async def _rest(self) -> None:
        """Until a group is due, an alert ends, or somebody rings."""
        times = [at for at in (self._groups.next_due(), self._store.next_end()) if at is not None]
        seconds = max((min(times) - self._now()).total_seconds(), 0) if times else None
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._bell.wait()
