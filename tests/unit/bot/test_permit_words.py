"""How locks, freezes, marks, overrides and releases are written, and what is told when they are written wrong."""

from datetime import timedelta

import pytest

from bot.words.commands import parse
from bot.words.grammar import Misunderstood, Vocabulary
from bot.words.permits import ShowDiff, ShowFreezes, ShowHistory, ShowLocks
from engine.commands import AwaitUnlock, Deploy, Freeze, Lock, MarkVersion, RollBack, Unfreeze, Unlock

HOURS = timedelta(hours=2)
WORDS = Vocabulary(
    services={"shop": ["staging", "production"], "checkout": ["production"], "production": ["staging"]},
    environments=["staging", "production"],
)


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("lock shop production", Lock("shop", "production")),
        ("lock shop in production for 2h", Lock("shop", "production", HOURS)),
        ("lock shop production for 2h database migration", Lock("shop", "production", HOURS, "database migration")),
        ("lock shop production because of a fire", Lock("shop", "production", None, "of a fire")),
        ("lock shop production holidays", Lock("shop", "production", None, "holidays")),
        ("lock checkout for 2h because tests", Lock("checkout", "production", HOURS, "tests")),
        ("lock checkout", Lock("checkout", "production")),
        ("unlock shop production", Unlock("shop", "production")),
        ("unlock shop in production because Ann is away", Unlock("shop", "production", "Ann is away")),
        ("wait shop production", AwaitUnlock("shop", "production")),
        ("locks", ShowLocks()),
        ("freeze production", Freeze("", "production")),
        ("freeze production for 2h because audit", Freeze("", "production", HOURS, "audit")),
        ("freeze shop", Freeze("shop", "")),
        ("freeze shop in production the till is broken", Freeze("shop", "production", None, "the till is broken")),
        ("freeze shop production for 2h", Freeze("shop", "production", HOURS)),
        ("freeze shop for 2h", Freeze("shop", "", HOURS)),
        ("unfreeze production", Unfreeze("", "production")),
        ("unfreeze shop in production", Unfreeze("shop", "production")),
        ("freezes", ShowFreezes()),
        ("mark bad shop v3 because it leaks", MarkVersion("shop", "v3", True, "it leaks")),
        ("mark GOOD shop v3", MarkVersion("shop", "v3", False)),
        ("history shop production", ShowHistory("shop", "production")),
        ("history checkout", ShowHistory("checkout", "production")),
        ("diff shop in production", ShowDiff("shop", "production")),
        ("diff shop production to 3", ShowDiff("shop", "production", "3")),
        ("rollback shop to 3", RollBack("shop", "", to="3")),
        ("rollback shop production to v2", RollBack("shop", "production", to="v2")),
        ("rollback shop to production", RollBack("shop", "production")),
        ("rollback shop in production to #3", RollBack("shop", "production", to="#3")),
        (
            "deploy shop v2 to production override customers wait",
            Deploy("shop", "v2", "production", override="customers wait"),
        ),
        ("deploy checkout v2 OVERRIDE because of it", Deploy("checkout", "v2", "production", override="of it")),
    ],
)
def test_a_line_is_understood(line: str, command: object) -> None:
    assert parse(line, WORDS) == command


@pytest.mark.parametrize(
    ("line", "reason", "suggestion"),
    [
        ("lock", "Name a service, and an environment.", ""),
        ("lock shpo production for 2h", "There is no service `shpo`", "/ops lock shop production for 2h"),
        ("lock shop prodction tests", "There is no environment `prodction`", "/ops lock shop production tests"),
        ("lock shop", "Say where: staging, production.", "/ops lock shop staging"),
        ("lock shop for 2h", "Say where: staging, production.", "/ops lock shop staging for 2h"),
        ("lock shop production for ever", "`ever` is no time; write one such as `30m` or `2h`, at most a year.", ""),
        ("lock shop production for", "`` is no time", ""),
        ("unlock shop", "Say where", "/ops unlock shop staging"),
        ("freeze", "Name an environment or a service.", ""),
        ("freeze prod for 2h", "There is no environment or service `prod`", "/ops freeze production for 2h"),
        ("freeze shop in prodction", "There is no environment `prodction`", "/ops freeze shop in production"),
        ("unfreeze production now", "`now` is one word too many.", ""),
        ("mark shop v3", "Say `bad` or `good`, a service, a version, and why.", ""),
        ("mark bad shpo v3 it leaks", "There is no service `shpo`", "/ops mark bad shop v3 it leaks"),
        ("deploy shop v2 to production override", "An override needs a reason; whoever approves reads it.", ""),
        ("history shop production now", "`now` is one word too many.", ""),
        ("locks shop", "`shop` is one word too many.", ""),
    ],
)
def test_what_is_wrong_is_told(line: str, reason: str, suggestion: str) -> None:
    with pytest.raises(Misunderstood) as wrong:
        parse(line, WORDS)
    assert wrong.value.reason.startswith(reason)
    assert wrong.value.suggestion == suggestion
    assert wrong.value.usage.startswith(f"/ops {line.split(maxsplit=1)[0]}")
