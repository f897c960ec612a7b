"""From rules to incidents: what is lost between the two is made good, and not knowing resolves nothing."""

from datetime import timedelta
from pathlib import Path

import pytest

from alerting.errors import TemporaryFailure
from alerting.incidents.incident import State
from alerting.rules.evaluate import Evaluator
from alerting.rules.load import load_rule_files
from bot.watch import Watch
from storage.errors import StorageUnavailable
from tests.fakes.prometheus import FakeMetrics, vector
from tests.unit.alerting.incidents.world import World

RULES = """
groups:
  - name: shop
    interval: 1s
    rules:
      - {alert: Slow, expr: slow, labels: {service: shop, environment: production, severity: critical}}
"""
SECOND = timedelta(seconds=1)


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
        self.watch = Watch(self.evaluator, world.desk, world.journal, now=world.clock)

    def quiet(self) -> None:
        self.metrics.answers = {"slow": vector()}

    async def tick(self, times: int = 1) -> None:
        for _ in range(times):
            self.world.clock.at += SECOND
            await self.watch.tick(self.world.clock.at)

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
        patch.setattr(trial.world.desk, "take", away)
        with pytest.raises(StorageUnavailable):
            await trial.tick()
    await trial.watch.reconcile()
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
        patch.setattr(trial.world.desk, "take", away)
        with pytest.raises(StorageUnavailable):
            await trial.tick()
    await trial.watch.reconcile()
    assert await trial.states() == [State.RESOLVED]


async def test_a_restart_knows_what_fired_and_ends_nothing_before_it_has_asked(trial: Trial) -> None:
    await trial.tick()
    trial.begin()
    await trial.watch.start()
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
    await trial.watch.start()
    assert await trial.states() == [State.RESOLVED]
