"""What may be done to a silence, and what that makes of it. Pure.

A silence that has begun is history: other alerts, or another start, make a new silence, so that what was muted when
can still be told. Source of the rules and messages: silence/silence.go (Set, canUpdate, expire, validateSilence) and
api/v2/api.go (postSilencesHandler) of Alertmanager 0.28.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from alerting.routing.matcher import Matcher, Op, all_match
from alerting.silences.errors import InvalidSilence
from alerting.silences.silence import Silence, SilenceId, State

RETENTION: Final = timedelta(hours=120)
"""How long a silence is remembered after its end."""

UNTIL_RESOLVED: Final = timedelta(days=7)
"""The longest that a silence until its alerts are resolved may last."""

_ORDER: Final = {State.ACTIVE: 0, State.PENDING: 1, State.EXPIRED: 2}


def check(silence: Silence, now: datetime) -> None:
    """Raises InvalidSilence when it could never mute what it should, or would mute everything."""
    if silence.starts_at >= silence.ends_at:
        raise InvalidSilence("Failed to create silence: start time must be before end time")
    if silence.ends_at < now:
        raise InvalidSilence("Failed to create silence: end time can't be in the past")
    check_matchers(silence.matchers)


def check_matchers(matchers: Sequence[Matcher]) -> None:
    """Raises InvalidSilence for none at all, a label without a name, and matchers that every alert would pass."""
    if not matchers:
        raise InvalidSilence("invalid silence: at least one matcher required")
    for place, matcher in enumerate(matchers):
        if not matcher.name:
            raise InvalidSilence(f'invalid silence: invalid label matcher {place}: invalid label name ""')
    if all(map(_wants_nothing, matchers)):
        raise InvalidSilence("invalid silence: at least one matcher must not match the empty string")


def _wants_nothing(matcher: Matcher) -> bool:
    """Whether a label that is not there passes. Negative matchers count as wanting something, as in Alertmanager."""
    return matcher.op in {Op.EQUAL, Op.REGEX} and matcher.matches({})


def written(previous: Silence | None, wanted: Silence, *, new: SilenceId, now: datetime) -> tuple[Silence, ...]:
    """What to write so that `wanted` holds: one silence, or the end of the previous one and a `new` one, in this order.

    What only we know of a silence is kept from the previous one where `wanted` does not say it.
    """
    if previous is None:
        return (_begun(wanted, new, now),)
    known = _with_ours(previous, wanted)
    if may_update(previous, wanted, now):
        return (replace(known, id=previous.id, updated_at=now, ended_by=""),)
    if previous.state(now) is State.EXPIRED:
        return (_begun(known, new, now),)
    return expired(previous, wanted.created_by, now), _begun(known, new, now)


def _begun(wanted: Silence, new: SilenceId, now: datetime) -> Silence:
    return replace(wanted, id=new, starts_at=max(wanted.starts_at, now), updated_at=now, ended_by="")


def _with_ours(previous: Silence, wanted: Silence) -> Silence:
    """Alertmanager's clients cannot say where it is told, nor that it may end earlier; a moved end is a decision."""
    return replace(
        wanted,
        channel=wanted.channel or previous.channel,
        incident=wanted.incident or previous.incident,
        until_resolved=wanted.until_resolved or (previous.until_resolved and wanted.ends_at == previous.ends_at),
    )


def may_update(previous: Silence, wanted: Silence, now: datetime) -> bool:
    """Whether the silence may change in place without changing what was muted when.

    An active one keeps its start, to the second; a pending one may still move; an expired one may not change at all.
    """
    if previous.matchers != wanted.matchers:
        return False
    match previous.state(now):
        case State.ACTIVE:
            same_start = int(wanted.starts_at.timestamp()) == int(previous.starts_at.timestamp())
            return same_start and wanted.ends_at >= now
        case State.PENDING:
            return wanted.starts_at >= now
        case State.EXPIRED:
            return False


def expired(silence: Silence, by: str, now: datetime) -> Silence:
    """The silence ended now; one that was over stays as it is, one that had not begun never does."""
    match silence.state(now):
        case State.EXPIRED:
            return silence
        case State.ACTIVE:
            return replace(silence, ends_at=now, updated_at=now, ended_by=by)
        case State.PENDING:
            return replace(silence, starts_at=now, ends_at=now, updated_at=now, ended_by=by)


def forgotten(silence: Silence, now: datetime) -> bool:
    """Whether it ended so long ago that it is remembered no more."""
    return silence.ends_at + RETENTION <= now


def holds_filter(silence: Silence, matchers: Iterable[Matcher]) -> bool:
    """Whether each of `matchers` is one of the silence's own, as it stands. Source: CheckSilenceMatchesFilterLabels."""
    return all(matcher in silence.matchers for matcher in matchers)


def in_order(silences: Iterable[Silence], now: datetime) -> list[Silence]:
    """Active ones, the next to end first; then pending ones by start; then expired ones, the last to end first."""
    return sorted(silences, key=lambda one: _rank(one, now))


def _rank(silence: Silence, now: datetime) -> tuple[int, float, str]:
    state = silence.state(now)
    moment = {State.ACTIVE: silence.ends_at, State.PENDING: silence.starts_at, State.EXPIRED: silence.ends_at}[state]
    newest_first = -1 if state is State.EXPIRED else 1
    return _ORDER[state], newest_first * moment.timestamp(), silence.id


def idle(silence: Silence, firing: Iterable[Mapping[str, str]], now: datetime) -> bool:
    """Whether it was to last until its alerts are resolved, and none of the label sets that fire is one of them."""
    if not silence.until_resolved or silence.state(now) is not State.ACTIVE:
        return False
    return not any(all_match(silence.matchers, labels) for labels in firing)
