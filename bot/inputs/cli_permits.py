"""The command line's words about locks, freezes and releases of a running server."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Coroutine
from typing import Any

from bot.inputs.cli_alerting import at_server, server_of
from bot.inputs.cli_places import at_place


def add_permit_commands(commands: Any) -> None:
    """Add `history`, `diff`, `lock`, `unlock`, `locks`, `freeze`, `unfreeze`, `freezes` and `mark` to the commands."""
    _command(commands, "history", _history, "show its releases, to roll back to any", place=True)
    diff = _command(commands, "diff", _diff, "show what differs from what runs", place=True)
    diff.add_argument("--to", default="", metavar="REVISION", help="a revision or version; else the settings now")
    lock = _command(commands, "lock", _lock, "let nobody else deploy it there", place=True)
    unlock = _command(commands, "unlock", _unlock, "give a lock back", place=True)
    _command(commands, "locks", _locks, "show what is locked")
    freeze = _command(commands, "freeze", _freeze, "let nothing be deployed")
    unfreeze = _command(commands, "unfreeze", _unfreeze, "end a freeze, with the words it was made with")
    for parser in (freeze, unfreeze):
        parser.add_argument("--service", default="", help="only this service; every one when left out")
        parser.add_argument("--environment", default="", help="only this environment; every one when left out")
    for parser in (lock, freeze):
        parser.add_argument("--for", dest="lasts", default="", metavar="DURATION", help="such as 2h; else until ended")
    for parser in (lock, unlock, freeze):
        parser.add_argument("--reason", default="", help="why")
    _command(commands, "freezes", _freezes, "show what is frozen, and versions known to be bad")
    mark = _command(commands, "mark", _mark, "warn of a version, or take that back")
    mark.add_argument("service")
    mark.add_argument("version")
    mark.add_argument("how", choices=["bad", "good"])
    mark.add_argument("--reason", default="", help="why; it stands wherever the version is warned of")


def _command(commands: Any, name: str, run: Any, text: str, *, place: bool = False) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text)
    if place:
        at_place(parser)
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    at_server(parser)
    parser.set_defaults(run=run)
    return parser


# Rooms are imported by the command that needs them, so that no command waits for what it does not use.


def _history(options: argparse.Namespace) -> int:
    from bot.inputs.permit_commands import history  # noqa: PLC0415

    return _done(history(server_of(options), options.service, options.environment, as_json=options.json))


def _diff(options: argparse.Namespace) -> int:
    from bot.inputs.permit_commands import diff  # noqa: PLC0415

    return _done(diff(server_of(options), options.service, options.environment, options.to, as_json=options.json))


def _lock(options: argparse.Namespace) -> int:
    from bot.inputs.permit_commands import Terms, lock  # noqa: PLC0415

    terms = Terms(options.lasts, options.reason)
    return _done(lock(server_of(options), options.service, options.environment, terms, as_json=options.json))


def _unlock(options: argparse.Namespace) -> int:
    from bot.inputs.permit_commands import unlock  # noqa: PLC0415

    return _done(unlock(server_of(options), options.service, options.environment, options.reason, as_json=options.json))


def _locks(options: argparse.Namespace) -> int:
    from bot.inputs.permit_commands import locks  # noqa: PLC0415

    return _done(locks(server_of(options), as_json=options.json))


def _freeze(options: argparse.Namespace) -> int:
    from bot.inputs.permit_commands import Terms, freeze  # noqa: PLC0415

    terms = Terms(options.lasts, options.reason)
    return _done(freeze(server_of(options), options.service, options.environment, terms, as_json=options.json))


def _unfreeze(options: argparse.Namespace) -> int:
    from bot.inputs.permit_commands import unfreeze  # noqa: PLC0415

    return _done(unfreeze(server_of(options), options.service, options.environment, as_json=options.json))


def _freezes(options: argparse.Namespace) -> int:
    from bot.inputs.permit_commands import freezes  # noqa: PLC0415

    return _done(freezes(server_of(options), as_json=options.json))


def _mark(options: argparse.Namespace) -> int:
    from bot.inputs.permit_commands import mark  # noqa: PLC0415

    named = (options.service, options.version)
    bad, reason = options.how == "bad", options.reason
    return _done(mark(server_of(options), *named, bad=bad, reason=reason, as_json=options.json))


def _done(work: Coroutine[Any, Any, int]) -> int:
    return asyncio.run(work)
