"""Alerts that others post, turned into ours: a sender's first word about an alert costs, its repetitions hardly.

Senders tell the same alerts again and again, moving only the end. So what was last said of a label set is kept by the
very bytes its labels were written in, within a bound; whoever says the same again only moves the end on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol

import msgspec

from alerting.alerts.alert import ReceivedAlert
from alerting.alerts.fingerprint import fingerprint
from alerting.alerts.posted import (
    ZERO,
    BadBody,
    Fault,
    PostedAlert,
    WebhookAlert,
    is_uri,
    problem_of,
    read_pairs,
    read_posted,
    read_webhook,
    time_of,
)

API: Final = "api"
WEBHOOK: Final = "webhook"
AT_ONCE: Final = 512
"""Alerts that are worked on before others get their turn."""
REMEMBERED: Final = 64 * 1024 * 1024
"""Bytes of what senders said that are kept at most."""
_OVERHEAD: Final = 500  # bytes an entry costs beside its texts
_MOST_PROBLEMS: Final = 20


class Keeper(Protocol):
    """The store of alerts, as this room needs it."""

    async def take(self, alerts: Sequence[ReceivedAlert]) -> object:
        """Merge the alerts into what is known. Raises storage's errors, and then none is taken."""
        ...

    def touch(self, fingerprint: str, ends_at: datetime, updated_at: datetime) -> bool:
        """Move the end of an alert that fires and of which nothing else changed.

        False when it is not known, or over at `updated_at`: then it has to be taken.
        """
        ...


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a request: how many were accepted, and why the others were not, each with its place."""

    accepted: int
    problems: tuple[str, ...] = ()

    @property
    def told(self) -> str:
        """The problems as one text."""
        more = len(self.problems) - _MOST_PROBLEMS
        return "; ".join(self.problems[:_MOST_PROBLEMS]) + (f"; and {more} more" if more > 0 else "")


class _Said(msgspec.Struct, gc=False):
    """What one sender last said of one label set."""

    fingerprint: str
    annotations: bytes
    expires: bool


@dataclass(slots=True)
class _Batch:
    """One stretch of a request: what has to be taken, and what to remember once it was."""

    accepted: int = 0
    changed: list[ReceivedAlert] = field(default_factory=list)
    said: list[tuple[bytes, _Said]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


class Intake:
    """Takes what is posted. `resolve_timeout` is how long an alert without an end counts as true."""

    def __init__(
        self,
        keeper: Keeper,
        *,
        resolve_timeout: Callable[[], timedelta],
        now: Callable[[], datetime],
        remembered: int = REMEMBERED,
    ) -> None:
        self._keeper = keeper
        self._resolve_timeout = resolve_timeout
        self._now = now
        self._memory = _Memory(remembered)

    async def post(self, body: bytes) -> Taken:
        """Take the body of `POST /api/v2/alerts`. Raises BadBody with nothing taken, and storage's errors."""
        posted = read_posted(body)
        for index, one in enumerate(posted):
            _check_form(one, index)
        batches = []
        # All is read before anything is taken, as it may still turn out to be no such body.
        for first in range(0, len(posted), AT_ONCE):
            if first:
                await asyncio.sleep(0)
            batches.append(self._read(posted[first : first + AT_ONCE], first))
        return await self._take_all(batches)

    async def webhook(self, body: bytes) -> Taken:
        """Take a webhook payload. Raises BadBody, and storage's errors."""
        told, now, batches = read_webhook(body), self._now(), []
        for first in range(0, len(told), AT_ONCE):
            if first:
                await asyncio.sleep(0)
            batch = _Batch()
            for index, one in enumerate(told[first : first + AT_ONCE], first):
                place = f"alerts.{index}"
                self._told(batch, _from_webhook(one, place, now), place)
            batches.append(batch)
        return await self._take_all(batches)

    def _read(self, posted: Sequence[PostedAlert], first: int) -> _Batch:
        batch, now = _Batch(), self._now()
        lasts = now + self._resolve_timeout()
        for index, one in enumerate(posted, first):
            # Two senders of one alert differ in their address, or where they share it in when it began for them.
            written = bytes(one.labels) + f"{one.generator_url or ''} {one.starts_at}".encode()
            said = self._memory.get(written)
            if said is not None and self._says_again(one, index, said, now, lasts):
                batch.accepted += 1
                continue
            alert = _from_api(one, index, now, lasts)
            if self._told(batch, alert, f"alert {index}"):
                said = _Said(alert.fingerprint, bytes(one.annotations), alert.expires)
                batch.said.append((written, said))
        return batch

    def _says_again(self, one: PostedAlert, index: int, said: _Said, now: datetime, lasts: datetime) -> bool:
        """Whether nothing but the end changed and the store has moved it."""
        if bytes(one.annotations) != said.annotations:
            return False
        ends_at = ZERO if one.ends_at is None else time_of(one.ends_at, index, "endsAt")
        expires = ends_at == ZERO
        if expires:
            ends_at = lasts
        return expires is said.expires and ends_at > now and self._keeper.touch(said.fingerprint, ends_at, now)

    def _told(self, batch: _Batch, alert: ReceivedAlert, place: str) -> bool:
        problem = problem_of(alert.labels, alert.annotations, alert.starts_at, alert.ends_at)
        if problem:
            batch.problems.append(f"{problem} ({place})")
            return False
        batch.accepted += 1
        batch.changed.append(alert)
        return True

    async def _take_all(self, batches: Sequence[_Batch]) -> Taken:
        for batch in batches:
            if batch.changed:
                await self._keeper.take(batch.changed)
            # Only now: had it failed, the same words would have to be taken the next time.
            for written, said in batch.said:
                self._memory.keep(written, said)
        problems = tuple(problem for batch in batches for problem in batch.problems)
        return Taken(sum(batch.accepted for batch in batches), problems)


class _Memory:
    """What was said, by the bytes it was said in: two generations, so that what is used stays and the rest goes."""

    def __init__(self, limit: int) -> None:
        self._half = limit // 2
        self._young: dict[bytes, _Said] = {}
        self._old: dict[bytes, _Said] = {}
        self._size = 0

    def get(self, written: bytes) -> _Said | None:
        said = self._young.get(written)
        if said is None and (said := self._old.pop(written, None)) is not None:
            self.keep(written, said)
        return said

    def keep(self, written: bytes, said: _Said) -> None:
        if written not in self._young:
            self._size += len(written) + len(said.annotations) + _OVERHEAD
        self._young[written] = said
        if self._size > self._half:
            self._old, self._young, self._size = self._young, {}, 0


def _check_form(one: PostedAlert, index: int) -> None:
    """Raises BadBody for what the API's description does not allow; no alert of the request is taken then."""
    if bytes(one.labels) == b"null":
        raise BadBody(Fault.MISSING, f"{index}.labels in body is required")
    url = one.generator_url
    if url and not is_uri(url):
        raise BadBody(Fault.WRONG_FORM, f'{index}.generatorURL in body must be of type uri: "{url[:200]}"')


def _from_api(one: PostedAlert, index: int, now: datetime, lasts: datetime) -> ReceivedAlert:
    """Source of the defaults: postAlertsHandler of Alertmanager."""
    starts_at, ends_at = time_of(one.starts_at, index, "startsAt"), time_of(one.ends_at, index, "endsAt")
    expires = ends_at == ZERO
    if starts_at == ZERO:
        starts_at = now if expires else ends_at
    labels = read_pairs(one.labels, index, "labels")
    if "" in labels.values():
        labels = {name: value for name, value in labels.items() if value}
    return ReceivedAlert(
        labels=labels,
        annotations=read_pairs(one.annotations, index, "annotations"),
        starts_at=starts_at,
        ends_at=lasts if expires else ends_at,
        updated_at=now,
        fingerprint=fingerprint(labels),
        source=API,
        generator_url=one.generator_url or "",
        expires=expires,
    )


def _from_webhook(one: WebhookAlert, place: str, now: datetime) -> ReceivedAlert:
    """A webhook tells a firing alert once, so it lasts until the webhook that resolves it."""
    starts_at, ends_at = time_of(one.starts_at, place, "startsAt"), time_of(one.ends_at, place, "endsAt")
    resolved = one.status == "resolved"
    if ends_at == ZERO:
        ends_at = now
    labels = {name: value for name, value in one.labels.items() if value}
    return ReceivedAlert(
        labels=labels,
        annotations=one.annotations or {},
        starts_at=(ends_at if resolved else now) if starts_at == ZERO else starts_at,
        ends_at=ends_at if resolved else None,
        updated_at=now,
        fingerprint=fingerprint(labels),
        source=WEBHOOK,
        generator_url=one.generator_url or "",
    )
