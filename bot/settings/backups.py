"""The databases that backups are taken of, from the variables that the settings name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bot.settings.backup_parts import BackupPart
from bot.settings.model import File
from bot.settings.problems import SettingsProblem, SettingsWrong
from bot.settings.read import Settings, read_variables


def load_backup_urls(settings: Settings) -> Mapping[str, str]:
    """The value of each variable that a backup's `url_env` names. Raises SettingsWrong for those that are not set."""
    named = {part.postgres.url_env: where for where, part in _parts(settings.file) if part.postgres is not None}
    urls = read_variables(named)
    unset = [variable for variable in named if not urls[variable]]
    if unset:
        told = "is not set in the environment; set it to the database's URL, such as postgresql://user@host/name"
        raise SettingsWrong([SettingsProblem(str(settings.path), 0, named[one], f"{one} {told}") for one in unset])
    return urls


def _parts(file: File) -> Iterator[tuple[str, BackupPart]]:
    for name, service in file.services.items():
        places = [(f"services.{name}.environments.{env}", place.backup) for env, place in service.environments.items()]
        yield from (
            (f"{where}.backup", part) for where, part in [(f"services.{name}", service.backup), *places] if part
        )
