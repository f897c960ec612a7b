"""A component whose deployment has ended without letting go of it, as when a process was killed at the wrong moment."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from engine.components import changes
from engine.components.lifecycle import Component
from storage.events import NewEvent


@dataclass(frozen=True, slots=True)
class Ended:
    """How a deployment ended, in a sentence; `untouched`: it did nothing, so what ran before runs as before."""

    told: str
    untouched: bool


EndOf = Callable[[str], Awaitable[Ended | None]]
"""The end of the deployment of this id; None while it is in flight."""


def released(component: Component, deployment: str, end: Ended) -> Sequence[NewEvent]:
    """The component is free, and failed unless nothing was done, so that a person may `retry`."""
    reason = f"{end.told} It left the component as it was then; see what runs, and retry."
    return changes.failed(component, reason, deployment, restored=end.untouched)
