"""What finding the silences of an alert costs when there are many of both."""

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from alerting.routing.matcher import Matcher, Op
from alerting.silences.desk import SilenceDesk
from alerting.silences.silence import Silence, SilenceId
from tests.bench.figure import Figure
from tests.fakes.memory_storage import MemoryDatabase

ALERTS: Final = 10_000
FEW, MANY = 50, 500
RUNS: Final = 5
NOW: Final = datetime(2026, 1, 5, 9, tzinfo=UTC)
HOW: Final = (
    f"CPU of asking which of so many active silences match, for each of {ALERTS} alerts with labels of their own, "
    "after each silence was set; one silence in five has a regular expression beside its equal label"
)


async def measure() -> Sequence[Figure]:
    """Microseconds an alert, and how much more ten times as many silences take."""
    few, many = await _desk(FEW), await _desk(MANY)
    alerts = [_labels(number) for number in range(ALERTS)]
    runs = [(_cost(few, alerts), _cost(many, alerts)) for _ in range(RUNS)]
    return [
        Figure(f"Silences of an alert, {FEW} silences", "µs", tuple(one for one, _ in runs), HOW),
        Figure(f"Silences of an alert, {MANY} silences", "µs", tuple(one for _, one in runs), HOW),
        Figure(f"{MANY} silences over {FEW}", "times", tuple(more / less for less, more in runs), HOW, aim=2),
    ]


async def _desk(number: int) -> SilenceDesk:
    desk = SilenceDesk(MemoryDatabase(lambda: NOW).log, now=lambda: NOW)
    await desk.load()
    for index in range(number):
        await desk.set(_silence(index), by="bench")
    return desk


def _silence(index: int) -> Silence:
    matchers = [Matcher("service", Op.EQUAL, f"service-{index}"), Matcher("alertname", Op.EQUAL, f"Alert{index % 50}")]
    if index % 5 == 0:
        matchers.append(Matcher("instance", Op.REGEX, f"host-{index}.*"))
    empty = Silence(SilenceId(""), (), NOW, NOW + timedelta(hours=1), NOW, "bench", "bench")
    return replace(empty, matchers=tuple(matchers))


def _labels(number: int) -> dict[str, str]:
    service = number % 1000
    return {"alertname": f"Alert{service % 50}", "service": f"service-{service}", "instance": f"host-{number}"}


def _cost(desk: SilenceDesk, alerts: Sequence[dict[str, str]]) -> float:
    fresh = [{**labels, "run": str(time.process_time_ns())} for labels in alerts]
    begin = time.process_time()
    for labels in fresh:
        desk.muted_by(labels, NOW)
    return (time.process_time() - begin) / len(fresh) * 1e6
