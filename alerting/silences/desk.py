"""The silences of the house: takes new ones, ends them, and says which alerts are muted.

Several replicas may each have a desk. What is written goes to the log; `poll` reads there what others wrote. A silence
that two replicas change at once is changed by one of them first: the log decides, and the other looks again.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, Protocol, TypeVar
from uuid import uuid4

from alerting.errors import TemporaryFailure
from alerting.routing.matcher import Matcher, all_match
from alerting.silences import rules
from alerting.silences.errors import UnknownSilence
from alerting.silences.index import SilenceIndex
from alerting.silences.journal import Entry, SilenceJournal
from alerting.silences.silence import SYSTEM, Silence, SilenceId, State
from storage.errors import Conflict
from storage.events import EventLog

_TRIES: Final = 10  # of a change that other replicas keep overtaking


class Labelled(Protocol):
    """Anything with labels."""

    @property
    def labels(self) -> Mapping[str, str]: ...


Alert = TypeVar("Alert", bound=Labelled)


def matching(matchers: Iterable[Matcher], alerts: Iterable[Alert]) -> list[Alert]:
    """The alerts that a silence of these matchers would mute, in their order."""
    wanted = tuple(matchers)
    return [alert for alert in alerts if all_match(wanted, alert.labels)]


class SilenceDesk:
    """Implements Muters, from the first `load` or `poll` on. What uses the log may raise StorageUnavailable."""

    def __init__(self, log: EventLog, *, now: Callable[[], datetime]) -> None:
        self._journal = SilenceJournal(log)
        self._now = now
        self._entries: dict[SilenceId, Entry] = {}
        self._index = SilenceIndex()
        self._position = 0
        self._loaded = False
        self.revision = 0
        """Grows whenever a silence is set, ended or forgotten, here or by another replica."""

    async def load(self) -> None:
        """Read every silence that is remembered."""
        self._position, entries = await self._journal.load()
        self._take(entries)
        self._loaded = True
        self.forget()

    async def poll(self) -> None:
        """Read what other replicas have written since, all of it the first time; forget what is old."""
        if not self._loaded:
            await self.load()
            return
        self._position, entries = await self._journal.changes(self._position)
        self._take(entries)
        self.forget()

    async def set(self, silence: Silence, *, by: str = "") -> SilenceId:
        """Make the silence, or change the one of its id; the id it has now. `by` is whom the log names (its creator).

        An empty id makes a new one. One that has begun keeps what it muted: other matchers or another start end it and
        make a new one. Raises InvalidSilence, UnknownSilence, TemporaryFailure when others kept changing it.
        """
        rules.check(silence, self._now())
        for _ in range(_TRIES):
            await self.poll()
            now = self._now()
            if silence.id and self._remembered(silence.id, now) is None:
                raise UnknownSilence
            previous = self.get(silence.id)
            changed = rules.written(previous, silence, new=SilenceId(str(uuid4())), now=now)
            if await self._write_all(changed, by or silence.created_by, now):
                return changed[-1].id
        raise _overtaken(silence.id)

    async def expire(self, silence: SilenceId, by: str) -> Silence:
        """End it now; the silence as it is then. Nothing happens to one that has ended.

        Raises UnknownSilence, TemporaryFailure when others kept changing it.
        """
        for _ in range(_TRIES):
            await self.poll()
            # Not before: one that another replica has just ended would not seem to have.
            now = self._now()
            known = self._remembered(silence, now)
            if known is None:
                raise UnknownSilence
            ended = rules.expired(known, by, now)
            if ended == known or await self._write(ended, by, now):
                return ended
        raise _overtaken(silence)

    async def tick(self, now: datetime, firing: Iterable[Mapping[str, str]]) -> None:
        """End the silences whose alerts are resolved, and write down which ended by themselves.

        `firing` are the label sets of all alerts that fire, known for certain: what is missing there counts as
        resolved. It is gone through once for each silence that waits for such an end. Call it on one replica.
        """
        await self.poll()
        for entry in list(self._entries.values()):
            if rules.idle(entry.silence, firing, now):
                await self._write(rules.expired(entry.silence, SYSTEM, now), SYSTEM, now)
            elif not entry.closed and entry.silence.state(now) is State.EXPIRED:
                await self._write(entry.silence, SYSTEM, now)

    def forget(self) -> None:
        """Drop what ended longer ago than silences are remembered."""
        now = self._now()
        kept = {id_: one for id_, one in self._entries.items() if not rules.forgotten(one.silence, now)}
        if len(kept) < len(self._entries):
            self._entries = kept
            self._index = SilenceIndex(one.silence for one in kept.values())
            self.revision += 1

    def get(self, silence: SilenceId) -> Silence | None:
        """The silence of this id, if it is remembered."""
        entry = self._entries.get(silence)
        return None if entry is None else entry.silence

    def all(self) -> list[Silence]:
        """Every silence that is remembered: active, pending, then expired ones."""
        return rules.in_order((entry.silence for entry in self._entries.values()), self._now())

    def query(self, matchers: Iterable[Matcher]) -> list[Silence]:
        """Those that have each of `matchers` among their own, ordered as `all`."""
        wanted = tuple(matchers)
        return [one for one in self.all() if rules.holds_filter(one, wanted)]

    def muted_by(self, labels: Mapping[str, str], now: datetime) -> Sequence[SilenceId]:
        """The active silences that match these labels, none when such an alert is not muted."""
        found = self._index.matching(labels)
        if not found:
            return ()
        return [one for one in found if self._entries[one].silence.state(now) is State.ACTIVE]

    def silenced_until(self, labels: Mapping[str, str], now: datetime) -> datetime | None:
        """When the last of the silences that mute these labels ends; None when none does."""
        return max((self._entries[one].silence.ends_at for one in self.muted_by(labels, now)), default=None)

    def _remembered(self, silence: SilenceId, now: datetime) -> Silence | None:
        known = self.get(silence)
        return None if known is None or rules.forgotten(known, now) else known

    async def _write_all(self, silences: Sequence[Silence], by: str, now: datetime) -> bool:
        """Whether all of them could be written; the first one that others changed meanwhile ends it."""
        for silence in silences:
            if not await self._write(silence, by, now):
                return False
        return True

    async def _write(self, silence: Silence, by: str, now: datetime) -> bool:
        known = self._entries.get(silence.id)
        version = known.version if known else 0
        closed = silence.state(now) is State.EXPIRED
        try:
            entry = await self._journal.record(silence, version=version, closed=closed, actor=by, at=now)
        except Conflict:
            return False
        self._take([entry])
        return True

    def _take(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            known = self._entries.get(entry.silence.id)
            if known is not None and known.version >= entry.version:
                continue
            self._entries[entry.silence.id] = entry
            if known is None:
                self._index.add(entry.silence)
            self.revision += 1


def _overtaken(silence: SilenceId) -> TemporaryFailure:
    return TemporaryFailure(f"Silence {silence} could not be changed: others keep changing it", remedy="Try again")
