"""The command line's words about alerts: rules, routes, silences and what fires."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from bot.inputs.silence_commands import Server

ROUTING: Final = Path("alertmanager.yml")


def add_alerting_commands(commands: Any) -> None:
    """Add `rules`, `routes`, `silence` and `alerts` to the parser's commands."""
    _add_rules(_family(commands, "rules", "work with rule files"))
    _add_routes(_family(commands, "routes", "who would hear of an alert"))
    _add_silences(_family(commands, "silence", "mute alerts of a running server for a while"))
    alerts = _command(commands, "alerts", _alerts, "show what fires on a running server")
    alerts.add_argument("matchers", nargs="*", metavar="MATCHER", help='such as severity="page" or a name of an alert')
    at_server(alerts)


def _family(commands: Any, name: str, text: str) -> Any:
    return commands.add_parser(name, help=text).add_subparsers(required=True, metavar="COMMAND")


def _command(commands: Any, name: str, run: Any, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text)
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    parser.set_defaults(run=run)
    return parser


def _add_rules(family: Any) -> None:
    check = _command(family, "check", _rules_check, "check rule files")
    tests = _command(family, "test", _rules_test, "run unit tests of rules, in promtool's format")
    tests.add_argument(
        "--prometheus-binary",
        default="prometheus",
        metavar="BINARY",
        help="the Prometheus they run on (default: %(default)s)",
    )
    tests.add_argument(
        "--run", dest="only", action="append", default=[], metavar="PATTERN", help="only tests of such a name"
    )
    shown = _command(family, "list", _rules_list, "show every group and rule")
    for parser in (check, tests, shown):
        parser.add_argument("files", nargs="+", help="files or patterns")
        parser.add_argument(
            "--experimental", action="store_true", help="allow the PromQL functions that Prometheus has behind a flag"
        )


def _add_routes(family: Any) -> None:
    test = _command(family, "test", _routes_test, "print the receivers that hear of an alert with these labels")
    test.add_argument("labels", nargs="*", metavar="LABEL=VALUE", help="the labels of an alert")
    test.add_argument("--tree", action="store_true", help="show the way through the tree")
    test.add_argument("--verify-receivers", "--verify.receivers", default="", metavar="NAMES", help="fail unless these")
    shown = _command(family, "show", _routes_show, "print the whole tree")
    for parser in (test, shown):
        parser.add_argument("--file", type=Path, default=ROUTING, help="the routing file (default: %(default)s)")
    imported = _command(family, "import", _routes_import, "turn an Alertmanager's configuration into one for here")
    imported.add_argument("file", type=Path, help="the configuration of an Alertmanager")
    imported.add_argument("--output", type=Path, help="write it to this file rather than print it")
    imported.add_argument("--channel", default="", help="chat channel for receivers that have no counterpart here")


def _add_silences(family: Any) -> None:
    add = _command(family, "add", _silence_add, "silence the alerts that match; prints the silence's id")
    add.add_argument("matchers", nargs="+", metavar="MATCHER", help='such as severity="page" or a name of an alert')
    add.add_argument("--duration", default="1h", help="how long, such as 30m or 2h (default: %(default)s)")
    add.add_argument("--start", default="", help="when it begins, such as 2026-01-05T10:00:00Z; now when left out")
    add.add_argument("--end", default="", help="when it ends, in place of --duration")
    add.add_argument("--comment", required=True, help="why")
    add.add_argument("--author", default="", help="who (default: you)")
    shown = _command(family, "list", _silence_list, "show the silences")
    shown.add_argument("matchers", nargs="*", metavar="MATCHER", help="only those that have these among their own")
    shown.add_argument("--expired", action="store_true", help="those that are over, too")
    expire = _command(family, "expire", _silence_expire, "end silences")
    expire.add_argument("ids", nargs="+", metavar="ID", help="as list shows them; they may be shortened")
    for parser in (add, shown, expire):
        at_server(parser)


def at_server(parser: argparse.ArgumentParser) -> None:
    """Let the command name the running server it asks."""
    parser.add_argument("--url", default="", help="the running server (PILOTHOUSE_URL; else this machine's port 8080)")


def server_of(options: argparse.Namespace) -> Server:
    """The running server that is meant, and the token for it. Ends the process when the environment is wrong."""
    from bot.inputs.silence_commands import Server  # noqa: PLC0415
    from bot.settings import SettingsWrong, load_terminal  # noqa: PLC0415

    try:
        terminal = load_terminal()
    except SettingsWrong as wrong:
        raise SystemExit(str(wrong)) from wrong
    return Server((options.url or terminal.pilothouse_url).rstrip("/"), terminal.pilothouse_token)


# Rooms are imported by the command that needs them, so that no command waits for what it does not use.


def _rules_check(options: argparse.Namespace) -> int:
    from bot.inputs.rule_commands import check  # noqa: PLC0415

    return check(options.files, options.json, experimental=options.experimental)


def _rules_test(options: argparse.Namespace) -> int:
    from bot.inputs.rule_commands import run_tests  # noqa: PLC0415

    return run_tests(
        options.files,
        options.json,
        binary=options.prometheus_binary,
        only=options.only,
        experimental=options.experimental,
    )


def _rules_list(options: argparse.Namespace) -> int:
    from bot.inputs.rule_commands import list_rules  # noqa: PLC0415

    return list_rules(options.files, options.json, experimental=options.experimental)


def _routes_test(options: argparse.Namespace) -> int:
    from bot.inputs.routing_commands import test_routes  # noqa: PLC0415

    return test_routes(
        options.file, options.labels, as_json=options.json, tree=options.tree, verify=options.verify_receivers
    )


def _routes_show(options: argparse.Namespace) -> int:
    from bot.inputs.routing_commands import show_routes  # noqa: PLC0415

    return show_routes(options.file, as_json=options.json)


def _routes_import(options: argparse.Namespace) -> int:
    from bot.inputs.routing_commands import import_routes  # noqa: PLC0415

    return import_routes(options.file, output=options.output, channel=options.channel, as_json=options.json)


def _silence_add(options: argparse.Namespace) -> int:
    from bot.inputs.silence_commands import Wanted, add  # noqa: PLC0415

    wanted = Wanted(
        matchers=options.matchers,
        duration=options.duration,
        start=options.start,
        end=options.end,
        comment=options.comment,
        author=options.author,
    )
    return asyncio.run(add(server_of(options), wanted, as_json=options.json))


def _silence_list(options: argparse.Namespace) -> int:
    from bot.inputs.silence_commands import show  # noqa: PLC0415

    return asyncio.run(show(server_of(options), options.matchers, expired=options.expired, as_json=options.json))


def _silence_expire(options: argparse.Namespace) -> int:
    from bot.inputs.silence_commands import expire  # noqa: PLC0415

    return asyncio.run(expire(server_of(options), options.ids, as_json=options.json))


def _alerts(options: argparse.Namespace) -> int:
    from bot.inputs.silence_commands import alerts  # noqa: PLC0415

    return asyncio.run(alerts(server_of(options), options.matchers, as_json=options.json))
