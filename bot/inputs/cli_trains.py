"""The command line's words about release trains of a running server."""

from __future__ import annotations

import argparse
from typing import Any

from bot.inputs.cli_alerting import at_server, server_of
from bot.inputs.cli_deployments import told_of, until_stopped


def add_train_commands(commands: Any) -> None:
    """Add `train start`, `approve`, `reject`, `abort` (or `stop`) and `status` to the commands."""
    trains = commands.add_parser("train", help="several services deployed as one: all of them, or none")
    verbs = trains.add_subparsers(required=True, metavar="COMMAND")
    start = _command(verbs, "start", _start, "deploy several services as one")
    start.add_argument("services", nargs="+", metavar="SERVICE=VERSION", help="each service with its version")
    start.add_argument("to", choices=["to"], metavar="to")
    start.add_argument("environment", metavar="ENVIRONMENT")
    start.add_argument("--override", default="", metavar="REASON", help="why in spite of what stands in the way")
    decisions = (
        ("approve", (), _approve, "agree to its plan"),
        ("reject", (), _end, "refuse its plan"),
        ("abort", ("stop",), _end, "end it; what it has deployed is taken back"),
    )
    for name, others, run, text in decisions:
        parser = _command(verbs, name, run, text, others)
        parser.set_defaults(decision=name)
        parser.add_argument("train", help="its id, as status shows it")
    status = _command(verbs, "status", _status, "show the newest trains")
    status.add_argument("trains", nargs="*", metavar="TRAIN", help="only these, with each of their services")


def _command(verbs: Any, name: str, run: Any, text: str, others: tuple[str, ...] = ()) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=text, aliases=others)
    parser.add_argument("--watch", action="store_true", help="stay until the end; 0 only if it is as asked")
    parser.add_argument("--json", action="store_true", help="answer in JSON; watched, a line for each news")
    at_server(parser)
    parser.set_defaults(run=run)
    return parser


# Rooms are imported by the command that needs them, so that no command waits for what it does not use.


def _start(options: argparse.Namespace) -> int:
    from bot.inputs.train_commands import start  # noqa: PLC0415

    work = start(server_of(options), options.services, options.environment, told_of(options), options.override)
    return until_stopped(work)


def _approve(options: argparse.Namespace) -> int:
    from bot.inputs.train_commands import approve  # noqa: PLC0415

    return until_stopped(approve(server_of(options), options.train, told_of(options)))


def _end(options: argparse.Namespace) -> int:
    from bot.inputs.train_commands import end  # noqa: PLC0415

    return until_stopped(end(server_of(options), options.train, options.decision, told_of(options)))


def _status(options: argparse.Namespace) -> int:
    from bot.inputs.train_commands import status  # noqa: PLC0415

    return until_stopped(status(server_of(options), options.trains, told_of(options)))
