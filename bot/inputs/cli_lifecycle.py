"""The command line's words about the life of what runs on a running server."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from bot.inputs.cli_alerting import at_server, server_of
from bot.inputs.cli_deployments import told_of, until_stopped
from bot.inputs.cli_places import PLACE, UNNAMED, place_in

if TYPE_CHECKING:
    from bot.inputs.lifecycle_commands import Where

CHANGES: Final = (
    ("stop", "stop all of its instances there"),
    ("start", "bring back what was stopped"),
    ("restart", "start its instances anew, one at a time"),
    ("retry", "bring back what was stable before it failed"),
)


def add_lifecycle_commands(commands: Any) -> None:
    """Add `scale`, `stop`, `start`, `restart`, `retry` and `unregister` to the commands."""
    _command(commands, "scale", _scale, "run another number of instances", f"{PLACE} [to] NUMBER")
    for name, text in CHANGES:
        _command(commands, name, _change, text, PLACE).set_defaults(wish=name)
    gone = _command(commands, "unregister", _change, "look after what is stopped no longer", PLACE, watched=False)
    gone.set_defaults(wish="unregister", watch=False)


def _command(
    commands: Any, name: str, run: Any, text: str, words: str, *, watched: bool = True
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, usage=f"pilothouse {name} [options] {words}")
    parser.add_argument("words", nargs="+", metavar="WORD", help=words)
    if watched:
        parser.add_argument("--watch", action="store_true", help="stay until it has settled; 0 only if it is as asked")
    parser.add_argument("--json", action="store_true", help="answer in JSON; watched, a line for each news")
    at_server(parser)
    parser.set_defaults(run=run, wrong=parser.error)
    return parser


# Rooms are imported by the command that needs them, so that no command waits for what it does not use.


def _scale(options: argparse.Namespace) -> int:
    from bot.inputs.lifecycle_commands import scale  # noqa: PLC0415

    match options.words:
        case [*place, "to", number] | [*place, number] if _is_number(number):
            where = _place(options, place)
            return until_stopped(scale(server_of(options), where, int(number), told_of(options)))
        case _:
            raise SystemExit(options.wrong("say how many instances, such as: scale shop in production to 4"))


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) <= 6


def _change(options: argparse.Namespace) -> int:
    from bot.inputs.lifecycle_commands import change  # noqa: PLC0415

    return until_stopped(change(server_of(options), _place(options, options.words), options.wish, told_of(options)))


def _place(options: argparse.Namespace, words: Sequence[str]) -> Where:
    from bot.inputs.lifecycle_commands import Where  # noqa: PLC0415

    found = place_in(words)
    if found is None:
        raise SystemExit(options.wrong(UNNAMED))
    return Where(*found)
