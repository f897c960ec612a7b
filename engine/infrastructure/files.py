"""Files that other runs of us depend on: written whole or not at all, and logs that do not grow without end."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_LOG_LIMIT: Final = 5 * 1024 * 1024
_TAIL: Final = 64 * 1024


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file in one step that survives a crash at any point."""
    draft = path.with_name(f".{path.name}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    draft.replace(path)


def rotate(log: Path) -> None:
    """Put `log` aside as `<name>.1` when it is large."""
    if log.exists() and log.stat().st_size > _LOG_LIMIT:
        log.replace(log.with_name(f"{log.name}.1"))


def tail(log: Path, lines: int) -> str:
    """The last lines of a file, empty when there is none."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:]) if lines > 0 else ""
