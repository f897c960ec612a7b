"""The databases that backups are taken of, from the variables that the settings name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bot.settings.backup_parts import BackupPart
from bot.settings.model import File
from bot.settings.positions import Field
from bot.settings.problems import SettingsProblem
from bot.settings.read import Settings, read_variables


def load_backup_urls(settings: Settings) -> Mapping[str, str]:
    """The value of each variable that a backup's `url_env` names; "" for those that are not set."""
    return read_variables(variable for _, variable in _variables(settings.file))


def unset_backup_urls(settings: Settings) -> Iterator[tuple[Field, SettingsProblem]]:
    """The fields whose variable is not set, each with what is to be said of it."""
    urls = load_backup_urls(settings)
    told = "is not set in the environment; set it to the database's URL, such as postgresql://user@host/name"
    for field, variable in _variables(settings.file):
        if not urls[variable]:
            yield field, SettingsProblem(str(settings.path), 0, ".".join(map(str, field)), f"{variable} {told}")


def _variables(file: File) -> Iterator[tuple[Field, str]]:
    for name, service in file.services.items():
        parts: list[tuple[Field, BackupPart | None]] = [(("services", name, "backup"), service.backup)]
        for environment, place in service.environments.items():
            parts.append((("services", name, "environments", environment, "backup"), place.backup))
        for field, part in parts:
            if part is not None and part.postgres is not None:
                yield field, part.postgres.url_env
