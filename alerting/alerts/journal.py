"""Keeps received alerts in the database, one record an alert, so that they survive a restart.

`over` says that the alert's end was reached or told, and not only foreseen; `settled` that no group has anything
left to tell of it. HEARD is when somebody last listened: time in which nobody did counts for no alert's end.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Final

import msgspec

from alerting.alerts.alert import ReceivedAlert
from alerting.errors import PermanentFailure
from storage.codec import JSON, Written, decode_time, encode_time, written
from storage.records import Records

COLLECTION: Final = "alerts"
CLOCK: Final = "alerts-heard"
HEARD: Final = "heard"
_READ: Final = (KeyError, ValueError, TypeError)


class Kept(msgspec.Struct, frozen=True, gc=False):
    """An alert as it stands in the database."""

    alert: ReceivedAlert
    over: bool
    settled: bool


class AlertJournal:
    """Reads and writes received alerts; every method may raise storage's errors."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def load(self) -> tuple[int, list[Kept]]:
        """The revision and everything kept at least up to it; raises PermanentFailure for an unreadable record."""
        return await self.changes(after=0)

    async def changes(self, *, after: int) -> tuple[int, list[Kept]]:
        """What was written since that revision, by whomever, and the revision now."""
        revision, values = await self._records.changes(COLLECTION, after=after)
        return revision, [_kept(key, value) for key, value in values.items()]

    async def save(self, alerts: Iterable[Kept], *, at: datetime, gone: Collection[str] = ()) -> None:
        """Write these alerts and remove those of `gone`, in one transaction."""
        values = {kept.alert.fingerprint: _row(kept) for kept in alerts}
        await self._records.put_many(COLLECTION, values, at=at, delete=gone)

    async def heard(self) -> datetime | None:
        """When somebody last listened."""
        value = await self._records.get(CLOCK, HEARD)
        return decode_time(value["at"]) if value else None

    async def note_heard(self, at: datetime) -> None:
        """Somebody listens now."""
        await self._records.put(CLOCK, HEARD, {"at": encode_time(at)}, at=at)


class _Row(msgspec.Struct, omit_defaults=True, gc=False):
    """What the database has of an alert; `value` as text, since JSON has neither NaN nor the infinities."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: datetime
    updated_at: datetime
    fingerprint: str
    source: str
    generator_url: str
    expires: bool
    over: bool
    settled: bool
    ends_at: datetime | None = None
    value: str | None = None


def _row(kept: Kept) -> Written:
    alert = kept.alert
    row = _Row(
        alert.labels,
        alert.annotations,
        alert.starts_at,
        alert.updated_at,
        alert.fingerprint,
        alert.source,
        alert.generator_url,
        alert.expires,
        kept.over,
        kept.settled,
        alert.ends_at,
        None if alert.value is None else repr(alert.value),
    )
    return written(row)


def _kept(key: str, value: JSON) -> Kept:
    try:
        number = value.get("value")
        plain = value | {"value": None if number is None else float(number), "ends_at": value.get("ends_at")}
        return Kept(msgspec.convert(plain, ReceivedAlert), bool(value["over"]), bool(value["settled"]))
    except _READ as wrong:
        raise PermanentFailure(
            f"the alert {key} in the database cannot be read: {wrong!r}",
            f'delete the record "{key}" of "{COLLECTION}"; its sender tells it again',
        ) from wrong
