"""What of the settings is right and still may not be meant, or is missing on this machine only."""

from __future__ import annotations

from collections.abc import Iterator

from bot.settings.domain import to_catalog
from bot.settings.files import absences
from bot.settings.fit_checks import fit_warnings
from bot.settings.problems import SettingsProblem, SettingsWrong
from bot.settings.read import Settings
from bot.settings.shortages import Shortages
from bot.settings.triggers import load_triggers
from engine.infrastructure.balancers.doorstep import port_faults
from engine.targets import ContainerTarget, LocalTarget


def find_warnings(settings: Settings) -> list[SettingsProblem]:
    """Everything worth a word that is no fault of the file."""
    found = (*fit_warnings(settings.file), *absences(settings.file, settings.base))
    odd = [SettingsProblem(str(settings.path), 0, ".".join(map(str, field)), told) for field, told in found]
    return [*odd, *_taken(settings), *_unset(settings)]


def _taken(settings: Settings) -> Iterator[SettingsProblem]:
    """Ports that another program of this machine has now."""
    for place in to_catalog(settings).placements():
        if isinstance(place.target, LocalTarget | ContainerTarget):
            field = f"services.{place.service}.environments.{place.environment}"
            for key, port, why in port_faults(place.target, settings.data):
                told = f"port {port} {why}; end that program, or choose another port"
                yield SettingsProblem(str(settings.path), 0, f"{field}.{key}", told)


def _unset(settings: Settings) -> Iterator[SettingsProblem]:
    """Variables that are not set. A check may run elsewhere; `serve` does without those that one service needs."""
    yield from Shortages(settings).problems
    try:
        load_triggers(settings)
    except SettingsWrong as wrong:
        yield from wrong.problems
