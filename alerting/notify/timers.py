"""Keeps the timers of groups in the database, so that a restart neither begins a wait anew nor skips one."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from alerting.errors import PermanentFailure
from alerting.notify.group import Group, Timer
from storage.codec import JSON
from storage.records import Records

COLLECTION: Final = "groups"


@dataclass(frozen=True, slots=True)
class KeptGroup:
    """A group without its members; `route` is the id of its route."""

    route: str
    key: str
    labels: dict[str, str]
    timer: Timer
    settled_at: datetime | None


class GroupJournal:
    """Reads and writes groups; every method may raise storage's errors."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def load(self) -> list[KeptGroup]:
        """All that are kept; raises PermanentFailure for a record that cannot be read."""
        return [_kept(key, value) for key, value in (await self._records.all(COLLECTION)).items()]

    async def save(self, groups: Iterable[Group], *, gone: Collection[str], at: datetime) -> None:
        """Write these groups and remove those of the ids `gone`, in one transaction."""
        await self._records.put_many(COLLECTION, {group.id: _json(group) for group in groups}, at=at, delete=gone)


def _json(group: Group) -> JSON:
    kept = KeptGroup(group.route.id, group.key, dict(group.labels), group.kept_timer, group.settled_at)
    value: JSON = msgspec.to_builtins(kept)
    return value


def _kept(key: str, value: JSON) -> KeptGroup:
    try:
        return msgspec.convert(value, KeptGroup)
    except msgspec.ValidationError as wrong:
        raise PermanentFailure(
            f"the group {key} in the database cannot be read: {wrong}",
            f'delete the record "{key}" of "{COLLECTION}"; the group is then flushed as if it were new',
        ) from wrong
