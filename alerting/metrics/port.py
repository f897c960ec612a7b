"""What alerting needs of a metrics source, and the shapes of its answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import msgspec

Labels = Mapping[str, str]


# Thousands come with every evaluation; a Struct is made in a fifth of a dataclass' time.
class Sample(msgspec.Struct, frozen=True):
    """One series at one time: `value` may be NaN or infinite, `timestamp` is Unix seconds.

    A native histogram has value 0, as it has for Prometheus' own alert rules, and says that it is one. A source may
    give the same `labels` object for the same series again and again; nobody may change it.
    """

    labels: Labels
    value: float
    timestamp: float = 0.0
    histogram: bool = False


@dataclass(frozen=True, slots=True)
class Vector:
    """The answer to most queries: any number of series, none with the labels of another."""

    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class Scalar:
    """The answer to a query for a single number; `timestamp` is Unix seconds."""

    value: float
    timestamp: float = 0.0


class Metrics(Protocol):
    """A source that answers PromQL."""

    async def instant(
        self, expr: str, at: datetime | None = None, timeout: timedelta = timedelta(seconds=30)
    ) -> Vector | Scalar:
        """Evaluate `expr` at the time `at` (None is the source's now).

        Raises BadQuery when the source refuses the query, PermanentFailure when it refuses us,
        QueryTimeout when it is too slow and TemporaryFailure for everything that may pass.
        """

    async def ready(self) -> bool:
        """Whether the source says it can answer now; False when it cannot be reached."""
