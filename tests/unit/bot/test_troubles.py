"""The operators hear of what alerting cannot do: once when it lasts, once when it is over."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from alerting.notify.dedup import Target
from alerting.notify.trouble import Failing
from alerting.rules.load import load_rule_files
from alerting.rules.status import Health, RuleStatus
from bot.troubles import Troubles
from tests.fakes.clock import VirtualClock

RULES = "groups: [{name: g, rules: [{alert: A, expr: a}, {alert: B, expr: b}]}]"
TEN = timedelta(seconds=10)


class Trial:
    def __init__(self, folder: Path) -> None:
        file = folder / "rules.yaml"
        file.write_text(RULES)
        (group,) = load_rule_files([str(file)]).groups
        self.rules = [RuleStatus(group, rule, Health(), ()) for rule in group.rules]
        self.receivers: list[Failing] = []
        self.said: list[str] = []
        self.clock = VirtualClock()
        self.troubles = Troubles(lambda: self.rules, lambda: self.receivers, self.tell, metrics="http://prometheus")

    async def tell(self, what: str, remedy: str) -> None:
        self.said.append(what)

    async def pass_time(self, times: int = 4) -> list[str]:
        self.said.clear()
        for _ in range(times):
            await self.troubles.tick(self.clock.advance(TEN))
        return list(self.said)

    def break_rules(self, error: str | None) -> None:
        self.rules = [replace(one, health=Health(last_error=error)) for one in self.rules]


async def test_rules_that_cannot_be_evaluated(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    assert await trial.pass_time() == []
    trial.break_rules("away")
    assert await trial.pass_time(3) == []
    assert await trial.pass_time() == [
        "2 of 2 rules can't be evaluated. A: away; B: away. Their alerts stay as they were."
    ]
    assert await trial.pass_time() == []
    trial.break_rules(None)
    assert await trial.pass_time() == ["All rules are evaluated again."]


async def test_what_passes_quickly_is_not_told(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    for _ in range(3):
        trial.break_rules("away")
        assert await trial.pass_time(2) == []
        trial.break_rules(None)
        assert await trial.pass_time(1) == []


async def test_a_receiver_that_cannot_be_told(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    trial.receivers = [Failing(Target("hook", 0), trial.clock(), "it answered 500", 7)]
    told = "Receiver hook can't be told since 09:00 UTC: it answered 500."
    assert await trial.pass_time() == [f"{told} Nothing is lost: it is told as soon as it takes it."]
    trial.receivers = []
    assert await trial.pass_time() == ["Receiver hook takes notifications again."]
