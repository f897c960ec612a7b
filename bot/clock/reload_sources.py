"""The files that are read anew when they change: rules and routing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alerting.routing.config import RoutingConfig
from alerting.rules.load import LoadedRules
from bot.clock.reload import Source
from bot.house.alerting_half import Alerting
from bot.settings.problems import SettingsProblem, SettingsWrong
from bot.settings.read import Settings
from bot.settings.routing import load_routes
from bot.settings.rules import load_rules, rule_files, unmatched


def reload_sources(settings: Settings, alerting: Alerting) -> list[Source[Any]]:
    """What the reloader looks at, and who takes what was read."""

    async def take_rules(loaded: LoadedRules) -> None:
        await alerting.take_rules(loaded.groups)

    async def take_routing(routing: RoutingConfig) -> None:
        await alerting.take_routing(routing)

    def routing_files() -> Sequence[Path]:
        return [settings.resolve(settings.file.alertmanager)] if settings.file.alertmanager else []

    absent_at_start = frozenset(unmatched(settings))

    def read_rules() -> LoadedRules:
        loaded = load_rules(settings)
        # At a start a pattern without files is a warning; under way it is more likely a mount that is away.
        gone = [one for one in loaded.unmatched if one not in absent_at_start]
        if gone:
            raise SettingsWrong([SettingsProblem("", 0, "", f"no file matches {one} any more") for one in gone])
        return loaded

    rules: Source[Any] = Source("rule files", lambda: rule_files(settings), read_rules, take_rules)
    return [rules, Source("routing file", routing_files, lambda: load_routes(settings), take_routing)]
