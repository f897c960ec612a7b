"""Canaries by the thousand: how often a comparison gives up a healthy one, and how soon it finds a bad one.

`python -m tests.unit.deployments.gate_simulation` prints the table of docs/gates.md.

Each run is a canary of 10, 50 and 100 percent, `minutes` each, measured as often as a deployment is. What both versions
answer is dealt by chance; what the gate says is what engine/deployments/gates says. Beside it a static threshold on the
same counts: it gives up when more than 1 % of at least 100 requests are errors.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import accumulate, pairwise
from math import erf, log, sqrt
from random import Random
from statistics import median

from engine.deployments.compare import Compared, Counts
from engine.deployments.deployment import Verdict
from engine.deployments.gates.weighing import Names, Sides, weigh
from engine.deployments.judge import MEASURE_EVERY
from engine.strategy_specs import CompareSpec

SEED = 5
RUNS = 300
WEIGHTS = (10, 50, 100)
COMPARED = sum(weight < 100 for weight in WEIGHTS)  # steps in which both versions have traffic
THRESHOLD = 0.01
START = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = Names("v2", "v1")
SPEC = CompareSpec(errors="e", requests="r", latency="l")
# The buckets that clients of Prometheus have by default, in seconds; one more holds the rest.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)


@dataclass(frozen=True)
class Case:
    """Error ratios and median latencies of both versions at `rate` requests a second together.

    `outage` is the error ratio of both from half of the second step on: what both stand on breaks. `within` are the
    requests of the new version in which a bad one has to be found, None for a healthy one.
    """

    name: str
    stable: float
    new: float
    rate: int
    minutes: int = 1
    slower: float = 1.0
    outage: float | None = None
    within: int | None = None

    @property
    def turns(self) -> int:
        """Measurements in a step."""
        return timedelta(minutes=self.minutes) // MEASURE_EVERY

    @property
    def timed(self) -> bool:
        """Whether latencies are dealt too, which takes long."""
        return self.slower != 1.0 or "latency" in self.name


CASES = (
    *(Case("healthy", ratio, ratio, rate) for ratio in (0.001, 0.012, 0.03) for rate in (20, 100, 1000)),
    Case("healthy, what both stand on breaks", 0.002, 0.002, 100, outage=0.04),
    Case("healthy, latency alike", 0.001, 0.001, 20),
    Case("worse", 0.002, 0.03, 20),
    Case("worse", 0.002, 0.03, 20, minutes=5, within=600),
    Case("worse", 0.002, 0.03, 100, within=600),
    Case("worse", 0.002, 0.03, 1000, within=600),
    Case("worse", 0.012, 0.05, 100, within=800),
    Case("worse", 0.012, 0.05, 1000, within=800),
    Case("latency twice as long", 0.001, 0.001, 20, slower=2.0, within=200),
    Case("latency twice as long", 0.001, 0.001, 100, slower=2.0, within=200),
)


HEAD = (
    "New version",
    "Errors, stable → new",
    "Requests/s",
    "Minutes a step",
    "A 99 % threshold gives up",
    "The comparison gives up",
    "After so many requests to it: half, 95 % of the runs",
)
BAD = frozenset({"worse", "latency twice as long"})


@dataclass
class Result:
    """What came of the runs of a case: those given up, by the threshold and by us, and at how many requests."""

    case: Case
    static: int = 0
    given_up_at: list[int] = field(default_factory=list)

    @property
    def given_up(self) -> float:
        return len(self.given_up_at) / RUNS

    @property
    def in_time(self) -> float:
        """The share of runs given up within the requests that the case allows."""
        return sum(at <= (self.case.within or 0) for at in self.given_up_at) / RUNS


@dataclass
class Side:
    """One version: what it answered in this step."""

    dice: Random
    ratio: float
    latency: Callable[[Random, int], Sequence[int]] | None
    requests: int = 0
    errors: int = 0
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))

    def answer(self, count: int) -> None:
        self.requests += count
        self.errors += dealt(self.dice, count, self.ratio)
        if self.latency:
            for bucket in self.latency(self.dice, count):
                self.buckets[bucket] += 1

    def forget(self) -> None:
        self.requests = self.errors = 0
        self.buckets = [0] * (len(BUCKETS) + 1)

    @property
    def counts(self) -> Counts:
        return Counts(self.errors, self.requests)

    @property
    def p95(self) -> float | None:
        return quantile(0.95, self.buckets) if self.latency else 0.1


def dealt(dice: Random, count: int, ratio: float) -> int:
    """How many of `count` are errors: a binomial number."""
    return bisect_left(_binomial(count, ratio), dice.random())


@cache
def _binomial(count: int, ratio: float) -> list[float]:
    """The chance of at most 0, 1, 2 … errors."""
    chances = [(1 - ratio) ** count]
    for k in range(count):
        chances.append(chances[-1] * (count - k) / (k + 1) * ratio / (1 - ratio))
    return list(accumulate(chances))


def latencies(typical: float) -> Callable[[Random, int], Sequence[int]]:
    """Deals buckets of a log-normal latency: median `typical` seconds, sigma 0.5."""
    below = [0.5 * (1 + erf(log(bound / typical) / 0.5 / sqrt(2))) for bound in BUCKETS]
    weights = list(accumulate([below[0], *(b - a for a, b in pairwise(below)), 1 - below[-1]]))
    return lambda dice, count: [bisect_left(weights, dice.random()) for _ in range(count)]


def quantile(share: float, buckets: Sequence[int]) -> float | None:
    """As histogram_quantile() has it: linear within a bucket."""
    total, below = sum(buckets), 0
    for index, count in enumerate(buckets[:-1]):
        if below + count >= share * total and count:
            start = BUCKETS[index - 1] if index else 0.0
            return start + (BUCKETS[index] - start) * (share * total - below) / count
        below += count
    return BUCKETS[-1] if total else None


@dataclass
class Run:
    """One canary."""

    case: Case
    dice: Random
    asked: int = 0  # requests of the new version so far
    static: bool = False
    given_up_at: int | None = None

    def go(self) -> None:
        timed = self.case.timed
        new = Side(self.dice, self.case.new, latencies(0.08 * self.case.slower) if timed else None)
        stable = Side(self.dice, self.case.stable, latencies(0.08) if timed else None)
        for weight in WEIGHTS:
            new.forget()
            stable.forget()
            self.step(weight, new, stable)
            if self.given_up_at is not None:
                new.latency = stable.latency = None  # only the threshold goes on
            if self.given_up_at is not None and self.static:
                return

    def step(self, weight: int, new: Side, stable: Side) -> None:
        before: Compared | None = None
        requests = round(self.case.rate * MEASURE_EVERY.total_seconds())
        shared = requests * weight // 100
        for turn in range(1, self.case.turns + 1):
            if self.case.outage and (weight, turn) == (50, self.case.turns // 2):
                new.ratio = stable.ratio = self.case.outage
            new.answer(shared)
            stable.answer(requests - shared)
            self.asked += shared
            self.static = self.static or (new.requests >= 100 and new.errors > THRESHOLD * new.requests)
            if self.given_up_at is None:
                before = self.look(new, stable if weight < 100 else None, before, turn * MEASURE_EVERY)

    def look(self, new: Side, stable: Side | None, before: Compared | None, at: timedelta) -> Compared:
        sides = Sides(new.counts, stable.counts if stable else None, new.p95, stable.p95 if stable else None)
        over = at >= timedelta(minutes=self.case.minutes)
        found = weigh(
            SPEC,
            sides,
            before,
            names=NAMES,
            steps=COMPARED,
            dwell_over=over,
            now=START + at,
        )
        if found.verdict is Verdict.FAIL:
            self.given_up_at = self.asked
        return found.compared


def simulate(case: Case) -> Result:
    """All runs of a case."""
    dice, result = Random(f"{SEED} {case}"), Result(case)
    for _ in range(RUNS):
        run = Run(case, dice)
        run.go()
        result.static += run.static
        if run.given_up_at is not None:
            result.given_up_at.append(run.given_up_at)
    return result


@cache
def results() -> tuple[Result, ...]:
    """Every case, simulated once."""
    return tuple(simulate(case) for case in CASES)


def render_table(found: Sequence[Result]) -> str:
    """The table of the page on gates."""
    return "\n".join([f"| {' | '.join(HEAD)} |", "|" + "---|" * len(HEAD), *map(_row, found)])


def _row(one: Result) -> str:
    case, at = one.case, sorted(one.given_up_at)
    errors = f"{_percent(case.stable)} → {_percent(case.new)}"
    errors += f", then {_percent(case.outage)} of both" if case.outage else ""
    late = at[-(-RUNS * 95 // 100) - 1] if len(at) >= 0.95 * RUNS else None
    after = f"{median(at):,.0f}, {f'{late:,}' if late else 'not all found'}" if case.name in BAD else "–"
    given_up = f"{_percent(one.static / RUNS)} | {_percent(one.given_up)}"
    return f"| {case.name} | {errors} | {case.rate:,} | {case.minutes} | {given_up} | {after} |"


def _percent(share: float) -> str:
    return f"{share * 100:.1f} %"


if __name__ == "__main__":
    print(render_table(results()))
