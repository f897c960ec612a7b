"""What the proxy counts of each placement, and its page in Prometheus' text format (version 0.0.4)."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_HEADS: Final = {
    "requests_total": ("counter", "Requests answered, by version and status code."),
    "lost_total": ("counter", "Requests that no instance answered whole."),
    "retries_total": ("counter", "Requests sent again or to another instance, by reason."),
    "preview_requests_total": ("counter", "Requests answered on the preview port, by version and status code."),
    "weight": ("gauge", "Percent of new requests each version gets now."),
    "ready": ("gauge", "Whether the instance passes its health checks (1) or not (0)."),
    "request_seconds": ("histogram", "Time from a request's head to the end of its answer."),
}


@dataclass(slots=True)
class Meters:
    """Counts since the proxy started. Times in seconds."""

    requests: int = 0
    lost: int = 0
    codes: Counter[tuple[str, int]] = field(default_factory=Counter)
    retries: Counter[str] = field(default_factory=Counter)
    previews: Counter[tuple[str, int]] = field(default_factory=Counter)
    buckets: dict[str, list[int]] = field(default_factory=dict)
    sums: dict[str, float] = field(default_factory=dict)

    def count(self, version: str, code: int, seconds: float) -> None:
        """One request is over."""
        self.requests += 1
        self.codes[version, code] += 1
        buckets = self.buckets.get(version)
        if buckets is None:
            buckets = self.buckets[version] = [0] * (len(BOUNDS) + 1)
        buckets[bisect_left(BOUNDS, seconds)] += 1
        self.sums[version] = self.sums.get(version, 0.0) + seconds


@dataclass(frozen=True, slots=True)
class Measured:
    """One placement's numbers at the moment of asking."""

    labels: Mapping[str, str]
    meters: Meters
    weights: Mapping[str, int]
    ready: Mapping[tuple[str, str], bool]


def render(measured: Iterable[Measured]) -> str:
    """The page."""
    everything = tuple(measured)
    lines: list[str] = []
    for name, (kind, text) in _HEADS.items():
        full = f"pilothouse_proxy_{name}"
        lines += (f"# HELP {full} {text}", f"# TYPE {full} {kind}")
        for one in everything:
            lines += (f"{full}{rest}" for rest in _samples(name, one))
    return "\n".join(lines) + "\n"


def _samples(name: str, one: Measured) -> Iterator[str]:
    meters = one.meters
    match name:
        case "requests_total" | "preview_requests_total":
            codes = meters.codes if name == "requests_total" else meters.previews
            return (
                f"{_labels(one, version=of, code=str(code))} {count}" for (of, code), count in sorted(codes.items())
            )
        case "lost_total":
            return iter((f"{_labels(one)} {meters.lost}",))
        case "retries_total":
            return (f"{_labels(one, reason=reason)} {count}" for reason, count in sorted(meters.retries.items()))
        case "weight":
            return (f"{_labels(one, version=version)} {weight}" for version, weight in one.weights.items())
        case "ready":
            found = one.ready.items()
            return (f"{_labels(one, version=of, instance_id=name)} {int(ready)}" for (of, name), ready in found)
        case _:
            return (line for version in sorted(meters.buckets) for line in _histogram(one, version))


def _histogram(one: Measured, version: str) -> Iterator[str]:
    so_far = 0
    for bound, count in zip((*map(str, BOUNDS), "+Inf"), one.meters.buckets[version], strict=True):
        so_far += count
        yield f"_bucket{_labels(one, version=version, le=bound)} {so_far}"
    yield f"_sum{_labels(one, version=version)} {one.meters.sums[version]:.6f}"
    yield f"_count{_labels(one, version=version)} {so_far}"


def _labels(one: Measured, **more: str) -> str:
    pairs = ",".join(f'{name}="{_escape(value)}"' for name, value in {**one.labels, **more}.items())
    return f"{{{pairs}}}"


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
