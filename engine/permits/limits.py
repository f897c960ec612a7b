"""How many deployments may run at once, over all and in each environment; the others wait in line. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from engine.catalog import EnvironmentName
from engine.deployments.deployment import DeploymentId

NEAR: Final = timedelta(seconds=1)  # between looks of whoever is first in line
FAR: Final = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class Running:
    """A deployment that has a slot."""

    id: DeploymentId
    environment: EnvironmentName


@dataclass(frozen=True, slots=True)
class InLine:
    """A deployment that waits for a slot since `since`."""

    id: DeploymentId
    environment: EnvironmentName
    since: datetime


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that run at once: over all (None: any number), and in each environment that has a limit."""

    overall: int | None = None
    of: Mapping[EnvironmentName, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Full:
    """There is no slot: `text` for people, `place` in the line from 1, and when to look again."""

    text: str
    place: int
    again: timedelta


def full(me: InLine, running: Collection[Running], line: Sequence[InLine], limits: Limits) -> Full | None:
    """Why `me` has to wait; None when there is a slot that nobody who came before can use. `line` may hold `me`."""
    waiting = sorted([me, *(one for one in line if one.id != me.id)], key=lambda one: (one.since, one.id))
    taken = Counter(one.environment for one in running)
    for one in waiting:
        why = _reached(one.environment, taken, limits)
        if one.id == me.id and why:
            place = waiting.index(me) + 1
            return Full(f"{why}; {_place(place)}", place, min(FAR, NEAR * place))
        if one.id == me.id:
            return None
        if not why:  # it gets the slot at its next look
            taken[one.environment] += 1
    raise AssertionError("me is in the line")


def _reached(environment: EnvironmentName, taken: Counter[EnvironmentName], limits: Limits) -> str:
    """The limit that is reached, in words; "" when there is room."""
    here, overall = limits.of.get(environment), limits.overall
    if here is not None and taken[environment] >= here:
        return f"{here} of {here} deployments to {environment} run"
    if overall is not None and taken.total() >= overall:
        return f"{overall} of {overall} deployments run"
    return ""


def _place(place: int) -> str:
    return "it is the next." if place == 1 else f"it is number {place} in line."
