"""What rules are measured on: 24,000 series of 200 targets in a Prometheus, and rule files about them."""

from collections.abc import Iterator
from typing import Final

import yaml

from alerting.metrics.remote_write import Point, RemoteWriter, Series

TARGETS: Final = 200
INSTANCES: Final = 20
EVERY: Final = 15  # seconds between two points of a series
AT_ONCE: Final = 4000
GROUP: Final = 10

# One rule each; the last one fires for every instance of its target, so that every tenth rule fires.
EXPRESSIONS: Final = (
    'up{{job="{job}"}} == 0',
    'sum(rate(errors_total{{job="{job}"}}[1m])) by (job) / sum(rate(requests_total{{job="{job}"}}[1m])) by (job) > 0.5',
    'cpu_ratio{{job="{job}"}} > 0.{limit} + 1',
    'memory_bytes{{job="{job}"}} / 2e9 > 0.9',
    'absent(up{{job="{job}"}})',
    'avg by (job) (cpu_ratio{{job="{job}"}}) > 0.{limit} + 1',
    'max_over_time(latency_seconds{{job="{job}"}}[1m]) > 20',
    'count(up{{job="{job}"}} == 1) < 10',
    'deriv(memory_bytes{{job="{job}"}}[1m]) > 1e9',
    'latency_seconds{{job="{job}"}} > 0.{limit}',
)


def rule_file(rules: int, interval: str) -> str:
    """That many rules in groups of ten, as a rule file."""
    numbers = range(0, rules, GROUP)
    groups = [{"name": f"group {n}", "interval": interval, "rules": list(_rules(n))} for n in numbers]
    return yaml.dump({"groups": groups}, Dumper=yaml.CSafeDumper)


def _rules(first: int) -> Iterator[dict[str, object]]:
    target, limit = first // GROUP, 10 + first // GROUP // TARGETS
    for n, expression in enumerate(EXPRESSIONS):
        yield {
            "alert": f"Rule{first + n}",
            "expr": expression.format(job=f"target-{target % TARGETS}", limit=limit),
            "for": "5m" if n % 2 == 0 else "0s",
            "labels": {"severity": "page", "team": "{{ $labels.job }}"},
            "annotations": {"summary": "{{ $labels.instance }} of {{ $labels.job }} is at {{ $value | humanize }}"},
        }


async def fill(writer: RemoteWriter, begin: float, end: float) -> None:
    """Write a point of every series every 15 seconds, between two times in Unix seconds."""
    waiting: list[Series] = []
    times = [begin + n * EVERY for n in range(int((end - begin) / EVERY))]
    for target in range(TARGETS):
        for instance in range(INSTANCES):
            waiting += _series(target, instance, times)
        if len(waiting) >= AT_ONCE:
            await writer.write(waiting)
            waiting = []
    await writer.write(waiting)


def _series(target: int, instance: int, times: list[float]) -> Iterator[Series]:
    labels = {"job": f"target-{target}", "instance": f"10.0.{target}.{instance}:9100", "zone": f"zone-{instance % 3}"}
    for number, name in enumerate(
        ("up", "errors_total", "requests_total", "cpu_ratio", "memory_bytes", "latency_seconds")
    ):
        points = [Point(at, _value(number, n, instance)) for n, at in enumerate(times)]
        yield Series({"__name__": name, **labels}, points)


def _value(number: int, n: int, instance: int) -> float:
    """What the series of that number has at its n-th point."""
    moving = (n * 7 + instance) % 10
    return (1.0, n * 0.1, n * 10.0, moving / 10, 1e9 + moving * 1e6, 0.5 + moving / 10)[number]
