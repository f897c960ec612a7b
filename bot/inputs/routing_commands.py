"""`pilothouse routes`: who hears of which alert, asked of a routing file, and files of an Alertmanager taken over.

The words of `test` and `show` are those of `amtool config routes`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from alerting.routing.config import RoutingConfig
from alerting.routing.convert import Converted, convert
from alerting.routing.load import read_routing
from alerting.routing.matcher import Op
from alerting.routing.parse_matcher import MatcherWrong, parse_matcher
from alerting.routing.render import render_matching_tree, render_tree
from alerting.routing.tree import Route, group_key, matching

FAILED: Final = 1


def test_routes(config: Path, labels: Sequence[str], *, as_json: bool, tree: bool, verify: str) -> int:
    """Print the receivers that hear of an alert with labels (`severity=page`), in order.

    `tree` shows the way they were found, `verify` names the receivers expected, with commas between. The exit code is 1
    when others are found, or when the file or a label cannot be read.
    """
    routing = _load(config)
    given = _labels(labels)
    if routing is None or given is None:
        return FAILED
    routes = matching(routing.route, given)
    names = ",".join(route.receiver for route in routes)
    if as_json:
        _say(json.dumps({"receivers": [_reached(route, given) for route in routes]}, ensure_ascii=False))
    else:
        if tree:
            _say(f"Matching routes:\n{render_matching_tree(routing.route, given)}\n\n")
        _say(names)
    if verify and verify != names:
        _say("WARNING: Expected receivers did not match resolved receivers.")
        return FAILED
    return 0


def show_routes(config: Path, *, as_json: bool = False) -> int:
    """Print the whole tree."""
    routing = _load(config)
    if routing is None:
        return FAILED
    if as_json:
        _say(json.dumps(_shown(routing.route), ensure_ascii=False))
    else:
        _say(f"Routing tree:\n{render_tree(routing.route)}\n")
    return 0


def import_routes(file: Path, *, output: Path | None = None, channel: str = "", as_json: bool = False) -> int:
    """Write an Alertmanager's configuration as one for here, and tell what has no counterpart and what to do.

    `channel` is told in place of what has no counterpart. The exit code is 1 when something was lost or is left to do.
    """
    try:
        done = convert(str(file), file.read_text(encoding="utf-8"), channel)
    except (OSError, UnicodeDecodeError) as wrong:
        _complain(f"{file} cannot be read: {wrong}. Name the configuration file of an Alertmanager.")
        return FAILED
    if as_json:
        _say(json.dumps(_report(done), ensure_ascii=False))
    else:
        _tell(done, file, channel)
    if done.text and not _write(done.text, output, quiet=as_json):
        return FAILED
    return FAILED if done.problems or done.lost or done.left else 0


def _load(config: Path) -> RoutingConfig | None:
    """The routing of a file, though it may name receivers that have no counterpart here."""
    try:
        found = read_routing(str(config), config.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as wrong:
        _complain(f"{config} cannot be read: {wrong}. Name a routing file in Alertmanager's format.")
        return None
    for problem in found.problems:
        _complain(str(problem))
    for warning in (*found.lacks, *found.warnings):
        _complain(f"Warning: {warning}")
    return None if found.problems else found.config


def _labels(words: Sequence[str]) -> dict[str, str] | None:
    labels: dict[str, str] = {}
    for word in words:
        try:
            matcher = parse_matcher(word, _complain)
        except MatcherWrong as wrong:
            _complain(f"Failed to parse labels: {wrong}")
            return None
        if matcher.op is not Op.EQUAL:
            _complain("Labels must be specified as key=value pairs")
            return None
        labels[matcher.name] = matcher.value
    return labels


def _reached(route: Route, labels: dict[str, str]) -> dict[str, str]:
    return {"receiver": route.receiver, "route": route.key, "group": group_key(route, labels)}


def _shown(route: Route) -> dict[str, object]:
    return {
        "receiver": route.receiver,
        "matchers": [str(matcher) for matcher in route.matchers],
        "continue": route.goes_on,
        "groupBy": list(route.group_by),
        "groupWait": route.group_wait.total_seconds(),
        "groupInterval": route.group_interval.total_seconds(),
        "repeatInterval": route.repeat_interval.total_seconds(),
        "muteTimeIntervals": list(route.mute_time_intervals),
        "activeTimeIntervals": list(route.active_time_intervals),
        "routes": [_shown(child) for child in route.routes],
    }


def _report(done: Converted) -> dict[str, object]:
    parts = {
        "problems": done.problems,
        "lost": done.lost,
        "unpaged": done.unpaged,
        "left": done.left,
        "notes": done.notes,
    }
    shown = {
        name: [{"file": one.file, "line": one.line, "column": one.column, "message": one.message} for one in found]
        for name, found in parts.items()
    }
    return {**shown, "config": done.text}


def _tell(done: Converted, file: Path, channel: str) -> None:
    for problem in done.problems:
        _complain(str(problem))
    for note in done.notes:
        _complain(f"Note: {note}")
    for loss in done.lost:
        _complain(f"No counterpart: {loss}")
    for pager in done.unpaged:
        _complain(f"Nobody is paged: {pager}")
    if done.problems:
        _complain(f"{file} is wrong as it is; put these right first.")
    elif done.left:
        _complain("What has no counterpart is left in the text, which is not served until it is replaced.")
        if not channel:
            _complain("Or name a channel that is told in its place: --channel NAME.")
    elif done.lost:
        _complain(f"#{channel.removeprefix('#')} is told in place of what has no counterpart.")


def _write(text: str, output: Path | None, *, quiet: bool) -> bool:
    if output is None:
        if not quiet:
            sys.stdout.write(text)
        return True
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as wrong:
        _complain(f"{output} cannot be written: {wrong.strerror}. Name a file in a folder that is there.")
        return False
    return True


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _complain(text: str) -> None:
    sys.stderr.write(f"{text}\n")
