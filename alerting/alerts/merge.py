"""What an alert told anew makes of the one that is known. Pure.

Source of the rules: types.Alert.Merge and provider/mem Put of Alertmanager. An alert without an
end counts as one that ends never.
"""

from datetime import UTC, datetime
from typing import Final

from msgspec.structs import replace

from alerting.alerts.alert import RULES, ReceivedAlert

_NEVER: Final = datetime.max.replace(tzinfo=UTC)


def merged(known: ReceivedAlert, told: ReceivedAlert) -> ReceivedAlert:
    """What holds after `told`: the two become one when their times overlap, else `told` replaces `known`."""
    if not _overlap(known, told):
        return told
    old, new = (known, told) if told.updated_at >= known.updated_at else (told, known)
    return replace(new, starts_at=min(old.starts_at, new.starts_at), ends_at=_end(old, new))


def same(known: ReceivedAlert, told: ReceivedAlert) -> bool:
    """Whether only the end, the value or the time of telling differ, which nobody need be told."""
    return (
        known.starts_at == told.starts_at
        and known.annotations == told.annotations
        and known.generator_url == told.generator_url
        and known.source == told.source
        and known.expires == told.expires
    )


def _overlap(known: ReceivedAlert, told: ReceivedAlert) -> bool:
    ended = known.starts_at < _ends(told) < _ends(known)
    return ended or known.starts_at < told.starts_at < _ends(known)


def _end(old: ReceivedAlert, new: ReceivedAlert) -> datetime | None:
    if new.source == RULES and new.expires:
        return new.ends_at  # our own rules do not know any more whether it fires
    later = _ends(old) > _ends(new)
    if new.resolved(new.updated_at):
        # The latest explicit end wins between two that are over.
        return old.ends_at if old.resolved(new.updated_at) and later else new.ends_at
    return old.ends_at if later and not old.expires else new.ends_at


def _ends(alert: ReceivedAlert) -> datetime:
    return _NEVER if alert.ends_at is None else alert.ends_at
