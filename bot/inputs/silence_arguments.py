"""The words of `pilothouse silence` and `pilothouse alerts`. Loads nothing else until one of them is meant."""

from __future__ import annotations

import argparse
import asyncio
import getpass
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from bot.inputs.silence_commands import Server

DEFAULT_URL: Final = "http://127.0.0.1:8080"
MATCHERS: Final = "such as HighLatency environment=staging 'team=~a|b'; a first word alone is an alert's name"

Token = Callable[[], str]
Work = Callable[[argparse.Namespace, "Server"], Coroutine[Any, Any, int]]
Parser = argparse.ArgumentParser
if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[Parser]  # noqa: SLF001  # argparse has no public name for it


def add_silence_commands(commands: Commands, token: Token) -> None:
    """Add `silence` and `alerts` to the commands; `token` is asked when one of them runs."""
    silences = commands.add_parser("silence", help="mute alerts of a running server")
    below = silences.add_subparsers(required=True, metavar="COMMAND")
    _add(below, token)
    shown = _command(below, "list", _list, token, "show what is muted, by whom, until when")
    shown.add_argument("matchers", nargs="*", help="only silences that have these among their own")
    shown.add_argument("--expired", action="store_true", help="show those that are over too")
    ended = _command(below, "expire", _expire, token, "end silences now")
    ended.add_argument("ids", nargs="+", metavar="id", help="the id that list shows, or its beginning")
    alerts = _command(commands, "alerts", _alerts, token, "show the alerts that fire on a running server")
    alerts.add_argument("matchers", nargs="*", help=MATCHERS)


def _add(below: Commands, token: Token) -> None:
    parser = _command(below, "add", _set, token, "mute alerts, from now on or later; prints the id")
    parser.add_argument("matchers", nargs="+", help=MATCHERS)
    parser.add_argument("--comment", "-c", required=True, help="why, for those who wonder later")
    parser.add_argument("--author", "-a", default="", help="who wants it (default: this machine's user)")
    parser.add_argument("--duration", "-d", default="1h", help="30m, 2h or 1d12h (default: %(default)s)")
    parser.add_argument("--start", default="", help="from when, such as 2026-01-05T10:00:00Z (default: now)")
    parser.add_argument("--end", default="", help="until when, in place of a duration")


def _command(commands: Commands, name: str, work: Work, token: Token, text: str) -> Parser:
    parser = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
    parser.add_argument("--url", default=DEFAULT_URL, help="where the server is (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON, as Alertmanager's API has it")
    parser.set_defaults(run=lambda options: _run(options, work, token))
    return parser


def _run(options: argparse.Namespace, work: Work, token: Token) -> int:
    from bot.inputs.silence_commands import Server  # noqa: PLC0415  # `check` should not wait for it

    return asyncio.run(work(options, Server(options.url, token())))


async def _set(options: argparse.Namespace, server: Server) -> int:
    from bot.inputs.silence_commands import Wanted, add  # noqa: PLC0415

    author = options.author or _user()
    wanted = Wanted(options.matchers, options.comment, author, options.duration, options.start, options.end)
    return await add(server, wanted, as_json=options.json)


async def _list(options: argparse.Namespace, server: Server) -> int:
    from bot.inputs.silence_commands import show  # noqa: PLC0415

    return await show(server, options.matchers, expired=options.expired, as_json=options.json)


async def _expire(options: argparse.Namespace, server: Server) -> int:
    from bot.inputs.silence_commands import expire  # noqa: PLC0415

    return await expire(server, options.ids, as_json=options.json)


async def _alerts(options: argparse.Namespace, server: Server) -> int:
    from bot.inputs.silence_commands import alerts  # noqa: PLC0415

    return await alerts(server, options.matchers, as_json=options.json)


def _user() -> str:
    """Who is signed in here; a container may know nobody of that number."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "pilothouse"
