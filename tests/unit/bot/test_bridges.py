"""What the engine is told of alert rules: nothing firing is worth something only where somebody looks."""

from datetime import timedelta
from pathlib import Path

import pytest

import alerting.errors
from alerting.rules.evaluate import Evaluator
from alerting.rules.load import load_rule_files
from bot.house.bridges import EngineAlerts
from bot.watch.rule_health import RuleHealth, healths_of
from engine.errors import PermanentFailure, TemporaryFailure
from tests.fakes.durable import VirtualClock
from tests.fakes.memory_storage import MemoryDatabase
from tests.fakes.prometheus import FakeMetrics, vector

RULES = """
groups:
  - {name: quick, interval: 1s, rules: [{alert: Slow, expr: slow}]}
  - {name: plain, rules: [{alert: Full, expr: full}]}
"""


class Trial:
    def __init__(self, folder: Path, rules: str = RULES) -> None:
        file = folder / "rules.yaml"
        file.write_text(rules)
        self.clock = VirtualClock()
        self.metrics = FakeMetrics({"slow": vector(), "full": vector()})
        groups = load_rule_files([str(file)]).groups
        self.evaluator = Evaluator(groups, self.metrics, MemoryDatabase().records, now=self.clock)
        self.alerts = EngineAlerts(list, self.healths, now=self.clock)

    async def healths(self) -> list[RuleHealth]:
        return healths_of(self.evaluator.snapshot(), 60.0)

    async def tick(self, times: int = 1) -> None:
        for _ in range(times):
            self.clock.at += timedelta(seconds=1)
            await self.evaluator.tick(self.clock.at)


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    return Trial(tmp_path)


async def test_the_last_evaluation_of_a_rule_and_the_oldest_of_all(trial: Trial) -> None:
    assert await trial.alerts.evaluated_at("Slow") is None
    await trial.tick()
    assert await trial.alerts.evaluated_at("Slow") == trial.clock.at
    await trial.tick(60)
    assert await trial.alerts.evaluated_at("Slow") == trial.clock.at
    assert await trial.alerts.evaluated_at("") == await trial.alerts.evaluated_at("Full")


async def test_all_is_not_evaluated_while_one_was_not(trial: Trial) -> None:
    for _ in range(60):
        await trial.tick()
        if await trial.alerts.evaluated_at("Full"):
            break
        assert await trial.alerts.evaluated_at("") is None
    assert await trial.alerts.evaluated_at("") is not None


async def test_a_rule_that_nobody_has(tmp_path: Path, trial: Trial) -> None:
    with pytest.raises(PermanentFailure, match=r"There is no alert rule Slw\. Add it to a rule file"):
        await trial.alerts.evaluated_at("Slw")
    with pytest.raises(PermanentFailure, match=r"There is no alert rule\."):
        await Trial(tmp_path, "groups: []").alerts.evaluated_at("")


async def test_metrics_away(trial: Trial) -> None:
    await trial.tick()
    trial.metrics.answers = {"slow": alerting.errors.TemporaryFailure("Prometheus does not answer.")}
    await trial.tick()
    with pytest.raises(TemporaryFailure, match=r"Rule Slow could not be evaluated: Prometheus does not answer\."):
        await trial.alerts.evaluated_at("Slow")


async def test_an_evaluation_long_ago(trial: Trial) -> None:
    await trial.tick()
    trial.clock.at += timedelta(seconds=8)
    assert await trial.alerts.evaluated_at("Slow") is not None
    trial.clock.at += timedelta(seconds=1)
    with pytest.raises(TemporaryFailure, match=r"Rule Slow was last evaluated at \d\d:\d\d:\d\d UTC"):
        await trial.alerts.evaluated_at("Slow")
