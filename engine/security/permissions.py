"""Who may do what where: a role for each environment, a table from role to permissions. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final, Protocol

from engine.errors import Denied

EVERYWHERE: Final = "*"


class Permission(StrEnum):
    """One kind of deed that may be allowed or not."""

    VIEW = "view"
    DEPLOY = "deploy"
    APPROVE = "approve"
    ABORT = "abort"
    ROLL_BACK = "roll_back"
    RESTART = "restart"
    LOCK = "lock"
    FREEZE = "freeze"
    ACKNOWLEDGE = "acknowledge"
    SILENCE = "silence"
    MANAGE_ONCALL = "manage_oncall"
    ADMIN = "admin"


class Role(StrEnum):
    """What a person is in one environment. Each role holds all that the one before it holds."""

    VIEWER = "viewer"
    DEPLOYER = "deployer"
    APPROVER = "approver"
    ADMIN = "admin"


_VIEWER: Final = frozenset({Permission.VIEW})
_DEPLOYER: Final = _VIEWER | {
    Permission.DEPLOY,
    Permission.ABORT,
    Permission.ROLL_BACK,
    Permission.RESTART,
    Permission.LOCK,
    Permission.ACKNOWLEDGE,
    Permission.SILENCE,
}
_APPROVER: Final = _DEPLOYER | {Permission.APPROVE, Permission.FREEZE, Permission.MANAGE_ONCALL}

HOLDS: Final[Mapping[Role, frozenset[Permission]]] = {
    Role.VIEWER: _VIEWER,
    Role.DEPLOYER: _DEPLOYER,
    Role.APPROVER: _APPROVER,
    Role.ADMIN: frozenset(Permission),
}

# What may be asked without naming an environment by somebody who has a role in only one of them.
_ANYWHERE_WILL_DO: Final = frozenset({Permission.VIEW, Permission.ACKNOWLEDGE})

_WORDS: Final[Mapping[Permission, str]] = {
    Permission.VIEW: "look at {place}",
    Permission.DEPLOY: "deploy to {place}",
    Permission.APPROVE: "approve or reject deployments to {place}",
    Permission.ABORT: "abort or resume deployments to {place}",
    Permission.ROLL_BACK: "roll back in {place}",
    Permission.RESTART: "restart services in {place}",
    Permission.LOCK: "lock services or mark versions in {place}",
    Permission.FREEZE: "freeze {place}",
    Permission.ACKNOWLEDGE: "acknowledge incidents in {place}",
    Permission.SILENCE: "silence alerts of {place}",
    Permission.MANAGE_ONCALL: "change who is on call",
    Permission.ADMIN: "administer Pilothouse",
}


class RoleHolder(Protocol):
    """What a decision needs to know of a person."""

    @property
    def name(self) -> str: ...

    @property
    def roles(self) -> Mapping[str, Role]: ...


def allowed(person: RoleHolder, permission: Permission, environment: str | None) -> bool:
    """Whether `person` holds `permission` in `environment`.

    The role given for the environment by name wins over the one for "*", also when it is the lesser one. Without an
    environment the role for "*" decides; looking and acknowledging are allowed to whoever may do so somewhere.
    """
    return any(permission in HOLDS[role] for role in _roles_that_count(person, permission, environment))


def _roles_that_count(person: RoleHolder, permission: Permission, environment: str | None) -> list[Role]:
    if environment is None and permission in _ANYWHERE_WILL_DO:
        return list(person.roles.values())
    everywhere = person.roles.get(EVERYWHERE)
    role = everywhere if environment is None else person.roles.get(environment, everywhere)
    return [] if role is None else [role]


def holders(people: Iterable[RoleHolder], permission: Permission, environment: str | None) -> list[str]:
    """The names of those who hold `permission` in `environment`, in alphabetical order."""
    return sorted(person.name for person in people if allowed(person, permission, environment))


def denied(person: RoleHolder, permission: Permission, environment: str | None, people: Iterable[RoleHolder]) -> Denied:
    """The refusal to give `person`: what they may not do, and who of `people` may."""
    deed = _WORDS[permission].format(place=environment or "every environment")
    names = holders(people, permission, environment)
    if not names:
        remedy = "Nobody may yet. Roles are given under `people` in the settings file."
    else:
        remedy = f"Ask {in_words(names)}."
    return Denied(f"{person.name} may not {deed}.", remedy)


def in_words(names: list[str], *, most: int = 5) -> str:
    """`Ada`, `Ada or Ben`, `Ada, Ben or Cleo`; beyond `most` names the rest is counted."""
    if len(names) > most:
        names = [*names[:most], f"{len(names) - most} others"]
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last
