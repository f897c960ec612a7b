"""The rule files that the settings name, and whether the gates that ask for a rule can find it there."""

from __future__ import annotations

import glob
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from alerting.rules.load import LoadedRules, load_rule_files
from bot.settings.checks import Fault, unknown
from bot.settings.model import File
from bot.settings.positions import read_positions
from bot.settings.problems import SettingsProblem, SettingsWrong
from bot.settings.read import Settings, problem_at

_PLACEHOLDER: Final = re.compile(r"\\\{(?:service|environment|version|previous|window)\\\}")


def load_rules(settings: Settings) -> LoadedRules:
    """Every rule file of the settings. Raises SettingsWrong with each problem in them, or in a gate that asks them."""
    loaded = load_rule_files(_patterns(settings), recording=bool(settings.file.evaluation.remote_write))
    if loaded.problems:
        raise SettingsWrong([SettingsProblem("", 0, "", str(problem)) for problem in loaded.problems])
    faults = list(_gates(settings.file, {rule.name for group in loaded.groups for rule in group.alert_rules}))
    if faults:
        _, lines = read_positions(settings.path)
        raise SettingsWrong([problem_at(settings.path, lines, field, message) for field, message in faults])
    return loaded


def rule_files(settings: Settings) -> list[Path]:
    """The files that are there now."""
    # Path.glob reads no absolute pattern.
    return sorted(Path(one) for pattern in _patterns(settings) for one in glob.glob(pattern, recursive=True))  # noqa: PTH207


def unmatched(settings: Settings) -> list[str]:
    """The patterns that no file matches now."""
    return [one for one in _patterns(settings) if not glob.glob(one, recursive=True)]  # noqa: PTH207


def _patterns(settings: Settings) -> list[str]:
    return [str(settings.resolve(pattern)) for pattern in settings.file.rules]


def _gates(file: File, rules: Collection[str]) -> Iterator[Fault]:
    for name, strategy in file.strategies.items():
        for index, gate in enumerate(strategy.gates):
            if gate.kind != "rule":
                continue
            if not rules:
                yield ("strategies", name, "gates", index), "there is no alert rule to ask; add rule files in `rules`"
            elif gate.rule and not any(map(_names(gate.rule).fullmatch, rules)):
                yield ("strategies", name, "gates", index, "rule"), unknown("rule", gate.rule, sorted(rules))


def _names(rule: str) -> re.Pattern[str]:
    """What a gate's rule may be called once its placeholders are filled."""
    return re.compile(_PLACEHOLDER.sub(".+", re.escape(rule)))
