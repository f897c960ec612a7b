"""Who may do what, where, and under which conditions: one table, asked at the single door."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import pytest

from bot.words.permits import ShowDiff, ShowFreezes, ShowHistory, ShowLocks
from engine.commands import (
    Abort,
    Approve,
    AwaitUnlock,
    Deploy,
    Freeze,
    Lock,
    MarkVersion,
    Reject,
    RollBack,
    Unfreeze,
    Unlock,
)
from engine.security.permissions import Role
from tests.unit.permits.permit_scene import CONDITIONS, ME, REQUESTER, Scene

Command = Callable[[Scene, str], Awaitable[object]]


def plain(command: object) -> Command:
    async def make(scene: Scene, condition: str) -> object:
        return command

    return make


def on_what_waits(make: Callable[..., object]) -> Command:
    """A decision on what somebody asked for before the condition came to be."""

    async def command(scene: Scene, condition: str) -> object:
        return make(await scene.plan(ME if condition == "mine" else REQUESTER))

    return command


COMMANDS: Final[Mapping[str, Command]] = {
    "deploy": plain(Deploy("shop", "v3", "production")),
    "deploy with override": plain(Deploy("shop", "v3", "production", override="customers wait")),
    "roll back": plain(RollBack("shop", "production")),
    "roll back to a release": plain(RollBack("shop", "production", to="v1")),
    "approve": on_what_waits(Approve),
    "reject": on_what_waits(Reject),
    "abort": on_what_waits(Abort),
    "lock": plain(Lock("shop", "production")),
    "unlock": plain(Unlock("shop", "production", "it is urgent")),
    "wait": plain(AwaitUnlock("shop", "production")),
    "freeze": plain(Freeze("", "production")),
    "unfreeze": plain(Unfreeze("", "production")),
    "mark": plain(MarkVersion("shop", "v9", bad=True)),
    "locks": plain(ShowLocks()),
    "freezes": plain(ShowFreezes()),
    "history": plain(ShowHistory("shop", "production")),
    "diff": plain(ShowDiff("shop", "production")),
}

DEPLOYERS, APPROVERS, ALL = "deployer approver admin", "approver admin", "viewer deployer approver admin"
MAY: Final = {
    "deploy": DEPLOYERS,
    "deploy with override": DEPLOYERS,
    "roll back": DEPLOYERS,
    "roll back to a release": DEPLOYERS,
    "approve": APPROVERS,
    "reject": APPROVERS,
    "abort": DEPLOYERS,
    "lock": DEPLOYERS,
    "unlock": DEPLOYERS,
    "wait": ALL,
    "freeze": APPROVERS,
    "unfreeze": APPROVERS,
    "mark": DEPLOYERS,
    "locks": ALL,
    "freezes": ALL,
    "history": ALL,
    "diff": ALL,
}

# What a condition makes of a command that the role allows; everything else goes through.
NOT_NOW: Final = "NotNow"
OTHERWISE: Final[Mapping[str, Mapping[str, str]]] = {
    "free": {"unlock": NOT_NOW, "wait": NOT_NOW, "unfreeze": NOT_NOW},
    "locked": {
        "deploy": NOT_NOW,
        "deploy with override": NOT_NOW,
        "approve": NOT_NOW,
        "lock": NOT_NOW,
        "unlock": "Denied but for admin",
        "unfreeze": NOT_NOW,
    },
    "my lock": {"approve": NOT_NOW, "wait": NOT_NOW, "unfreeze": NOT_NOW},
    "locked by itself": {"deploy": NOT_NOW, "approve": NOT_NOW, "lock": NOT_NOW, "unfreeze": NOT_NOW},
    "frozen": {"deploy": NOT_NOW, "approve": NOT_NOW, "unlock": NOT_NOW, "wait": NOT_NOW, "freeze": NOT_NOW},
    "in a window": {"deploy": NOT_NOW, "approve": NOT_NOW, "unlock": NOT_NOW, "wait": NOT_NOW, "unfreeze": NOT_NOW},
    "broken": {"deploy": NOT_NOW, "approve": NOT_NOW, "unlock": NOT_NOW, "wait": NOT_NOW, "unfreeze": NOT_NOW},
    "known bad": {"deploy": NOT_NOW, "approve": NOT_NOW, "unlock": NOT_NOW, "wait": NOT_NOW, "unfreeze": NOT_NOW},
    "warned": {"unlock": NOT_NOW, "wait": NOT_NOW, "unfreeze": NOT_NOW},
    "mine": {"approve": "Denied", "unlock": NOT_NOW, "wait": NOT_NOW, "unfreeze": NOT_NOW},
}


def expected(command: str, condition: str, role: Role) -> str:
    if role.value not in MAY[command].split():
        return "Denied"
    otherwise = OTHERWISE[condition].get(command, "")
    if otherwise == "Denied but for admin":
        return "" if role is Role.ADMIN else "Denied"
    return otherwise


def test_the_table_is_whole() -> None:
    assert set(MAY) == set(COMMANDS)
    assert set(OTHERWISE) == set(CONDITIONS)
    assert not {command for row in OTHERWISE.values() for command in row} - set(COMMANDS)


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("command", COMMANDS)
async def test_what_a_role_may_do_under_a_condition(command: str, condition: str) -> None:
    for role in Role:
        scene = Scene({"*": role})
        await scene.begin()
        asked = await COMMANDS[command](scene, condition)
        await CONDITIONS[condition](scene)
        before = await scene.town.log.last_position()
        response = await scene.ask(ME, asked)
        want = expected(command, condition, role)
        assert response.kind == want, (role, response.error)
        if want:
            assert response.error.endswith(".") or ":" in response.error
            assert response.remedy, "it does not say what to do next"
            assert await scene.town.log.last_position() == before, "a refusal left something behind"


@pytest.mark.parametrize("command", COMMANDS)
async def test_a_role_counts_where_it_was_given(command: str) -> None:
    for where in ("production", "staging"):
        for role in Role:
            scene = Scene({where: role})
            await scene.begin()
            response = await scene.ask(ME, await COMMANDS[command](scene, "free"))
            everywhere = command == "mark"  # a version is bad in every environment
            lists = command in {"locks", "freezes"}  # of every environment where one may look
            allowed = lists or (where == "production" and not everywhere)
            want = expected(command, "free", role) if allowed else "Denied"
            assert response.kind == want, (where, role, response.error)
