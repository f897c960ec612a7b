"""The workspace's memory: an append-only file with one event a line, as JSON.

Each line is handed to the operating system before the call that caused it answers, so a killed process loses
nothing that it had confirmed. A torn last line (the machine went down while writing) is cut off at the next
start; a broken line anywhere else is refused, since everything after it would rest on a gap.
"""

import errno
import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, fields
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, Self

from bot.workspace import model
from bot.workspace.lock import only_writer
from bot.workspace.model import Event, Json, State, fold
from bot.workspace.snapshot import snapshot

VALUES: Final = {
    "user": model.User,
    "group": model.Group,
    "channel": model.Channel,
    "message": model.Message,
    "view": model.View,
    "url": model.ResponseUrl,
}
EVENTS: Final = {
    kind.__name__: kind
    for kind in (
        model.UserSaved,
        model.GroupSaved,
        model.ChannelSaved,
        model.MessagePosted,
        model.MessageChanged,
        model.MessageDeleted,
        model.ReadMarked,
        model.ViewOpened,
        model.ViewChanged,
        model.ViewClosed,
        model.HomePublished,
        model.ResponseUrlSaved,
    )
}

TIDY_FROM: Final = 5_000
"""Lines from which a journal is tidied at the start: rewritten messages leave many lines behind."""


class JournalBroken(Exception):
    """A line in the middle of the journal cannot be read. The message names the file, the line and the way out."""


def encode(event: Event) -> bytes:
    """One line for an event, newline included."""
    record = {"event": type(event).__name__, **asdict(event)}
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"


def decode(line: bytes) -> Event:
    """The event of one line. Raises ValueError when it is none."""
    record = json.loads(line.decode("utf-8", "surrogatepass"))
    if not isinstance(record, dict) or record.get("event") not in EVENTS:
        raise ValueError("not an event of this journal")
    kind = EVENTS[record.pop("event")]
    try:
        return kind(**{name: _revive(name, value) for name, value in record.items()})
    except TypeError as error:
        raise ValueError(str(error)) from error


def _revive(name: str, value: Any) -> Any:
    if name not in VALUES or not isinstance(value, dict):
        return value
    return VALUES[name](**_tupled(name, value))


def _tupled(name: str, values: Json) -> Json:
    """JSON has no tuples: turn the lists of tuple fields back."""
    tuples = {field.name for field in fields(VALUES[name]) if str(field.type).startswith("tuple")}
    return {key: tuple(value) if key in tuples else value for key, value in values.items()}


class Journal:
    """Appends events to a file and reads them back. Without a path it remembers nothing.

    Entering raises OSError, and JournalInUse while another workspace has the file.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._lock = ExitStack()

    def __enter__(self) -> Self:
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with ExitStack() as held:
                held.enter_context(only_writer(self._path))
                self._file = self._path.open("a+b", buffering=0)
                self._lock = held.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        self._lock.close()

    def replay(self) -> Iterator[Event]:
        """Every event so far, oldest first. Cuts a torn last line off. Raises JournalBroken."""
        if self._file is None:
            return
        self._file.seek(0)
        whole = self._file.read()
        end = whole.rfind(b"\n") + 1
        self._file.truncate(end)
        for number, line in enumerate(whole[:end].splitlines(), 1):
            yield self._decode(number, line)

    def restore(self) -> State:
        """The state of all events so far. A long journal is rewritten as what is left of it. Raises JournalBroken."""
        state, events = State(), list(self.replay())
        for event in events:
            fold(state, event)
        if len(events) > TIDY_FROM:
            self._rewrite([encode(event) for event in snapshot(state)])
        return state

    def append(self, event: Event) -> None:
        """Write one event. Raises OSError when the disk refuses; then nothing of the event remains in the file."""
        if self._file is None:
            return
        end = self._file.seek(0, 2)
        line = encode(event)
        try:
            written = self._file.write(line)
        except OSError:
            self._file.truncate(end)
            raise
        if written != len(line):
            self._file.truncate(end)
            raise OSError(
                errno.ENOSPC, f"only {written} of {len(line)} bytes written: is the disk full?", str(self._path)
            )

    def _rewrite(self, lines: list[bytes]) -> None:
        """Put these lines in place of the file in one move, so that a crash leaves the old or the new one whole."""
        if self._path is None or self._file is None:
            return
        fresh = self._path.with_name(self._path.name + ".new")
        fresh.write_bytes(b"".join(lines))
        fresh.replace(self._path)
        self._file.close()
        self._file = self._path.open("a+b", buffering=0)

    def _decode(self, number: int, line: bytes) -> Event:
        try:
            return decode(line)
        except ValueError as error:
            raise JournalBroken(
                f"{self._path}:{number}: this line is not readable ({error}). "
                "Restore the file from a copy, or move it away to start with an empty workspace."
            ) from error
