"""What single services cannot do without and do not have: files of the settings, variables of the environment.

The others go on without them; whoever deploys such a service is refused and told what to mend.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bot.settings.backups import unset_backup_urls
from bot.settings.gates import unset_hook_secrets
from bot.settings.model import File
from bot.settings.positions import Field
from bot.settings.problems import SettingsProblem
from bot.settings.read import Settings
from bot.settings.target_checks import target_sections
from engine.catalog import Placement

Pair = tuple[str, str]
"""A service and an environment."""


class Shortages:
    """What is missing, by service and environment."""

    def __init__(self, settings: Settings) -> None:
        self.problems: tuple[SettingsProblem, ...] = tuple(dict.fromkeys(one for _, one in _all(settings)))
        self._unreachable = _by_place(settings.file, list(settings.absent))
        self._all: Mapping[Pair, tuple[SettingsProblem, ...]] = _by_place(settings.file, list(_all(settings)))

    def of(self, service: str, environment: str) -> str:
        """Everything that is missing there, in a line; "" when nothing is."""
        return "; ".join(map(str, self._all.get((service, environment), ())))

    def blocks(self, place: Placement) -> str:
        """What nothing can be asked or done without there: its files; "" when they are there."""
        return "; ".join(map(str, self._unreachable.get((place.service, place.environment), ())))


def _all(settings: Settings) -> Iterator[tuple[Field, SettingsProblem]]:
    yield from settings.absent
    yield from unset_hook_secrets(settings)
    yield from unset_backup_urls(settings)


def _by_place(file: File, found: list[tuple[Field, SettingsProblem]]) -> Mapping[Pair, tuple[SettingsProblem, ...]]:
    made: dict[Pair, tuple[SettingsProblem, ...]] = {}
    for field, problem in found:
        for pair in _concerned(file, field):
            made[pair] = (*made.get(pair, ()), problem)
    return made


def _concerned(file: File, field: Field) -> Iterator[Pair]:
    """Whose setting it is: a strategy's of all that use it, a service's of all places that do not say it themselves."""
    match field:
        case ("strategies", str(name), *_):
            yield from (
                (service, environment)
                for service, part in file.services.items()
                for environment, place in part.environments.items()
                if place.strategy == name
            )
        case ("services", str(service), "environments", str(environment), *_):
            yield service, environment
        case ("services", str(service), str(section), *_):
            for environment, place in file.services[service].environments.items():
                own = place.backup is not None if section == "backup" else bool(target_sections(place))
                if not own:
                    yield service, environment
