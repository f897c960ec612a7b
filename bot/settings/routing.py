"""Who hears of which alert: the Alertmanager configuration that the settings name, or what is meant without one."""

from __future__ import annotations

from alerting.routing.config import RoutingConfig
from alerting.routing.load import RoutingWrong, default_routing, load_routing
from bot.settings.problems import SettingsProblem, SettingsWrong
from bot.settings.read import Settings


def load_routes(settings: Settings) -> RoutingConfig:
    """The routing of the settings. Raises SettingsWrong with each fault in its file."""
    path = settings.file.alertmanager
    if path is None:
        return default_routing(settings.file.channels.incidents)
    try:
        return load_routing(settings.resolve(path), frozenset(settings.file.policies))
    except RoutingWrong as wrong:
        raise SettingsWrong([SettingsProblem("", 0, "", str(problem)) for problem in wrong.problems]) from wrong
