"""Rules, alerts and silences for the alert addresses and their page, from quiet to very full."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from alerting.alerts.alert import RULES, ReceivedAlert
from alerting.alerts.fingerprint import fingerprint
from alerting.errors import AlertingError
from alerting.metrics.ranges import Series
from alerting.notify.events import FAILED, STREAM, Sent, sent_event
from alerting.notify.notification import Reason
from alerting.notify.status import AlertGroup, AlertState, AlertStatus
from alerting.routing.parse_matcher import parse_matchers
from alerting.rules.history import RuleHistory
from alerting.rules.load import parse_rules
from alerting.rules.rule import AlertRule, RuleGroup
from alerting.rules.state import Alert, State
from alerting.rules.status import Health, RuleStatus
from alerting.silences.desk import SilenceDesk
from alerting.silences.silence import Silence, SilenceId
from bot.inputs.api.alert_sources import AlertSources, RuleFiles
from bot.readings.held_back import held_back
from bot.routes.silences import SilenceRooms, silence_routes
from storage.errors import StorageUnavailable
from tests.unit.api.house import House

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
FILE = """groups:
- name: shop
  interval: 15s
  rules:
  - alert: HighErrors
    expr: sum by (instance) (rate(errors_total[5m])) / sum by (instance) (rate(requests_total[5m])) > 0.05
    for: 2m
    labels: {severity: critical, service: shop}
    annotations:
      summary: 'More than 5 % of the requests to {{ $labels.instance }} fail.'
      runbook_url: https://runbooks.example/high-errors
  - alert: Slow
    expr: latency_seconds{quantile="0.99"} > 0.25
    for: 5m
    labels: {severity: warning, service: shop}
- name: disks
  rules:
  - alert: DiskFull
    expr: node_filesystem_avail_bytes / node_filesystem_size_bytes < 0.1
    labels: {severity: warning}
  - alert: DiskOdd
    expr: predict_linear(node_filesystem_avail_bytes[6h], 4 * 3600) < 0
    labels: {severity: info}
"""
ACTIVE, SUPPRESSED = AlertStatus(AlertState.ACTIVE), AlertStatus(AlertState.SUPPRESSED)
PROMETHEUS = "http://prometheus.example:9090"


def rule_groups(text: str = FILE, file: str = "rules/shop.yml") -> tuple[RuleGroup, ...]:
    """The groups of a rule file that is right."""
    loaded = parse_rules(file, text)
    assert not loaded.problems
    return loaded.groups


@dataclass
class FakeRanges:
    """One series that grows, or a failure."""

    failure: AlertingError | None = None
    asked: list[str] = field(default_factory=list)

    async def range(self, expr: str, start: datetime, end: datetime, step: timedelta) -> Sequence[Series]:
        self.asked.append(expr)
        if self.failure is not None:
            raise self.failure
        times = [start.timestamp() + n * step.total_seconds() for n in range(241)]
        values = tuple((at, 0.03 + 0.04 * ((n % 60) / 60) ** 2) for n, at in enumerate(times) if not 90 < n < 100)
        return [Series({"instance": "10.0.0.1:9100"}, values)]


@dataclass
class AlertScene:
    """What the sources of `house` give; change the fields as the test goes on."""

    house: House
    statuses: list[RuleStatus] = field(default_factory=list)
    groups: list[AlertGroup] = field(default_factory=list)
    silences: list[Silence] = field(default_factory=list)
    status: dict[str, AlertStatus] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    away: bool = False
    ranges: FakeRanges = field(default_factory=FakeRanges)

    def __post_init__(self) -> None:
        self.history = RuleHistory(self.house.database.records)
        self.desk = SilenceDesk(self.house.database.log, now=self.house.clock)
        held = held_back(self.find, self.status_of)
        rooms = SilenceRooms(self.desk, self.house.incidents, self.house.readings.alerts, held, self.house.clock)
        self.house.door._routes = {**self.house.door._routes, **silence_routes(rooms)}
        self.house.api = replace(self.house.api, alerts=self.sources())

    def sources(self) -> AlertSources:
        return AlertSources(
            groups=lambda: self.groups,
            status_of=self.status_of,
            silences=lambda: [*self.desk.all(), *self.silences],
            rules=self.rules,
            files=lambda: RuleFiles(self.problems, self.now),
            history=self.history,
            ranges=self.ranges,
            prometheus_url=PROMETHEUS,
            interval=MINUTE,
        )

    def rules(self) -> Sequence[RuleStatus]:
        if self.away:
            raise StorageUnavailable("The database does not answer", "Look whether it runs")
        return self.statuses

    def find(self, mark: str) -> ReceivedAlert | None:
        return next((one for group in self.groups for one in group.alerts if one.fingerprint == mark), None)

    def status_of(self, alert: ReceivedAlert) -> AlertStatus:
        known = self.status.get(alert.fingerprint, ACTIVE)
        made = self.desk.muted_by(alert.labels, self.now)
        return replace(known, silenced_by=(*known.silenced_by, *made))

    @property
    def now(self) -> datetime:
        return self.house.clock()

    def load(self, text: str = FILE) -> None:
        """Rules that were evaluated and hold nowhere."""
        health = Health(last_evaluation=self.now - timedelta(seconds=4), duration=timedelta(milliseconds=12))
        self.statuses = [RuleStatus(one, rule, health, ()) for one in rule_groups(text) for rule in one.alert_rules]

    def rule(self, name: str) -> int:
        return next(at for at, one in enumerate(self.statuses) if one.rule.name == name)

    def fail(self, name: str, error: str) -> None:
        """The last evaluation of this rule failed."""
        at = self.rule(name)
        health = replace(self.statuses[at].health, last_error=error, failures=7, missed=2)
        self.statuses[at] = replace(self.statuses[at], health=health)

    def hold(self, name: str, state: State, since: timedelta, **labels: str) -> Alert:
        """The rule holds for a series since so long ago."""
        at = self.rule(name)
        rule = self.statuses[at].rule
        assert isinstance(rule, AlertRule)
        whole = {"alertname": name, **rule.labels, **labels}
        active = self.now - since
        fired = min(active + rule.for_, self.now) if state is State.FIRING else None
        text = f"More than 5 % of the requests to {labels.get('instance', 'it')} fail."
        known = {"summary": text, "runbook_url": "https://runbooks.example/high-errors"}
        alert = Alert(whole, known, 0.0812, state, active, fingerprint(whole), fired_at=fired)
        self.statuses[at] = replace(self.statuses[at], alerts=(*self.statuses[at].alerts, alert))
        return alert

    def tell(self, receiver: str, labels: dict[str, str], alerts: Sequence[Alert | ReceivedAlert]) -> None:
        """These alerts are one group."""
        found = tuple(one if isinstance(one, ReceivedAlert) else self.received(one) for one in alerts)
        key = f"{{}}:{receiver}:{sorted(labels.items())}"
        self.groups.append(AlertGroup(key, "{}/0", labels, receiver, found))

    def received(self, alert: Alert) -> ReceivedAlert:
        return ReceivedAlert(
            alert.labels,
            alert.annotations,
            alert.active_at,
            None,
            self.now,
            alert.fingerprint,
            RULES,
            f"{PROMETHEUS}/graph?g0.expr=up&g0.tab=1",
            value=alert.value,
        )

    def posted(self, name: str, since: timedelta, **labels: str) -> ReceivedAlert:
        """An alert that another program sent."""
        whole = {"alertname": name, **labels}
        return ReceivedAlert(whole, {}, self.now - since, None, self.now, fingerprint(whole), "api")

    async def notify(
        self, receiver: str, reason: Reason = Reason.FIRST, *, error: str = "", firing: int = 1, **labels: str
    ) -> None:
        """The log has that this receiver was told, or could not be."""
        log, resolved = self.house.database.log, 0 if firing else 2
        one = Sent("key", f"{{}}:{labels}", labels, receiver, 0, reason, firing, resolved, self.now)
        event = sent_event(one)
        event = replace(event, type=FAILED, data={**event.data, "error": error}) if error else event
        await log.append(STREAM, [event], expected=len(await log.read(STREAM)), at=self.now)

    def silence(
        self, mark: str, matchers: str, *, starts: timedelta = -HOUR, ends: timedelta = HOUR, **more: object
    ) -> Silence:
        made = Silence(
            SilenceId(mark),
            parse_matchers(matchers),
            self.now + starts,
            self.now + ends,
            self.now + starts,
            "ada",
            "Moving the disks",
            **more,  # type: ignore[arg-type]  # the fields of Silence
        )
        self.silences.append(made)
        for one in (alert for group in self.groups for alert in group.alerts):
            if made.mutes(one.labels, self.now):
                known = self.status.get(one.fingerprint, SUPPRESSED)
                self.status[one.fingerprint] = replace(known, silenced_by=(*known.silenced_by, made.id))
        return made

    def busy(self) -> None:
        """A bit of everything."""
        self.load()
        errors = [self.hold("HighErrors", State.FIRING, 31 * MINUTE, instance=f"10.0.0.{n}:9100") for n in (1, 2)]
        self.hold("Slow", State.PENDING, 3 * MINUTE, instance="10.0.0.1:9100")
        disks = [self.hold("DiskFull", State.FIRING, 26 * HOUR, device=f"sd{c}", host="db-1") for c in "ab"]
        self.fail("DiskOdd", 'bad_data: invalid parameter "query": vector contains metrics with the same labelset')
        self.tell("pages", {"alertname": "HighErrors", "service": "shop"}, errors)
        self.tell("tickets", {"alertname": "DiskFull"}, disks)
        self.tell(
            "tickets", {"alertname": "BatchLate"}, [self.posted("BatchLate", 2 * HOUR, job="nightly", team="data")]
        )
        self.silence("5f1c9d3e-0000-4000-8000-000000000001", 'alertname="DiskFull",device="sda"')
        self.silence("5f1c9d3e-0000-4000-8000-000000000002", 'team=~"data|web"', starts=HOUR, ends=3 * HOUR)
        self.silence(
            "5f1c9d3e-0000-4000-8000-000000000003", 'service="shop"', starts=-5 * HOUR, ends=-HOUR, ended_by="ben"
        )
        late = self.groups[-1].alerts[0]
        self.status[late.fingerprint] = replace(SUPPRESSED, inhibited_by=(errors[0].fingerprint,))

    async def past(self) -> None:
        """A day of HighErrors, noted as it went."""
        at = self.now - 20 * HOUR
        status = self.statuses[self.rule("HighErrors")]
        labels = {"alertname": "HighErrors", **status.rule.labels, "instance": "10.0.0.1:9100"}
        while at <= self.now:
            hour = int((self.now - at) / HOUR)
            quiet = hour in {7, 8}
            state = {15: State.PENDING, 14: State.FIRING, 3: State.FIRING, 0: State.FIRING}.get(hour)
            begun = self.now - (hour + 1) * HOUR
            fired = begun + 10 * MINUTE if state is State.FIRING else None
            alert = Alert(labels, {}, 0.1, state or State.INACTIVE, begun, "f1", fired_at=fired)
            error = "the query timed out" if hour == 11 else None
            health = Health(last_evaluation=at, last_error=error)
            if not quiet:
                await self.history.note([replace(status, health=health, alerts=(alert,) if state else ())], at=at)
            at += MINUTE

    def full(self, number: int = 3000) -> None:
        """Thousands of alerts, rules and silences."""
        self.busy()
        alerts = [
            self.posted(
                "InstanceDown", n * MINUTE, instance=f"10.{n % 7}.{n // 250}.{n % 250}:9100", zone=f"zone-{n % 7}"
            )
            for n in range(number)
        ]
        for zone in range(7):
            name = f"zone-{zone}"
            members = [one for one in alerts if one.labels["zone"] == name]
            self.tell("pages", {"alertname": "InstanceDown", "zone": name}, members)
        rules = "".join(f"  - {{alert: Rule{n}, expr: 'metric_{n} > {n}'}}\n" for n in range(1000))
        self.statuses += [
            RuleStatus(one, rule, Health(last_evaluation=self.now), ())
            for one in rule_groups(f"groups:\n- name: many\n  rules:\n{rules}", "rules/many.yml")
            for rule in one.alert_rules
        ]
