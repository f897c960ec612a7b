"""From rules to incidents: what is lost between the two is made good, and not knowing resolves nothing."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from alerting.alerts.store import AlertStore
from alerting.errors import TemporaryFailure
from alerting.incidents.incident import State
from alerting.notify.dispatcher import Dispatcher
from alerting.notify.incident import IncidentTeller
from alerting.routing.config import ChatReceiver
from alerting.routing.load import parse_routing
from alerting.rules.evaluate import Evaluator
from alerting.rules.load import load_rule_files
from alerting.silences.silence import SilenceId
from bot.watch.carry import EXPIRY, Watch
from storage.errors import StorageUnavailable
from tests.fakes.prometheus import FakeMetrics, vector
from tests.unit.alerting.incidents.world import World

ROUTING = parse_routing(
    "alertmanager.yml",
    """
route: {receiver: incidents, group_by: [alertname], group_wait: 0s, group_interval: 1s}
receivers: [{name: incidents, chat_configs: [{channel: incidents}]}]
""",
)
RULES = """
groups:
  - name: shop
    interval: 1s
    limit: 1
    rules:
      - {alert: Slow, expr: slow, labels: {service: shop, environment: production, severity: critical}}
"""
SECOND = timedelta(seconds=1)


class Nobody:
    """Mutes nothing."""

    def muted_by(self, labels: Mapping[str, str], now: datetime) -> Sequence[SilenceId]:
        return ()


class Trial:
    def __init__(self, folder: Path) -> None:
        file = folder / "rules.yaml"
        file.write_text(RULES)
        self.groups = load_rule_files([str(file)]).groups
        self.world = World()
        self.metrics = FakeMetrics({"slow": vector(({}, 1.0))})
        self.begin()

    def begin(self) -> None:
        """A new process over the same database."""
        self.world.restart()
        world = self.world
        self.evaluator = Evaluator(self.groups, self.metrics, world.database.records, now=world.clock)
        self.store = AlertStore(world.database.records, now=world.clock)
        self.dispatcher = Dispatcher(
            ROUTING,
            self.store,
            world.database.records,
            world.log,
            Nobody(),
            lambda receiver: [
                IncidentTeller(world.desk, ChatReceiver("incidents", "shop")) for _ in receiver.integrations
            ],
            now=world.clock,
        )
        self.watch = Watch(self.evaluator, self.store, world.desk, world.journal, now=world.clock)

    def label(self, **labels: str) -> None:
        """Give the installation external labels."""
        self.watch._external_labels = labels

    def quiet(self) -> None:
        self.metrics.answers = {"slow": vector()}

    async def tick(self, times: int = 1) -> None:
        for _ in range(times):
            self.world.clock.at += SECOND
            await self.watch.tick(self.world.clock.at)
            await self.dispatcher.tick(self.world.clock.at)

    async def take_up(self) -> None:
        """What a replica does that takes the lease."""
        await self.dispatcher.load()
        await self.watch.start()

    async def states(self) -> list[State]:
        return [one.state for one in await self.world.journal.recent()]


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    return Trial(tmp_path)


async def test_an_alert_opens_an_incident_and_its_end_resolves_it(trial: Trial) -> None:
    await trial.tick()
    assert await trial.states() == [State.OPEN]
    trial.quiet()
    await trial.tick()
    assert await trial.states() == [State.RESOLVED]


async def test_a_query_that_fails_resolves_nothing(trial: Trial) -> None:
    await trial.tick()
    trial.metrics.failure = TemporaryFailure("away")
    await trial.tick(60)
    await trial.watch.reconcile()
    assert await trial.states() == [State.OPEN]


async def test_a_firing_that_was_not_told_is_told_by_the_reconciliation(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_: object) -> None:
        raise StorageUnavailable("away", "wait")

    with monkeypatch.context() as patch:
        patch.setattr(trial.store, "take", away)
        with pytest.raises(StorageUnavailable):
            await trial.watch.tick(trial.world.clock.at + SECOND)
    await trial.watch.reconcile()
    await trial.dispatcher.tick(trial.world.clock.at)
    await trial.watch.reconcile()
    assert await trial.states() == [State.OPEN]


async def test_an_end_that_was_not_told_is_told_by_the_reconciliation(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_: object) -> None:
        raise StorageUnavailable("away", "wait")

    await trial.tick()
    trial.quiet()
    with monkeypatch.context() as patch:
        patch.setattr(trial.world.desk, "keep", away)
        with pytest.raises(StorageUnavailable):
            await trial.watch.tick(trial.world.clock.at + SECOND)
    await trial.watch.reconcile()
    assert await trial.states() == [State.RESOLVED]


async def test_a_restart_knows_what_fired_and_ends_nothing_before_it_has_asked(trial: Trial) -> None:
    await trial.tick()
    trial.begin()
    await trial.take_up()
    await trial.watch.reconcile()
    assert await trial.states() == [State.OPEN]
    trial.quiet()
    await trial.tick()
    await trial.watch.reconcile()
    assert await trial.states() == [State.RESOLVED]


async def test_what_fired_under_a_rule_that_is_gone_ends_at_the_next_start(trial: Trial) -> None:
    await trial.tick()
    trial.groups = ()
    trial.begin()
    await trial.take_up()
    assert await trial.states() == [State.RESOLVED]


async def test_what_fired_under_a_rule_that_broke_its_limit_ends_only_after_a_while(trial: Trial) -> None:
    await trial.tick()
    trial.metrics.answers = {"slow": vector(({"n": "1"}, 1.0), ({"n": "2"}, 1.0))}
    await trial.tick()
    await trial.watch.reconcile()
    assert await trial.states() == [State.OPEN]
    trial.world.clock.at += EXPIRY
    trial.metrics.failure = TemporaryFailure("away")
    await trial.tick()
    await trial.watch.reconcile()
    assert await trial.states() == [State.RESOLVED]


async def test_reconciling_while_an_evaluation_waits_for_its_answer_swallows_no_end(trial: Trial) -> None:
    await trial.tick()
    trial.quiet()
    trial.metrics.asked.clear()
    trial.metrics.hold = asyncio.Event()
    slot = trial.world.clock.at + SECOND
    evaluating = asyncio.create_task(trial.watch.tick(slot))
    await trial.metrics.asked.wait()
    trial.world.clock.at = slot + SECOND
    reconciling = asyncio.create_task(trial.watch.reconcile())
    await asyncio.sleep(0)
    trial.metrics.hold.set()
    await asyncio.gather(evaluating, reconciling)
    (alert,) = trial.store.all()
    assert alert.ends_at == slot
    assert await trial.states() == [State.RESOLVED]


async def test_alerts_carry_the_external_labels_they_lack(trial: Trial) -> None:
    trial.label(cluster="north", service="other")
    await trial.tick()
    await trial.watch.reconcile()
    (alert,) = trial.store.all()
    assert (alert.labels["cluster"], alert.labels["service"]) == ("north", "shop")
    trial.quiet()
    await trial.tick()
    assert await trial.states() == [State.RESOLVED]


async def test_the_reconciliation_writes_nothing_when_nothing_is_missing(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    await trial.tick()
    taken: list[object] = []

    async def take(alerts: Sequence[object]) -> None:
        taken.extend(alerts)

    monkeypatch.setattr(trial.store, "take", take)
    await trial.watch.reconcile()
    assert taken == []


async def test_a_value_that_moves_is_known_at_once_and_written_down_now_and_then(trial: Trial) -> None:
    await trial.tick()
    log = trial.world.log
    written, values = await log.last_position(), []
    for n in range(60):
        trial.metrics.answers = {"slow": vector(({}, float(n)))}
        await trial.tick()
        (alert,) = trial.store.all()
        values.append(alert.value)
    assert values == [float(n) for n in range(60)]
    assert 1 <= await log.last_position() - written <= 3


async def test_the_last_words_of_a_value_that_moves_no_more_are_written_down_and_told(
    trial: Trial, tmp_path: Path
) -> None:
    file = tmp_path / "worded.yaml"
    file.write_text(RULES.replace("labels:", "annotations: {summary: 'at {{ $value }}'}, labels:"))
    trial.groups = load_rule_files([str(file)]).groups
    trial.begin()
    for n in (1, 2, 3, 2, 3):
        trial.metrics.answers = {"slow": vector(({}, float(n)))}
        await trial.tick()
        assert [one.annotations["summary"] for one in trial.store.all()] == [f"at {n}"]
    await trial.tick(60)
    await trial.watch.reconcile()
    follower = AlertStore(trial.world.database.records, now=trial.world.clock)
    await follower.load()
    assert [one.annotations["summary"] for one in follower.all()] == ["at 3"]
    (incident,) = await trial.world.journal.open_incidents()
    assert [one.annotations["summary"] for one in incident.firing] == ["at 3"]
    written = await trial.world.log.last_position()
    await trial.tick(60)
    await trial.watch.reconcile()
    assert await trial.world.log.last_position() == written
