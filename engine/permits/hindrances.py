"""What stands in the way of a deployment: locks of others, freezes, known-bad versions. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from engine.catalog import Environment
from engine.deployments.deployment import Override, PersonId
from engine.errors import NotNow
from engine.permits.clearance import Hindrance
from engine.permits.freezes import Frost
from engine.permits.locks import LockState, locked
from engine.permits.versions import VersionMark, told

BY_OVERRIDE = "Or add `override` and a reason to the deployment: then somebody else has to approve."


def hindrances(
    environment: Environment,
    person: PersonId,
    lock: LockState | None,
    frosts: Sequence[Frost],
    mark: VersionMark | None,
    *,
    now: datetime,
) -> tuple[Hindrance, ...]:
    """Everything in the way of what `person` wants to deploy, what cannot be overridden first."""
    found = [
        *([_of_lock(lock)] if lock is not None and lock.holds(now) and lock.owner != person else []),
        *map(_of_frost, frosts),
        *([_of_mark(mark, environment)] if mark is not None and mark.bad else []),
    ]
    return tuple(sorted(found, key=lambda one: one.overridable))


def left(found: Sequence[Hindrance], overrides: Collection[Override]) -> list[Hindrance]:
    """Those that block and that nobody has passed."""
    passed = {one.key for one in overrides}
    return [one for one in found if one.blocks and one.key not in passed]


def overridden(found: Sequence[Hindrance], person: PersonId, reason: str) -> tuple[Override, ...]:
    """What `person` passes by giving a reason. Raises NotNow for what cannot be passed, or not without one."""
    blocking = [one for one in found if one.blocks]
    for one in blocking:
        if not one.overridable or not reason.strip():
            raise NotNow(one.reason, one.remedy)
    return tuple(Override(one.key, one.reason, person, reason.strip()) for one in blocking)


def _of_lock(lock: LockState) -> Hindrance:
    refusal = locked(lock)
    key = f"lock:{lock.service}/{lock.environment}/{lock.number}"
    return Hindrance("lock", key, refusal.reason, refusal.remedy, overridable=lock.automatic)


def _of_frost(frost: Frost) -> Hindrance:
    wait = f"Wait until {frost.until:%Y-%m-%d %H:%M} UTC." if frost.until else "Wait until it is over."
    return Hindrance("freeze", frost.key, frost.reason, f"{wait} {BY_OVERRIDE}")


def _of_mark(mark: VersionMark, environment: Environment) -> Hindrance:
    key = f"version:{mark.service}/{mark.version}/{mark.stream_version}"
    remedy = f"Deploy another version, or `/ops mark good {mark.service} {mark.version}`. {BY_OVERRIDE}"
    return Hindrance("version", key, told(mark), remedy, blocks=environment.known_bad == "block")
