"""The operators hear of what alerting cannot do: once when it lasts, once when it is over."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from alerting.notify.dedup import Target
from alerting.notify.trouble import Failing
from alerting.rules.load import load_rule_files
from alerting.rules.status import Health, RuleStatus
from bot.chat.outbox import Closed
from bot.watch.troubles import Troubles
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
        self.channels: list[Closed] = []
        self.said: list[str] = []
        self.remedies: list[str] = []
        self.clock = VirtualClock()
        self.troubles = Troubles(
            self.broken,
            lambda: self.receivers,
            lambda: self.channels,
            self.tell,
            metrics="http://prometheus",
            channel="#ops",
        )

    def broken(self) -> tuple[list[RuleStatus], int]:
        return [one for one in self.rules if one.health.last_error], len(self.rules)

    async def tell(self, what: str, remedy: str) -> None:
        self.said.append(what)
        self.remedies.append(remedy)

    async def pass_time(self, times: int = 4) -> list[str]:
        self.said.clear()
        for _ in range(times):
            await self.troubles.tick(self.clock.advance(TEN))
        return list(self.said)

    def break_rules(self, *errors: str | None) -> None:
        """One error for all, or one for each."""
        each = errors * len(self.rules) if len(errors) == 1 else errors
        self.rules = [
            replace(one, health=Health(last_error=error)) for one, error in zip(self.rules, each, strict=True)
        ]


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
    assert await trial.pass_time() == ["The rules' queries are answered again."]


async def test_a_rule_that_is_wrong_is_told_to_be_corrected(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    trial.break_rules(None, "many-to-many matching not allowed")
    assert await trial.pass_time() == [
        "1 of 2 rules can't be evaluated. B: many-to-many matching not allowed. Their alerts stay as they were."
    ]
    assert trial.remedies[-1].startswith("Correct what the error says in the rule's file")
    trial.break_rules("http://prometheus gave no answer within 30s", "many-to-many matching not allowed")
    assert len(await trial.pass_time()) == 1
    assert trial.remedies[-1].startswith("See whether http://prometheus answers")
    trial.break_rules("http://prometheus cannot be reached: refused")
    assert await trial.pass_time() == []
    trial.break_rules(None)
    assert sorted(await trial.pass_time()) == [
        "No rule is wrong any more.",
        "The rules' queries are answered again.",
    ]


async def test_two_rules_that_are_wrong_each_in_its_way(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    trial.break_rules("many-to-many matching not allowed", "vector contains metrics with the same labelset")
    await trial.pass_time()
    assert trial.remedies[-1].startswith("Correct")


async def test_the_log_has_it_too(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "bot.watch.troubles")
    trial = Trial(tmp_path)
    trial.break_rules("away")
    trial.receivers = [Failing(Target("hook", 0), trial.clock(), "it answered 500", 7)]
    await trial.pass_time(8)
    trial.break_rules(None)
    trial.receivers = []
    await trial.pass_time()
    said = [(record.levelname, record.getMessage().partition(" ")[0]) for record in caplog.records]
    assert said == [("WARNING", "Receiver"), ("WARNING", "2"), ("INFO", "Receiver"), ("INFO", "The")]


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


async def test_a_channel_that_takes_nothing_is_told_and_so_is_its_end(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    trial.channels = [Closed("#incidents", trial.clock(), "is_archived")]
    assert await trial.pass_time(3) == []
    (said,) = await trial.pass_time()
    assert said.startswith("The channel #incidents takes no messages since ")
    assert "is_archived" in said
    trial.channels = []
    assert await trial.pass_time() == ["The channel #incidents takes messages again."]


async def test_what_the_settings_lack_is_told_once_with_what_goes_on(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    lacking = "pilothouse.yaml:7: services.till.kubernetes.kubeconfig: there is no file 'nowhere.yaml'"
    trial.troubles = Troubles(trial.broken, list, list, trial.tell, metrics="http://prometheus", settings=[lacking])
    assert await trial.pass_time() == [f"{lacking}. The services that need it can't be deployed; the others go on."]
    assert "start Pilothouse again" in trial.remedies[0]
    assert await trial.pass_time() == []


async def test_what_was_told_into_the_closed_channel_of_the_operators_is_told_again(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    trial.receivers = [Failing(Target("hook", 0), trial.clock(), "it answered 500", 7)]
    (told,) = await trial.pass_time()
    trial.channels = [Closed("#ops", trial.clock(), "is_archived")]
    assert len(await trial.pass_time()) == 1
    trial.channels = []
    assert await trial.pass_time() == ["The channel #ops takes messages again.", told]
    assert await trial.pass_time(600) == []
