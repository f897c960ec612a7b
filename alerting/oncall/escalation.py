"""Who is paged next, and when. Pure.

The steps of a policy are paged in order, round after round, until somebody acknowledges. The last step of a round gets
as much time as the longest wait of the policy before the next round begins, or before the policy is exhausted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from alerting.incidents.errors import BrokenPolicy
from alerting.incidents.incident import Incident, PageStep, PersonId, State
from alerting.oncall.rotation import Rotation, next_on_call, on_call

_LAST_WAIT: Final = timedelta(minutes=5)  # when no step of the policy names a wait
_MOST_REPEATS: Final = 5


@dataclass(frozen=True, slots=True)
class EscalationPolicy:
    """Steps, paged once and then `repeat` times more (0 to 5). Raises ValueError when they make no policy."""

    name: str
    steps: tuple[PageStep, ...]
    repeat: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.repeat <= _MOST_REPEATS:
            raise ValueError(f"Policy {self.name} repeats {self.repeat} times; use 0 to {_MOST_REPEATS}")
        if not self.steps:
            raise ValueError(f"Policy {self.name} has no steps; name at least one")
        for number, step in enumerate(self.steps, 1):
            _check_step(f"Step {number} of policy {self.name}", step)


@dataclass(frozen=True, slots=True)
class PageNow:
    """Page these people; then the next step is due at `next_page_at` (None: no further one is planned)."""

    people: tuple[PersonId, ...]
    round: int
    level: int
    next_page_at: datetime | None


@dataclass(frozen=True, slots=True)
class Skip:
    """The step that is due finds nobody; go on to the one after it."""

    round: int
    level: int
    reason: str


@dataclass(frozen=True, slots=True)
class WaitUntil:
    """The next step is due later."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Exhaust:
    """Every step of every round was paged."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """Nobody is to be paged: acknowledged, exhausted, ended or without a policy."""


Decision: TypeAlias = PageNow | Skip | WaitUntil | Exhaust | Nothing


def next_page(incident: Incident, rotations: Mapping[str, Rotation], *, now: datetime) -> Decision:
    """Return what the escalation does now."""
    if incident.ended or incident.next_page_at is None:
        return Nothing()
    due_at = incident.next_page_at
    if incident.hushed_until is not None and not incident.urged:
        due_at = max(due_at, incident.hushed_until)
    if due_at > now:
        return WaitUntil(due_at)
    step = following(incident)
    if step is None:
        return Exhaust()
    round_, level = step
    people = people_of(incident.steps[level].targets, rotations, now)
    if not people:
        return Skip(round_, level, f"nobody is on call for {', '.join(incident.steps[level].targets)}")
    # An acknowledged incident is escalated by hand only, one step at a time.
    due = _due_after(incident.steps, level, now) if incident.state is State.OPEN else None
    return PageNow(people, round_, level, due)


def following(incident: Incident) -> tuple[int, int] | None:
    """Return round and level of the step after the last paged; None when there is no further one."""
    if incident.level + 1 < len(incident.steps):
        return incident.round, incident.level + 1
    if incident.steps and incident.round < incident.last_round:
        return incident.round + 1, 0
    return None


def first_page_at(steps: Sequence[PageStep], opened_at: datetime) -> datetime | None:
    """Return when the first step is due; None without steps."""
    return opened_at + timedelta(seconds=steps[0].wait) if steps else None


def people_of(targets: Iterable[str], rotations: Mapping[str, Rotation], at: datetime) -> tuple[PersonId, ...]:
    """Return whom the targets name at this time, each once; a rotation that is not there any more names nobody."""
    named = (_person(target, rotations, at) for target in targets)
    return tuple(dict.fromkeys(person for person in named if person is not None))


def on_call_now(steps: Iterable[PageStep], rotations: Mapping[str, Rotation], at: datetime) -> PersonId | None:
    """Return who is on call for the first schedule that the steps name; None without one."""
    schedules = (target for step in steps for target in step.targets if target.startswith("schedule:"))
    return next(iter(people_of(schedules, rotations, at)), None)


def check_policies(policies: Mapping[str, EscalationPolicy], rotations: Mapping[str, Rotation]) -> None:
    """Raise BrokenPolicy when a step names a rotation that does not exist."""
    for policy in policies.values():
        for target in (target for step in policy.steps for target in step.targets):
            kind, name, _ = _parts(target)
            if kind == "schedule" and name not in rotations:
                raise BrokenPolicy(
                    f"Policy {policy.name} pages {target}, but there is no rotation {name}",
                    f"Use one of: {', '.join(sorted(rotations)) or 'none is defined yet'}",
                )


def _person(target: str, rotations: Mapping[str, Rotation], at: datetime) -> PersonId | None:
    kind, name, after = _parts(target)
    if kind == "person":
        return PersonId(name)
    rotation = rotations.get(name)
    if rotation is None:
        return None
    if after:
        return next_on_call(rotation, at)
    shift = on_call(rotation, at)
    return shift.person if shift else None


def _parts(target: str) -> tuple[str, str, bool]:
    """Return kind, name and whether the one after is meant. Raises ValueError for what is no target."""
    match target.partition(":"):
        case ["schedule", _, name] if name.removesuffix("/next"):
            return "schedule", name.removesuffix("/next"), name.endswith("/next")
        case ["person", _, name] if name:
            return "person", name, False
    raise ValueError(f"{target} is no target; use schedule:NAME, schedule:NAME/next or person:ID")


def _due_after(steps: Sequence[PageStep], level: int, now: datetime) -> datetime:
    """Return when the step after this one is due, given that this one is paged now."""
    if level + 1 < len(steps):
        return now + timedelta(seconds=steps[level + 1].wait)
    longest = timedelta(seconds=max(step.wait for step in steps))
    return now + (longest or _LAST_WAIT)


def _check_step(where: str, step: PageStep) -> None:
    if not 0 <= step.wait < float("inf"):
        raise ValueError(f"{where} waits {step.wait} seconds; it must be 0 or more")
    if not step.targets:
        raise ValueError(f"{where} pages nobody; name at least one target")
    for target in step.targets:
        _parts(target)
