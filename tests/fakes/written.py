"""A place to write series to, in memory."""

import struct
from collections.abc import Sequence
from datetime import datetime

from alerting.errors import AlertingError, PermanentFailure
from alerting.metrics.port import Sample, Vector
from alerting.metrics.remote_write import STALE, Series

_STALE = struct.pack("<d", STALE)


class WrittenSeries:
    """Takes what is written and answers for it. With a `failure` nothing is taken; `refused` metrics never are."""

    def __init__(self) -> None:
        self.points: dict[frozenset[tuple[str, str]], dict[float, float]] = {}
        self.failure: AlertingError | None = None
        self.refused: set[str] = set()
        self.writes = 0

    async def write(self, series: Sequence[Series]) -> None:
        self.writes += bool(series)
        if self.failure is not None:
            raise self.failure
        bad = [one for one in series if one.labels["__name__"] in self.refused]
        for one in series:
            if one not in bad:
                points = self.points.setdefault(frozenset(one.labels.items()), {})
                points.update((point.timestamp, point.value) for point in one.samples)
        if bad:
            raise PermanentFailure(f"out of order sample for {bad[0].labels}", "see which series it names")

    def vector(self, name: str, at: datetime) -> Vector:
        """What a query for the metric finds at the time."""
        found = []
        for labels, points in self.points.items():
            times = [time for time in points if at.timestamp() - 300 < time <= at.timestamp()]
            if dict(labels)["__name__"] == name and times and not _is_stale(points[max(times)]):
                found.append(Sample(dict(labels), points[max(times)], at.timestamp()))
        return Vector(tuple(found))

    def names(self, at: datetime) -> list[str]:
        """The metrics that a query finds something of at the time, a name for each series."""
        every = {dict(labels)["__name__"] for labels in self.points}
        return sorted(name for name in every for _ in self.vector(name, at).samples)


def _is_stale(value: float) -> bool:
    return struct.pack("<d", value) == _STALE
