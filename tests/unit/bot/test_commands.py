"""The grammar of what people type, and what they are told when they type it wrong."""

import pytest

from bot.words import commands
from bot.words.commands import BY_NAME, VERBS, parse
from bot.words.grammar import Misunderstood, Vocabulary
from engine.commands import WHATEVER_WAITS, Abort, Approve, Deploy, Reject, Restart, RollBack

WORDS = Vocabulary(
    services={"shop": ["staging", "production"], "checkout": ["production"], "production": ["staging"]},
    environments=["staging", "production"],
)


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("", commands.ShowHelp()),
        ("   \t ", commands.ShowHelp()),
        ("help", commands.ShowHelp()),
        ("?", commands.ShowHelp()),
        ("help Deploy", commands.ShowHelp("deploy")),
        ("help acknowledge", commands.ShowHelp("ack")),
        ("status", commands.ShowStatus()),
        ("STATUS", commands.ShowStatus()),
        ("status shop", commands.ShowStatus("shop")),
        ("services", commands.ShowServices()),
        ("deploy", commands.OpenDeployForm()),
        ("deploy shop", commands.OpenDeployForm("shop")),
        ("deploy shop v2.4.1 to production", Deploy("shop", "v2.4.1", "production")),
        ("deploy shop v2.4.1 production", Deploy("shop", "v2.4.1", "production")),
        ("deploy shop v2.4.1 TO production", Deploy("shop", "v2.4.1", "production")),
        ("deploy checkout v2", Deploy("checkout", "v2", "production")),
        ("deploy production v2 to staging", Deploy("production", "v2", "staging")),
        ("rollback shop", RollBack("shop", "")),
        ("roll-back shop", RollBack("shop", "")),
        ("rollback checkout", RollBack("checkout", "production")),
        ("rollback shop in production", RollBack("shop", "production")),
        ("rollback shop production", RollBack("shop", "production")),
        ("restart shop on staging", Restart("shop", "staging")),
        ("abort shop", commands.AbortByName("shop")),
        ("cancel shop in staging", commands.AbortByName("shop", "staging")),
        ("abort d-1a2b", Abort("d-1a2b")),
        ("approve d-1a2b", Approve("d-1a2b", step=WHATEVER_WAITS)),
        ("reject d-1a2b", Reject("d-1a2b", step=WHATEVER_WAITS)),
        ("incidents", commands.ShowIncidents()),
        ("ack", commands.TakeIncident()),
        ("ack inc-1", commands.TakeIncident("inc-1")),
        ("alerts", commands.ShowAlerts()),
        ("oncall", commands.ShowOnCall()),
        ("on-call", commands.ShowOnCall()),
        ("board", commands.OpenBoard()),
    ],
)
def test_the_grammar(line: str, command: object) -> None:
    assert parse(line, WORDS) == command


@pytest.mark.parametrize(
    ("line", "reason", "suggestion"),
    [
        ("depoly shop v2 to production", "no command `depoly`", "/ops deploy shop v2 to production"),
        ("deploy shpo v2 to production", "no service `shpo`", "/ops deploy shop v2 to production"),
        ("deploy Shop v2 to production", "no service `Shop`", "/ops deploy shop v2 to production"),
        ("deploy shop v2 to prodction", "no environment `prodction`", "/ops deploy shop v2 to production"),
        ("depoly shpo v2 to prodction", "no command `depoly`", "/ops deploy shop v2 to production"),
        ("deploy checkout v2 to staging", "`checkout` does not run in `staging`. It runs in: production", ""),
        ("deploy shop v2", "Say where to: staging, production", "/ops deploy shop v2 to staging"),
        ("deploy shop v2 to production now", "more words", ""),
        ("deploy to shop v2", "no service `to`", ""),
        ("rollback", "Name one service", ""),
        ("rollback shpo in prodction", "no service `shpo`", "/ops rollback shop in production"),
        ("abort chekout", "no service `chekout`", "/ops abort checkout"),
        ("approve", "Name one deployment", ""),
        ("approve d-1 d-2", "Name one deployment", ""),
        ("ack 1 2", "Name one incident", ""),
        ("incidents now", "`now` is one word too many", ""),
        ("help depoly", "no command `depoly`", "/ops help deploy"),
        ("help deploy rollback", "Name one command", ""),
        ("xyzzy", "no command `xyzzy`", ""),
        ("<!channel>", "no command `<!channel>`", ""),
        ("`deploy` shop", "no command `'deploy'`", "/ops deploy shop"),
        ("x\u200by\u202ez", "no command `xyz`", ""),
        ("x" * 300, "…`", ""),
        ("x" * 3000, "3000 characters long; a command has at most 500", ""),
    ],
)
def test_what_is_wrong_and_the_nearest_line_that_is_right(line: str, reason: str, suggestion: str) -> None:
    with pytest.raises(Misunderstood) as wrong:
        parse(line, WORDS)
    assert reason in wrong.value.reason
    assert wrong.value.suggestion == suggestion
    assert wrong.value.usage.startswith("/ops ")


def test_without_services_everything_is_still_answered() -> None:
    nothing = Vocabulary(services={}, environments=[])
    with pytest.raises(Misunderstood, match="Known: none yet"):
        parse("deploy shop v1 to production", nothing)


def test_every_verb_is_written_once_and_starts_its_usage() -> None:
    assert len(BY_NAME) == sum(1 + len(verb.aliases) for verb in VERBS)
    assert all(verb.usage.split()[0] == verb.name for verb in VERBS)
