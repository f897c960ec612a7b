"""Alerting's half of the house: rules, alerts, silences, who is told, incidents and escalation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from alerting.alerts.store import AlertStore
from alerting.incidents.desk import IncidentDesk
from alerting.incidents.journal import IncidentJournal
from alerting.metrics.prometheus import PrometheusSource
from alerting.metrics.remote_write import RemoteWriter
from alerting.notify.dispatcher import Dispatcher
from alerting.notify.guarded import GuardedTeller
from alerting.notify.incident import IncidentTeller
from alerting.notify.ports import Teller
from alerting.notify.webhook import WebhookTeller
from alerting.oncall.escalator import Escalator
from alerting.oncall.rotation import Rotation
from alerting.routing.config import ChatReceiver, Integration, Receiver, RoutingConfig
from alerting.rules.evaluate import Evaluator
from alerting.rules.history import RuleHistory
from alerting.rules.rule import RuleGroup
from alerting.rules.state import Installation
from alerting.silences.desk import SilenceDesk
from bot.chat.assembly import Speaking
from bot.chat.tellers import INCIDENTS
from bot.house.bridges import DeploymentChanges
from bot.house.ground import Ground
from bot.settings.domain import to_policies, to_rotations
from bot.watch.carry import Watch
from bot.watch.failure_alerts import FailureAlerts
from bot.watch.rule_health import RuleHealths, RuleViews, healths_of
from engine.deployments.journal import DeploymentJournal
from engine.durable_dbos import DbosDurable

NOTED_AT_LEAST: Final = timedelta(seconds=5)
"""How often it is noted that rules are evaluated at all, when none was: well within what the history takes for away."""

TIDIED_AT_LEAST: Final = timedelta(seconds=10)
"""How often old silences are forgotten where no other replica writes any."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the files beside the settings say: the rules and who is told."""

    groups: Sequence[RuleGroup]
    routing: RoutingConfig


@dataclass(slots=True)
class Alerting:
    """The half that watches and pages.

    `routing` is what is in use now, `interval` that of a rule group without one (seconds); `others` says that other
    replicas may live.
    """

    rotations: Mapping[str, Rotation]
    journal: IncidentJournal
    desk: IncidentDesk
    source: PrometheusSource
    evaluator: Evaluator
    store: AlertStore
    silences: SilenceDesk
    dispatcher: Dispatcher
    watch: Watch
    failures: FailureAlerts
    healths: RuleHealths
    rules: RuleViews
    history: RuleHistory
    routing: RoutingConfig
    interval: float
    others: bool
    _woken_at: int = -1
    _polled: datetime | None = None
    _noted: tuple[int, datetime] | None = None

    async def take_up(self) -> None:
        """Go on where whoever evaluated and told before has left off. Raises storage's errors."""
        await self.silences.load()
        await self.dispatcher.load()
        await self.watch.start()
        self.rules.look_here()

    async def take_rules(self, groups: Sequence[RuleGroup]) -> None:
        """Follow other rules. Raises storage's errors."""
        await self.watch.replace(groups)

    async def take_routing(self, routing: RoutingConfig) -> None:
        """Follow another routing."""
        await self.dispatcher.reconfigure(routing)
        self.routing = routing

    async def listen(self, now: datetime, *, acting: bool) -> None:
        """One second on any replica: hear what was told and silenced elsewhere. Raises storage's errors."""
        if self.others or self._polled is None or now - self._polled >= TIDIED_AT_LEAST:
            await self.silences.poll()
            self._polled = now
        if acting:
            await self.watch.tell_news(now)
        else:
            await self.dispatcher.follow(now)

    async def note_history(self, now: datetime) -> None:
        """Keep how the rules stand, for pictures of their days. Raises storage's errors."""
        evaluations = self.evaluator.evaluations
        if self._noted is None or evaluations != self._noted[0] or now - self._noted[1] >= NOTED_AT_LEAST:
            fresh = self.evaluator.fresh()
            await self.history.note(fresh if self.history.is_open(now) else self.evaluator.snapshot(), at=now)
            self._noted = evaluations, now

    async def share_health(self, now: datetime, *, acting: bool) -> None:
        """Write down how the rules do, or read it where they are not evaluated. Raises storage's errors."""
        if not acting:
            await self.rules.look_elsewhere()
        elif self.others:
            await self.healths.publish(healths_of(self.evaluator.snapshot(), self.interval), now)

    async def look_after_silences(self, now: datetime) -> None:
        """End those whose alerts are over, and let escalations look at what has changed. Raises storage's errors."""
        await self.silences.tick(now, _Firing(self.store, now))
        if self.silences.revision != self._woken_at:
            for incident in await self.journal.open_incidents():
                await self.desk.wake(incident)
            self._woken_at = self.silences.revision


class _Firing:
    """The label sets of all alerts that fire, gathered only when gone through: few silences wait for an end."""

    def __init__(self, store: AlertStore, now: datetime) -> None:
        self._store = store
        self._now = now

    def __iter__(self) -> Iterator[Mapping[str, str]]:
        return (alert.labels for alert in self._store.all() if not alert.resolved(self._now))


def build_alerting(
    ground: Ground,
    loaded: Loaded,
    durable: DbosDurable,
    deployments: DeploymentJournal,
    speaking: Speaking,
    acting: Callable[[], bool],
) -> Alerting:
    """All of it, not yet started; `deployments` is asked for suspects, `acting` whether rules are evaluated here."""
    file, now, database = ground.settings.file, ground.now, ground.database
    source = PrometheusSource(ground.session, ground.settings.prometheus_url)
    evaluator = _evaluator(ground, loaded.groups, source, acting)
    journal, rotations = IncidentJournal(database.log), to_rotations(file)
    changes = DeploymentChanges(deployments)
    desk = IncidentDesk(journal, to_policies(file), rotations, changes, durable, now=now)
    store = AlertStore(database.records, now=now)
    silences = SilenceDesk(database.log, now=now)
    dispatcher = Dispatcher(
        loaded.routing,
        store,
        database.records,
        database.log,
        silences,
        _tellers(ground, desk, acting),
        now=now,
        shared=database.kind != "sqlite",
    )
    watch = Watch(
        evaluator,
        store,
        desk,
        journal,
        graph_url=ground.settings.prometheus_url,
        external_labels=file.evaluation.external_labels,
        now=now,
    )
    store.listen(watch.hear)
    failures = FailureAlerts(
        database.log,
        deployments,
        store,
        board=ground.settings.board_url,
        external_labels=file.evaluation.external_labels,
    )
    ground.turns[INCIDENTS] = Escalator(journal, rotations, speaking.pager, silences, now=now).turn
    healths = RuleHealths(database.records)
    return Alerting(
        rotations,
        journal,
        desk,
        source,
        evaluator,
        store,
        silences,
        dispatcher,
        watch,
        failures,
        healths,
        RuleViews(evaluator, database.records, healths),
        RuleHistory(database.records),
        loaded.routing,
        file.evaluation.interval.total_seconds(),
        database.kind != "sqlite",
    )


def _evaluator(
    ground: Ground, groups: Sequence[RuleGroup], source: PrometheusSource, acting: Callable[[], bool]
) -> Evaluator:
    evaluation = ground.settings.file.evaluation
    return Evaluator(
        groups,
        source,
        ground.database.records,
        now=ground.now,
        default_interval=evaluation.interval,
        query_offset=evaluation.query_offset,
        timeout=evaluation.timeout,
        installation=Installation(dict(evaluation.external_labels), ground.settings.board_url),
        in_charge=acting,
        writer=RemoteWriter(ground.session, evaluation.remote_write) if evaluation.remote_write else None,
    )


def _tellers(ground: Ground, desk: IncidentDesk, acting: Callable[[], bool]) -> Callable[[Receiver], Sequence[Teller]]:
    url = f"{ground.settings.board_url}/alertmanager"

    def teller(one: Integration) -> Teller:
        if isinstance(one, ChatReceiver):
            return IncidentTeller(desk, one)
        return WebhookTeller(one, ground.session, external_url=url, now=ground.now)

    return lambda receiver: [GuardedTeller(teller(one), acting) for one in receiver.integrations]
