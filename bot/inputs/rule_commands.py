"""`pilothouse rules`: check rule files, run their unit tests, list what is in them."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from alerting.errors import AlertingError, RuleProblem
from alerting.metrics.duration import format_duration
from alerting.rules.load import LoadedRules, load_rule_files, parse_rules
from alerting.rules.rule import AlertRule, Rule, RuleGroup
from alerting.rules.unit_tests.run import FileResult, Settings, run_file

FAILED: Final = 1
USAGE: Final = 2
_STANDARD_INPUT: Final = "-"


def check(files: Sequence[str], as_json: bool, *, experimental: bool = False) -> int:
    """Tell every problem of the files and patterns, `-` being what is typed in; 0 when there is none."""
    loaded = _load(files, experimental=experimental)
    # Who names files to check means some: with none, a moved folder would keep a pipeline green.
    failed = bool(loaded.problems or loaded.unmatched)
    if as_json:
        _say_json(
            {
                "ok": not failed,
                "groups": len(loaded.groups),
                "rules": sum(len(group.rules) for group in loaded.groups),
                "problems": [_problem(problem) for problem in loaded.problems],
                "unmatched": list(loaded.unmatched),
                "warnings": list(loaded.warnings),
            }
        )
        return FAILED if failed else 0
    _tell_faults(loaded)
    if not failed:
        rules = sum(len(group.rules) for group in loaded.groups)
        _say(f"Right. Rules: {rules}. Groups: {len(loaded.groups)}.")
    return FAILED if failed else 0


def list_rules(files: Sequence[str], as_json: bool, *, experimental: bool = False) -> int:
    """Show every group and rule of the files; with problems nothing but these."""
    loaded = _load(files, experimental=experimental)
    if loaded.problems or loaded.unmatched:
        _tell_faults(loaded)
        return FAILED
    if as_json:
        _say_json([_group(group) for group in loaded.groups])
        return 0
    for group in loaded.groups:
        for line in _group_lines(group):
            _say(line)
    return 0


def run_tests(
    files: Sequence[str],
    as_json: bool,
    *,
    binary: str = "prometheus",
    only: Sequence[str] = (),
    experimental: bool = False,
) -> int:
    """Run unit tests in promtool's format; 0 when all pass.

    `binary` is the Prometheus they run on, a path or a name on PATH; `only` are patterns of the names of tests to run.
    """
    try:
        pattern = re.compile("|".join(only)) if only else None
    except re.error as wrong:
        _complain(f"--run is no regular expression: {wrong}.")
        return USAGE
    settings = Settings(binary, pattern, experimental)
    try:
        results = asyncio.run(_run(files, settings, _quietly if as_json else _say_result))
    except AlertingError as failed:
        _complain(f"{failed}.")
        return FAILED
    if as_json:
        _say_json([asdict(result) | {"ok": not result.failures} for result in results])
    return FAILED if any(result.failures for result in results) else 0


async def _run(files: Sequence[str], settings: Settings, say: Callable[[FileResult], None]) -> list[FileResult]:
    results = []
    for file in files:
        result = await run_file(Path(file), settings)
        say(result)
        results.append(result)
    return results


def _quietly(_: FileResult) -> None:
    """Nothing: all is said at the end."""


def _say_result(result: FileResult) -> None:
    _say(f"Processing test file: {result.file}")
    for warning in result.warnings:
        _complain(f"  WARNING: {warning}")
    if result.failures:
        _complain("  FAILED:")
    for failure in result.failures:
        _complain(f"{failure}\n")
    if not result.failures:
        _say("  SUCCESS\n")


def _load(files: Sequence[str], *, experimental: bool) -> LoadedRules:
    if list(files) == [_STANDARD_INPUT]:
        return parse_rules("standard input", sys.stdin.read(), recording=True, experimental=experimental)
    return load_rule_files(files, recording=True, experimental=experimental)


def _tell_faults(loaded: LoadedRules) -> None:
    for problem in loaded.problems:
        _complain(str(problem))
    for pattern in loaded.unmatched:
        _complain(f"No file matches {pattern}.")
    for warning in loaded.warnings[len(loaded.unmatched) :]:
        _complain(f"Warning: {warning}.")


def _problem(problem: RuleProblem) -> dict[str, Any]:
    return asdict(problem.place) | {"message": problem.message}


def _group(group: RuleGroup) -> dict[str, Any]:
    return {
        "file": group.file,
        "name": group.name,
        "interval": _duration(group.interval),
        "query_offset": _duration(group.query_offset),
        "limit": group.limit,
        "rules": [_rule(rule) for rule in group.rules],
    }


def _duration(duration: timedelta | None) -> str | None:
    return None if duration is None else format_duration(duration)


def _rule(rule: Rule) -> dict[str, Any]:
    told: dict[str, Any] = {"name": rule.name, "expr": rule.expr, "labels": dict(rule.labels)}
    if not isinstance(rule, AlertRule):
        return {"type": "recording"} | told
    return (
        {"type": "alerting"}
        | told
        | {
            "for": format_duration(rule.for_),
            "keep_firing_for": format_duration(rule.keep_firing_for),
            "annotations": dict(rule.annotations),
        }
    )


def _group_lines(group: RuleGroup) -> Iterable[str]:
    every = f" every {format_duration(group.interval)}" if group.interval else ""
    yield f"{group.file}: {group.name}{every}"
    width = max((len(rule.name) for rule in group.rules), default=0)
    for rule in group.rules:
        kind = "alert " if isinstance(rule, AlertRule) else "record"
        yield f"  {kind} {rule.name:<{width}}  {' '.join(rule.expr.split())}{_holds(rule)}"


def _holds(rule: Rule) -> str:
    return f"  for {format_duration(rule.for_)}" if isinstance(rule, AlertRule) and rule.for_ else ""


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _complain(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _say_json(value: object) -> None:
    _say(json.dumps(value, indent=2, ensure_ascii=False))
