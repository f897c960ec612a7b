"""Locks: while one holds, nobody but its owner deploys a service to an environment. Facts, fold, decisions; pure.

Each lock of a place has the next number, from 1: the fencing number. A deployment carries the number that was current
when it began, so that of a lock and a deployment at the same moment one is always seen to be late.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, assert_never

from engine.catalog import EnvironmentName, ServiceName
from engine.deployments.deployment import DeploymentId, PersonId, Step
from engine.errors import Denied, Invalid, NotNow

SYSTEM = PersonId("system")
Ending = Literal["unlocked", "broken", "expired", "deployed"]


@dataclass(frozen=True, slots=True)
class LockTaken:
    """`owner` locks; `until` None is until somebody unlocks. `cause` is the roll-back after which it came by itself."""

    service: ServiceName
    environment: EnvironmentName
    number: int
    owner: PersonId
    reason: str
    until: datetime | None
    cause: DeploymentId | None = None


@dataclass(frozen=True, slots=True)
class LockChanged:
    """The owner gave it another end or reason."""

    reason: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class LockAwaited:
    """A person wants to be told when it is gone."""

    person: PersonId


@dataclass(frozen=True, slots=True)
class LockEnded:
    """It is gone: given back, broken by an admin, run out, or passed by a deployment that was allowed to."""

    how: Ending
    person: PersonId
    reason: str = ""


LockEvent = LockTaken | LockChanged | LockAwaited | LockEnded


@dataclass(frozen=True, slots=True)
class LockState:
    """The fold of one lock's events. `waiters` are told when it ends, in this order."""

    service: ServiceName
    environment: EnvironmentName
    number: int
    owner: PersonId
    reason: str
    since: datetime
    until: datetime | None
    cause: DeploymentId | None = None
    waiters: tuple[PersonId, ...] = ()
    ended: Ending | None = None
    ended_by: PersonId | None = None
    ended_at: datetime | None = None
    history: tuple[Step, ...] = ()
    stream_version: int = 0

    @property
    def automatic(self) -> bool:
        """Whether it came by itself, after a roll-back."""
        return self.cause is not None

    def holds(self, now: datetime) -> bool:
        """Whether it keeps others out."""
        return self.ended is None and (self.until is None or now < self.until)


def opened(event: LockTaken, *, at: datetime) -> LockState:
    """The lock its first event makes."""
    lock = LockState(
        event.service,
        event.environment,
        event.number,
        event.owner,
        event.reason,
        since=at,
        until=event.until,
        cause=event.cause,
    )
    return _written(lock, event, at)


def apply(lock: LockState, event: LockEvent, *, at: datetime) -> LockState:
    """The lock after one more event."""
    match event:
        case LockTaken():
            raise ValueError(f"Lock {lock.number} of {lock.service} in {lock.environment} was taken twice.")
        case LockChanged(reason, until):
            after = replace(lock, reason=reason, until=until)
        case LockAwaited(person):
            after = replace(lock, waiters=(*lock.waiters, person))
        case LockEnded(how, person, _):
            after = replace(lock, ended=how, ended_by=person, ended_at=at)
        case _:
            assert_never(event)
    return _written(after, event, at)


def _written(lock: LockState, event: LockEvent, at: datetime) -> LockState:
    return replace(lock, history=(*lock.history, Step(line_of(event), at)), stream_version=lock.stream_version + 1)


def line_of(event: LockEvent) -> str:  # noqa: PLR0911  # one line an event
    """What the thread of a lock's message says of a fact."""
    match event:
        case LockTaken(cause=None):
            return f"Locked by {event.owner}{_why(event.reason)}"
        case LockTaken():
            return f"Locked by itself{_why(event.reason)}"
        case LockChanged(reason, _):
            return f"Kept{_why(reason)}"
        case LockAwaited(person):
            return f"To be told when it is free: asked by {person}."
        case LockEnded("expired", _, _):
            return "Its time is over."
        case LockEnded("deployed", _, reason):
            return f"Ended by itself{_why(reason)}"
        case LockEnded(how, person, reason):
            return f"{how.capitalize()} by {person}{_why(reason)}"
        case _:
            assert_never(event)


def _why(reason: str) -> str:
    return f": {reason}" if reason else "."


# What people ask


def lock_events(
    held: LockState | None, asked: LockTaken, *, now: datetime
) -> tuple[LockState | None, tuple[LockEvent, ...]]:
    """Whose lock to go on with (None: a new one) and what to record there. Raises NotNow when somebody else has it."""
    if held is None or not held.holds(now):
        return None, (asked,)
    if held.owner != asked.owner:
        raise locked(held)
    if (held.reason, held.until) == (asked.reason or held.reason, asked.until):
        return held, ()
    return held, (LockChanged(asked.reason or held.reason, asked.until),)


def unlock_events(
    lock: LockState | None, person: PersonId, reason: str, *, place: str, admin: bool, now: datetime
) -> tuple[LockEvent, ...]:
    """Giving a lock back. One that came by itself is anybody's who may lock; that of a person only an admin breaks."""
    if lock is None or not lock.holds(now):
        raise NotNow(f"{place} is not locked.", "`/ops locks` shows what is.")
    if lock.owner == person or lock.automatic:
        return (LockEnded("unlocked", person, reason),)
    if not admin:
        raise Denied(
            f"{lock.owner} locked {place}{_why(lock.reason)}",
            f"Ask {lock.owner} or an admin; `/ops wait {lock.service} {lock.environment}` tells you when it is free.",
        )
    if not reason:
        raise Invalid(
            f"{lock.owner} locked {place}, so breaking that needs a reason.",
            f"`/ops unlock {lock.service} {lock.environment} because …`",
            field="reason",
        )
    return (LockEnded("broken", person, reason),)


def await_events(lock: LockState | None, person: PersonId, *, place: str, now: datetime) -> tuple[LockEvent, ...]:
    """Queueing for a lock; nothing when this person does already."""
    if lock is None or not lock.holds(now):
        raise NotNow(f"{place} is not locked.", f"It is free: deploy, or `/ops lock {place.replace(' in ', ' ')}`.")
    if lock.owner == person:
        raise NotNow(f"You have the lock of {place} yourself.", "Nothing to wait for.")
    return () if person in lock.waiters else (LockAwaited(person),)


def locked(lock: LockState) -> NotNow:
    """The refusal to whoever meets a lock."""
    until = f" until {lock.until:%Y-%m-%d %H:%M} UTC" if lock.until else ""
    who = "after a roll-back" if lock.automatic else f"by {lock.owner}"
    return NotNow(
        f"{lock.service} in {lock.environment} is locked {who}{until}{_why(lock.reason)}",
        remedy_of(lock),
    )


def remedy_of(lock: LockState) -> str:
    """What somebody who meets the lock does next."""
    place = f"{lock.service} {lock.environment}"
    if lock.automatic:
        return f"`/ops unlock {place}` when it may go on, or add `override` and a reason to the deployment."
    return f"Ask {lock.owner} to unlock it; `/ops wait {place}` tells you when it is free."
