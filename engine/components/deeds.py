"""What was done with a component, told from its events: each wish of a person with its end, and each failure. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal

from engine.components.lifecycle import TROUBLED, Moved, Routed, Seen
from storage.events import Event

SYSTEM: Final = "system"
Kind = Literal["scale", "stop", "start", "retry", "restart", "reset", "unregister", "failure", "stranger", "router"]
Ending = Literal["", "done", "failed", "given up"]


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing that was wished for or that happened, as it stands. `version` is the event it began with.

    `by` is the person, "" for what happened by itself; `trouble` is what holds it up, or why it failed.
    """

    version: int
    kind: Kind
    by: str
    at: datetime
    before: int = 0
    desired: int = 0
    release: str = ""
    instance: str = ""
    trouble: str = ""
    ending: Ending = ""
    ended_at: datetime | None = None


_ENDS: Final[Mapping[Kind, frozenset[str]]] = {
    "scale": frozenset({Moved.SCALED}),
    "stop": frozenset({Moved.STOPPED}),
    "start": frozenset({Moved.DEPLOYED}),
    "retry": frozenset({Moved.DEPLOYED}),
    "restart": frozenset({Moved.DEPLOYED, Moved.UPDATED}),
    "router": frozenset({Routed.RESTORED}),
}
_MOVED: Final = frozenset(Moved)
_FAILURES: Final = frozenset({Moved.DEPLOYMENT_FAILED, Moved.UPDATE_FAILED})


def deeds(events: Iterable[Event]) -> list[Deed]:
    """Every deed of a component's events, oldest first. Deployments tell of themselves, and repairs need no words."""
    done: list[Deed] = []
    anew = False  # whether what is brought up was registered anew, or had failed
    for event in events:
        last = done[-1] if done else None
        open_ = last is not None and not last.ending
        if last is not None and open_:
            done[-1] = _after(last, event)
        wished = open_ and last is not None and last.kind != "router"
        begun = _router(event, open_=open_ and not wished) or _begun(event, anew=anew, open_=wished)
        if begun is not None:
            done.append(begun)
        anew = event.type == Moved.REGISTERED or (anew and event.type != Moved.RESET)
    return done


def _after(deed: Deed, event: Event) -> Deed:
    if deed.kind == "router":
        return _after_change(deed, event)
    if event.type == TROUBLED:
        return replace(deed, trouble=str(event.data["reason"]))
    if event.type in _FAILURES:
        mine = event.actor == SYSTEM
        trouble = str(event.data["reason"]) if mine else deed.trouble
        return replace(deed, ending="failed" if mine else "given up", trouble=trouble, ended_at=event.at)
    # What a person does next ends the move before on its way: that is not the end it was meant to have.
    if event.type in _ENDS.get(deed.kind, ()):
        return replace(deed, ending="done" if event.actor == SYSTEM else "given up", trouble="", ended_at=event.at)
    return deed


def _after_change(deed: Deed, event: Event) -> Deed:
    """What was found of the router stays told; whatever moves the component takes it over."""
    if event.type == Routed.GIVEN_UP:
        return replace(deed, ending="failed", trouble=str(event.data["reason"]), ended_at=event.at)
    if event.type in _ENDS["router"]:
        return replace(deed, ending="done", ended_at=event.at)
    return replace(deed, ending="given up", ended_at=event.at) if event.type in _MOVED else deed


def _router(event: Event, *, open_: bool) -> Deed | None:
    """Another hand at the router, unless that is what is told already."""
    if event.type not in {Routed.CHANGED, Routed.GIVEN_UP} or open_ or event.data.get("again", False):
        return None
    found = Deed(event.version, "router", "", event.at, trouble=str(event.data["reason"]))
    return replace(found, ending="failed", ended_at=event.at) if event.type == Routed.GIVEN_UP else found


def _begun(event: Event, *, anew: bool, open_: bool) -> Deed | None:
    data, by = event.data, event.actor
    begun, ended = Deed(event.version, "stop", by, event.at), Deed(event.version, "stop", by, event.at, ending="done")
    match event.type:
        case Moved.SCALE_REQUESTED if by != SYSTEM:
            return replace(begun, kind="scale", before=data.get("before", 0), desired=data["desired"])
        case Moved.STOP_REQUESTED:
            return begun
        case Moved.DEPLOYMENT_STARTED | Moved.UPDATE_REQUESTED if not data["deployment"] and _is_wish(event):
            kind: Kind = "restart" if data["pending"] else "start" if anew else "retry"
            return replace(begun, kind=kind, desired=data["desired"], release=str(data["target"] or ""))
        case Moved.UNREGISTERED if _is_wish(event):
            return replace(ended, kind="unregister", ended_at=event.at)
        case Moved.RESET if _is_wish(event):
            return replace(ended, kind="reset", ended_at=event.at)
    return _happened(event, ended, open_=open_)


def _happened(event: Event, ended: Deed, *, open_: bool) -> Deed | None:
    """What nobody wished for: a failure that ended no wish, and what others started of a stopped component."""
    if event.type in _FAILURES and event.actor == SYSTEM and not open_:
        return replace(ended, kind="failure", by="", trouble=str(event.data["reason"]), ended_at=event.at)
    if event.type == Seen.APPEARED:
        instance, release = str(event.data["instance"]), str(event.data["version"])
        return replace(ended, kind="stranger", by="", instance=instance, release=release, ended_at=event.at)
    return None


def _is_wish(event: Event) -> bool:
    """Whether a person meant it, and not as a step on the way to something else."""
    return event.actor != SYSTEM and not event.actor.startswith("deployment ") and event.priority != "low"
