"""The command line: serve, demo, check, proxy, token, and what the other cli_ modules add, in plain words."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bot.inputs.cli_alerting import add_alerting_commands
from bot.inputs.cli_backups import add_backup_commands
from bot.inputs.cli_deployments import add_deployment_commands
from bot.inputs.cli_lifecycle import add_lifecycle_commands
from bot.inputs.cli_permits import add_permit_commands
from bot.inputs.cli_trains import add_train_commands

if TYPE_CHECKING:
    from alerting.rules.load import LoadedRules

DEFAULT: Final = Path("pilothouse.yaml")
USAGE: Final = 2
FAILED: Final = 1

Run = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    options = _parser().parse_args(arguments)
    run: Run = options.run
    return run(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pilothouse", description="Deploy, watch, approve, roll back, get paged and acknowledge from chat."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _command(commands, "serve", _serve, "run the product")
    _command(commands, "check", _check, "check the settings and rule files")
    demo = _command(commands, "demo", _demo, "run everything on this machine, to try it", config=False)
    demo.add_argument("--data", type=Path, default=Path(".pilothouse/demo"), help="folder for everything it writes")
    demo.add_argument("--port", type=int, default=8080, help="first of its seven ports (default: %(default)s)")
    proxy = commands.add_parser("proxy", help="the reverse proxy, a process of its own; serve starts it when needed")
    proxy.add_argument("--directory", type=Path, required=True, help="folder with its socket and routes")
    proxy.set_defaults(run=_proxy)
    add_alerting_commands(commands)
    add_backup_commands(commands, DEFAULT)
    add_deployment_commands(commands)
    add_lifecycle_commands(commands)
    add_permit_commands(commands)
    add_train_commands(commands)
    tokens = commands.add_parser("token", help="bearer tokens for the API").add_subparsers(
        required=True, metavar="COMMAND"
    )
    create = _command(tokens, "create", _token_create, "make a token; it is shown once")
    create.add_argument("--person", required=True, help="id of the person it acts as, from the settings file")
    create.add_argument("--name", required=True, help="what it is for")
    _command(tokens, "list", _token_list, "show all tokens, without their text")
    revoke = _command(tokens, "revoke", _token_revoke, "end a token")
    revoke.add_argument("id", help="the id that list shows")
    return parser


def _command(commands: object, name: str, run: Run, text: str, *, config: bool = True) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text)  # type: ignore[attr-defined]
    if config:
        parser.add_argument("--config", type=Path, default=DEFAULT, help="settings file (default: %(default)s)")
    parser.set_defaults(run=run)
    return parser


# Rooms are imported by the command that needs them: `check` should not wait for Slack's client to load.


def _serve(options: argparse.Namespace) -> int:
    from bot.house.serve import serve  # noqa: PLC0415

    return serve(options.config)


def _demo(options: argparse.Namespace) -> int:
    from bot.demo.run import demo  # noqa: PLC0415

    return demo(options.data, options.port)


def _proxy(options: argparse.Namespace) -> int:
    from engine.infrastructure.balancers.proxy_process import main as run_proxy  # noqa: PLC0415

    return run_proxy(options.directory)


def _check(options: argparse.Namespace) -> int:
    from bot.settings import SettingsWrong, load_settings  # noqa: PLC0415
    from bot.settings.routing import load_routes  # noqa: PLC0415
    from bot.settings.rules import load_rules  # noqa: PLC0415
    from bot.settings.warnings import find_warnings  # noqa: PLC0415

    try:
        settings = load_settings(options.config)
        rules, routing = load_rules(settings), load_routes(settings)
    except SettingsWrong as wrong:
        print(wrong, file=sys.stderr)
        return FAILED
    for warning in (*rules.warnings, *routing.warnings, *find_warnings(settings)):
        print(f"Warning: {warning}.", file=sys.stderr)
    print(_counted(rules))
    services, people = len(settings.file.services), len(settings.file.people)
    print(f"{options.config} is right. Services: {services}. People: {people}.")
    return 0


def _counted(loaded: LoadedRules) -> str:
    return f"Right. Rules: {sum(len(group.rules) for group in loaded.groups)}. Groups: {len(loaded.groups)}."


def _token_create(options: argparse.Namespace) -> int:
    from bot.inputs.token_commands import create  # noqa: PLC0415

    return asyncio.run(create(options.config, options.person, options.name))


def _token_list(options: argparse.Namespace) -> int:
    from bot.inputs.token_commands import show  # noqa: PLC0415

    return asyncio.run(show(options.config))


def _token_revoke(options: argparse.Namespace) -> int:
    from bot.inputs.token_commands import revoke  # noqa: PLC0415

    return asyncio.run(revoke(options.config, options.id))


if __name__ == "__main__":
    sys.exit(main())
