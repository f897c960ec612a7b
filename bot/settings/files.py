"""Files and programs that the settings name, and whether they are on this machine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bot.settings.backup_parts import BackupPart
from bot.settings.model import File, ServicePart
from bot.settings.positions import Field
from bot.settings.target_checks import TargetPart, target_sections
from bot.settings.target_parts import KubernetesPart, LocalPart, PlacementPart

Fault = tuple[Field, str]


def missing_files(file: File, base: Path) -> Iterator[Fault]:
    """Files that nothing can run without. Relative paths start from `base`."""
    for field, sections in _sections(file):
        for kind, section in sections.items():
            for key in ("manifest", "kubeconfig") if isinstance(section, KubernetesPart) else ():
                path = getattr(section, key)
                if path and not _is_file(base, path):
                    yield (*field, kind, key), f"there is no file {path[:200]!r}; a relative path starts from {base}"


def absences(file: File, base: Path) -> Iterator[Fault]:
    """What is not here and may come yet, or is found elsewhere: programs, the databases' files, a word for the port."""
    for field, sections in _sections(file):
        for kind, section in sections.items():
            if isinstance(section, LocalPart):
                yield from _local((*field, kind, "command"), section)
    for field, part in _parts(file):
        yield from _backup((*field, "backup"), part.backup, base) if part.backup is not None else ()


def _local(field: Field, part: LocalPart) -> Iterator[Fault]:
    if not any("{port}" in word or "PORT" in word for word in part.command):
        yield field, "does not hold {port}; the program has to listen at the port that the variable PORT names"
    if "PATH" not in part.environment:
        yield from _program(field, part.command)


def _backup(field: Field, part: BackupPart, base: Path) -> Iterator[Fault]:
    commands: Mapping[str, Sequence[str]] = dict(part.command) if part.command is not None else {}
    for name, words in commands.items():
        yield from _program((*field, "command", name), words)
    if part.sqlite is not None and not _is_file(base, part.sqlite.path):
        yield (*field, "sqlite", "path"), f"there is no file {part.sqlite.path[:200]!r} yet; backups fail without it"


def _program(field: Field, command: Sequence[str]) -> Iterator[Fault]:
    """Which folder a relative path starts from is not known here, nor what a name in braces stands for."""
    program = command[0]
    unknown = "{" in program or ("/" in program and not program.startswith("/"))
    if not unknown and shutil.which(program) is None:
        yield field, f"there is no program {program[:200]!r} on this machine; install it, or mend the command"


def _is_file(base: Path, path: str) -> bool:
    try:
        return (base / Path(path).expanduser()).is_file()
    except RuntimeError:  # ~somebody who is not here
        return False


def _parts(file: File) -> Iterator[tuple[Field, ServicePart | PlacementPart]]:
    for name, service in file.services.items():
        yield ("services", name), service
        for environment, place in service.environments.items():
            yield ("services", name, "environments", environment), place


def _sections(file: File) -> Iterator[tuple[Field, Mapping[str, TargetPart]]]:
    return ((field, target_sections(part)) for field, part in _parts(file))
