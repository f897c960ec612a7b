"""The command line's words about deployments of a running server."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Final

from bot.inputs.cli_alerting import at_server, server_of
from bot.inputs.cli_places import at_place

if TYPE_CHECKING:
    from bot.inputs.deployment_commands import Told

STOPPED: Final = 130  # as shells count the end by Ctrl-C


def add_deployment_commands(commands: Any) -> None:
    """Add `deploy`, `rollback`, `approve`, `resume`, `promote`, `finish`, `abort` and `status` to the commands."""
    deploy = _command(commands, "deploy", _deploy, "bring a version of a service to an environment")
    deploy.add_argument("service")
    deploy.add_argument("version")
    deploy.add_argument("to", choices=["to"], metavar="to")
    deploy.add_argument("environment")
    deploy.add_argument("--strategy", help="the strategy, to be sure that it is the one that is set")
    deploy.add_argument("--override", default="", metavar="REASON", help="why in spite of what stands in the way")
    back = _command(commands, "rollback", _roll_back, "go back to what ran before")
    at_place(back)
    back.add_argument("--to", default="", metavar="REVISION", help="to this revision or version, as history shows it")
    decisions = (
        ("approve", _approve, "agree to a plan, or to the step that waits"),
        ("resume", _go_on, "let a paused deployment go on"),
        ("promote", _go_on, "skip what is left of its steps and gates"),
        ("finish", _go_on, "let the former version go that it still keeps"),
        ("abort", _abort, "undo a deployment in whatever state it is"),
    )
    for name, run, text in decisions:
        parser = _command(commands, name, run, text)
        parser.set_defaults(decision=name)
        parser.add_argument("deployment", help="its id, as status shows it")
    status = _command(commands, "status", _status, "show what runs and what is being deployed")
    status.add_argument("named", nargs="*", metavar="SERVICE|DEPLOYMENT", help="only these")


def _command(commands: Any, name: str, run: Any, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text)
    parser.add_argument("--watch", action="store_true", help="stay until the end; 0 only if it is as asked")
    parser.add_argument("--json", action="store_true", help="answer in JSON; watched, a line for each news")
    at_server(parser)
    parser.set_defaults(run=run)
    return parser


# Rooms are imported by the command that needs them, so that no command waits for what it does not use.


def _deploy(options: argparse.Namespace) -> int:
    from bot.inputs.deployment_commands import deploy  # noqa: PLC0415

    ask = {"service": options.service, "version": options.version, "environment": options.environment}
    if options.strategy:
        ask["strategy"] = options.strategy
    if options.override:
        ask["override"] = options.override
    return until_stopped(deploy(server_of(options), ask, told_of(options)))


def _roll_back(options: argparse.Namespace) -> int:
    from bot.inputs.deployment_commands import roll_back  # noqa: PLC0415

    work = roll_back(server_of(options), options.service, options.environment, told_of(options), options.to)
    return until_stopped(work)


def _approve(options: argparse.Namespace) -> int:
    from bot.inputs.deployment_commands import approve  # noqa: PLC0415

    return until_stopped(approve(server_of(options), options.deployment, told_of(options)))


def _go_on(options: argparse.Namespace) -> int:
    from bot.inputs.deployment_commands import go_on  # noqa: PLC0415

    return until_stopped(go_on(server_of(options), options.deployment, options.decision, told_of(options)))


def _abort(options: argparse.Namespace) -> int:
    from bot.inputs.deployment_commands import abort  # noqa: PLC0415

    return until_stopped(abort(server_of(options), options.deployment, told_of(options)))


def _status(options: argparse.Namespace) -> int:
    from bot.inputs.deployment_commands import status  # noqa: PLC0415

    return until_stopped(status(server_of(options), options.named, told_of(options)))


def told_of(options: argparse.Namespace) -> Told:
    """How the options want to be answered."""
    from bot.inputs.deployment_commands import Told  # noqa: PLC0415

    return Told(as_json=options.json, watch=options.watch)


def until_stopped(work: Coroutine[Any, Any, int]) -> int:
    """Whoever stops watching stops nothing else."""
    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        return STOPPED
