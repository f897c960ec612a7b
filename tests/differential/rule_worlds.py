"""Random rules and series for the comparison with Prometheus: every shape of rule over series that come and go."""

import math
import random
from collections.abc import Iterator
from typing import Any

import yaml

from alerting.metrics.remote_write import STALE, Point, Series

STEP = 0.25  # seconds between two points
HOSTS = (("a", "z1"), ("b", "z1"), ("c", "z2"), ("d", "z3"))

EXPRESSIONS = (
    "load > 5",
    "load > 7 or load < 2",
    "load{host!='a'} > 4 # not for a",
    "sum by (zone) (load) > 9",
    "max(load) - min(load)",
    "absent(load{host='b'})",
    "absent(load)",
    "count(load) < 3",
    "scalar(sum(load)) > bool 15",
    "time() % 4",
    "vector(1)",
    "load / 0",
    "load * NaN",
    "changes(load[2s]) > 2",
    "rate(errors_total[2s]) > 0",
    "load > 5 unless on (host) load{zone='z3'}",
    "topk(2, load)",
    "label_replace(load > 6, 'copy', '$1', 'host', '(.*)')",
    "{__name__=~'load|errors_total', host='a'}",
    "-load",
    "quantile_over_time(0.5, load[2s]) > 5",
    "load offset 1s > 5",
    "load @ end() > 5",
)
BROKEN = (
    "load + on (zone) load",  # many to many, as long as zone z1 has two hosts
    "-{__name__=~'load|errors_total'}",  # the same labels twice
    "label_replace(load, 'host', '', '', '')",
    "load + on () group_left load",
)
LABELS: tuple[dict[str, str], ...] = (
    {},
    {"severity": "page"},
    {"host": ""},
    {"size": "{{ if gt $value 8.0 }}large{{ else }}small{{ end }}"},
    {"place": "{{ $labels.zone }}/{{ $labels.host }}", "empty": "{{ $labels.none }}"},
    {"level": '{{ printf "%.0f" $value }}'},
)
ANNOTATIONS: tuple[dict[str, str], ...] = (
    {},
    {"summary": "it is so"},
    {"summary": "{{ $labels.host }} is at {{ $value }}", "human": "{{ humanize $value }}"},
    {"each": "{{ range $name, $value := $labels }}{{ $name }}={{ $value }} {{ else }}none{{ end }}"},
    {"asked": '{{ with query "sort_desc(sum by (zone) (load))" }}{{ . | first | value }}{{ end }}'},
    {"asked": "{{ query (printf \"load{host='%s'}\" $labels.host) | len }}", "wrong": '{{ query "1 +" }}'},
    {"at": "{{ now }}"},
    {"all": "{{ $labels }} {{ $value }}", "where": "{{ $externalLabels.region }}"},
    {"wrong": "{{ toUpper $value }}"},
)


def rule_file(seed: int, *, changed: bool = False) -> str:
    """Groups of rules, evaluated every second; `changed` is the same file after somebody has edited it."""
    chance = random.Random(seed)
    groups: list[dict[str, Any]] = [
        _group("plain", [_alert(chance, f"Plain{n}", expression) for n, expression in enumerate(EXPRESSIONS)]),
        _group("others", [_alert(chance, f"Other{n}", chance.choice(EXPRESSIONS)) for n in range(30)]),
        _group("broken", [_alert(chance, f"Broken{n}", expression) for n, expression in enumerate(BROKEN)]),
        _group("few", [_alert(chance, f"Few{n}", chance.choice(EXPRESSIONS)) for n in range(10)], limit=2),
        _group("late", [_alert(chance, f"Late{n}", chance.choice(EXPRESSIONS)) for n in range(10)], query_offset="1s"),
        _group("chain", list(_chain(chance))),
    ]
    for group in groups if changed else ():
        group["rules"] = [one for rule in group["rules"] for one in _edited(chance, rule)]
    return yaml.safe_dump({"groups": groups}, sort_keys=False)


def _edited(chance: random.Random, rule: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The rule as it was, with another `for`, other words or other labels, or gone."""
    if rule.get("alert") == "Clock":
        yield {**rule, "annotations": {"edited": "yes"}}
        return
    match chance.randrange(6):
        case 0 if "alert" in rule:
            yield {**rule, "for": chance.choice(("0s", "5s", "8s"))}
        case 1 if "alert" in rule:
            yield {**rule, "keep_firing_for": "2s", "annotations": {"edited": "{{ $value }}"}}
        case 2:
            yield {**rule, "labels": {**rule.get("labels", {}), "edited": "yes"}}
        case 3 if "alert" in rule:
            return
        case 4 if "alert" in rule:
            yield {**rule, "alert": f"{rule['alert']}Renamed"}
        case _:
            yield rule


def _group(name: str, rules: list[dict[str, Any]], **more: object) -> dict[str, Any]:
    # An alert that is there from the first evaluation on tells when that was.
    clock = {"alert": "Clock", "expr": "vector(0)", "labels": {"group": name}}
    return {"name": name, "interval": "1s", "rules": [clock, *rules], **more}


def _alert(chance: random.Random, name: str, expression: str) -> dict[str, Any]:
    return {
        "alert": name,
        "expr": expression,
        "for": chance.choice(("0s", "0s", "1s", "2s", "3s")),
        "keep_firing_for": chance.choice(("0s", "0s", "0s", "1s", "3s")),
        "labels": chance.choice(LABELS),
        "annotations": chance.choice(ANNOTATIONS),
    }


def _chain(chance: random.Random) -> Iterator[dict[str, Any]]:
    """Rules that read one another: what comes before, what comes after, and the alerts."""
    yield {"record": "before", "expr": "zone:load + 0"}
    yield {"record": "zone:load", "expr": "sum by (zone) (load)", "labels": {"kind": "sum"}}
    yield {"record": "zone:load:twice", "expr": "zone:load * 2"}
    yield {"record": "host:load", "expr": "load > 3", "labels": {"zone": ""}}
    yield {"record": "number", "expr": "scalar(sum(load))"}
    yield {"record": "same", "expr": "load", "labels": {"host": "x", "zone": "y"}}
    yield {"record": "odd", "expr": "load / 0 > 3 or load * NaN"}
    yield _alert(chance, "Twice", "zone:load:twice > 10") | {"labels": {"severity": "page"}}
    yield _alert(chance, "OfAlert", "ALERTS{alertname='Twice', alertstate='firing'}") | {"labels": {"of": "alert"}}
    yield {"record": "alerts:count", "expr": "count by (alertname, alertstate) (ALERTS{alertname=~'Twice|OfAlert'})"}
    yield {"record": "since", "expr": "time() - ALERTS_FOR_STATE{alertname='Twice'}"}


def series(seed: int, begin: float, seconds: int) -> list[Series]:
    """Loads that wander between 0 and 10, now and then are no number or gone, and counters."""
    chance, made = random.Random(seed), []
    for host, zone in HOSTS:
        points, counted, total, level = [], [], 0.0, 5.0
        gone = False
        for n in range(int(seconds / STEP)):
            at = begin + n * STEP
            level = min(10.0, max(0.0, level + chance.uniform(-3, 3)))
            gone = chance.random() < (0.7 if gone else 0.12)
            points.append(Point(at, STALE if gone else _odd(chance, level)))
            total += chance.choice((0, 0, 1))
            counted.append(Point(at, total))
        labels = {"host": host, "zone": zone}
        made += [
            Series({"__name__": "load", **labels}, points),
            Series({"__name__": "errors_total", **labels}, counted),
        ]
    return made


def _odd(chance: random.Random, level: float) -> float:
    return chance.choice((math.nan, math.inf)) if chance.random() < 0.04 else round(level, 3)
