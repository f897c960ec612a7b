"""The notifications that were sent or could not be, the newest first, read from the log."""

from __future__ import annotations

from collections.abc import Sequence

from alerting.notify.events import STREAM, error_of, sent_of
from bot.inputs.api import schemas_alerts as shapes
from storage.events import Event, EventLog


class Notifications:
    """Reads the stream of notifications backwards. Remembers how far it goes, so that a page is a short read."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._newest: int | None = None

    async def page(self, *, limit: int, before: int | None = None) -> Sequence[Event]:
        """The newest `limit` events, of those with a version below `before`. Raises storage's errors."""
        newest = await self._stand() if self._newest is None else self._newest
        last = newest if before is None else min(newest, before - 1)
        found = await self._log.read(STREAM, after=max(0, last - limit))
        self._newest = found[-1].version if found else newest
        fit = [event for event in found if before is None or event.version < before]
        return fit[: -limit - 1 : -1]

    async def newest(self) -> shapes.Notification | None:
        """The last one, None when nobody was told anything yet."""
        found = await self.page(limit=1)
        return shape(found[0]) if found else None

    async def _stand(self) -> int:
        newest = await self._log.read_all(limit=1, newest_first=True, stream_prefix=STREAM)
        return newest[0].version if newest else 0


def shape(event: Event) -> shapes.Notification:
    """One notification as it is listed."""
    told = sent_of(event)
    return shapes.Notification(
        position=event.position,
        at=told.at,
        receiver=told.receiver,
        integration=told.integration,
        group=told.group,
        labels=dict(told.group_labels),
        reason=told.reason.value,
        firing=told.firing,
        resolved=told.resolved,
        error=error_of(event) or None,
    )


def shapes_of(events: Sequence[Event]) -> shapes.Notifications:
    """A page; versions begin at 1, so the event of that version is the last one."""
    older = bool(events) and events[-1].version > 1
    return shapes.Notifications(
        notifications=[shape(event) for event in events], next=str(events[-1].version) if older else None
    )
