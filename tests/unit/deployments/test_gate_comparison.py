"""A comparison as a gate: what it asks, when it looks, and that it never passes for want of answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from engine.catalog import Environment, EnvironmentName, Version
from engine.commands import Deploy
from engine.deployments.action import Observation
from engine.deployments.compare import Counts
from engine.deployments.deployment import Deployment, DeploymentId, Measurement, Outcome, Purpose, State, Verdict
from engine.deployments.events import ProgressSeen, event_data, parse_event
from engine.deployments.gates import Gates
from engine.deployments.plan import make_plan
from engine.errors import EngineError, TemporaryFailure
from engine.ports import Artifact, MetricSample, TrafficReading
from engine.strategy_specs import CanaryStep, CompareSpec, GateSpec
from tests.fakes.durable import VirtualClock
from tests.fakes.hooks import FakeHooks
from tests.unit.deployments.test_gates import Alerts
from tests.unit.deployments.world import ANN, CANARY, SECOND, Town, World

NOW = VirtualClock().at
FREE = Environment(EnvironmentName("production"))
NOTHING = Observation((), TrafficReading({}, (), 0, 0))
SPEC = CompareSpec(errors='errors{v="{version}"}[{window}]', requests='requests{v="{version}"}[{window}]')
TIMED = replace(SPEC, latency='p95{v="{version}"}')
GATE = GateSpec(name="like stable", kind="comparison", compare=SPEC)
STEPS = (CanaryStep(10, 60 * SECOND), CanaryStep(50, 60 * SECOND), CanaryStep(100, 5 * SECOND))


@dataclass
class Counters:
    """A metrics server that knows `errors`, `requests` and `p95` of each version."""

    v1: Mapping[str, float] = field(default_factory=dict)
    v2: Mapping[str, float] = field(default_factory=dict)
    failure: EngineError | None = None
    asked: list[str] = field(default_factory=list)

    async def instant(self, query: str, at: datetime) -> Sequence[MetricSample]:
        self.asked.append(query)
        if self.failure:
            raise self.failure
        known = self.v2 if '"v2"' in query else self.v1
        value = known.get(query.partition("{")[0])
        return [] if value is None else [MetricSample({}, value)]


def seen(errors: float, requests: float, p95: float | None = None) -> dict[str, float]:
    return {"errors": errors, "requests": requests} | ({} if p95 is None else {"p95": p95})


def canary(spec: CompareSpec = SPEC, *, weight: int = 10, previous: str | None = "v1", **more: Any) -> Deployment:
    gate = replace(GATE, compare=spec)
    world = World(VirtualClock(), strategy=replace(CANARY, steps=STEPS, gates=(gate,), warm_up=timedelta(0)))
    stable = Version(previous) if previous else None
    plan = make_plan(world.place, world.environment, Artifact(Version("v2"), "sha256:2"), stable, now=NOW)
    since = NOW - 30 * SECOND
    made = Deployment(
        DeploymentId("d-1"),
        plan,
        Purpose.DEPLOY,
        ANN,
        NOW,
        state=State.RUNNING,
        step=0,
        weight=weight,
        traffic_at=since - 15 * SECOND,
        step_entered_at=since,
    )
    return replace(made, **more)


async def measure(metrics: Counters, deployment: Deployment, at: datetime = NOW) -> Measurement:
    return (await Gates(metrics, Alerts(), FakeHooks()).measure(deployment, NOTHING, now=at))[0]


def after(deployment: Deployment, measured: Measurement) -> Deployment:
    return replace(deployment, measurements=(measured,), measured_at=measured.at)


async def test_both_versions_are_asked_over_the_same_time() -> None:
    metrics = Counters(seen(9, 900), seen(1, 100))
    await measure(metrics, canary())
    assert sorted(metrics.asked) == [
        'errors{v="v1"}[30s]',
        'errors{v="v2"}[30s]',
        'requests{v="v1"}[30s]',
        'requests{v="v2"}[30s]',
    ]


@pytest.mark.parametrize(
    ("new", "stable", "verdict", "note"),
    [
        (
            seen(1, 100),
            seen(9, 900),
            "pass",
            "v2 1 % errors (1 of 100), v1 1 % errors (9 of 900), p = 0.65, limit 0.0023",
        ),
        (seen(12, 400), seen(7, 3600), "fail", "v2 3 % errors (12 of 400), v1 0.194 % errors (7 of 3,600)"),
        (seen(0, 99), seen(0, 900), "inconclusive", "99 of 100 requests of v2"),
        (seen(0, 0), seen(0, 900), "inconclusive", "0 of 100 requests of v2"),
        (seen(0, 100), seen(0, 99), "inconclusive", "99 of 100 requests of v1"),
        # Significant, but less than half a point worse.
        (seen(400, 100_000), seen(900, 900_000), "pass", "v2 0.4 % errors"),
        # A hard ceiling needs no sample, but five errors.
        (seen(5, 12), seen(0, 100), "fail", "v2 41.7 % errors (5 of 12), more than the ceiling of 20 %."),
        (seen(4, 4), seen(0, 100), "inconclusive", "4 of 100 requests of v2"),
        (seen(4.6, 10.2), {}, "inconclusive", "no data on requests of v1"),
        ({"requests": 500}, seen(0, 900), "inconclusive", "no data on errors of v2; end the query with `or vector(0)`"),
        ({"errors": 0}, seen(0, 900), "inconclusive", "no data on requests of v2"),
        ({}, {}, "inconclusive", "no data on requests of v2"),
        (seen(200, 100), seen(0, 900), "error", "v2 has 200 errors and 100 requests."),
        (seen(-1, 100), seen(0, 900), "error", "The errors of v2 are -1."),
    ],
)
async def test_verdicts(new: dict[str, float], stable: dict[str, float], verdict: str, note: str) -> None:
    measured = await measure(Counters(stable, new), canary())
    assert (measured.verdict, note in measured.note) == (verdict, True), measured.note


async def test_a_measurement_tells_everything_it_stands_on() -> None:
    measured = await measure(Counters(seen(7, 3600), seen(12, 400)), canary())
    assert measured.query == 'errors{v="v2"}[30s]'
    assert (measured.value, measured.samples, measured.unit) == (0.03, 400, "ratio")
    assert measured.threshold == "at most 0.5 points above stable"
    compared = measured.compared
    assert compared is not None
    assert (compared.new, compared.stable) == (Counts(12, 400), Counts(7, 3600))
    assert compared.chance is not None
    assert compared.chance < (compared.level or 0)


async def test_what_is_written_is_read_back_and_older_facts_too() -> None:
    measured = await measure(Counters(seen(7, 3600, 0.1), seen(12, 400, 0.2)), canary(TIMED))
    fact = ProgressSeen((measured,), (), 1, 0)
    data = msgspec.json.decode(msgspec.json.encode(event_data(fact)))
    assert parse_event("ProgressSeen", data) == fact
    whole = after(canary(TIMED), measured)
    assert msgspec.convert(msgspec.json.decode(msgspec.json.encode(whole)), Deployment) == whole
    for name in ("compared", "ask_after"):
        del data["measurements"][0][name]
    older = parse_event("ProgressSeen", data)
    assert isinstance(older, ProgressSeen)
    assert older.measurements[0] == replace(measured, compared=None)


async def test_between_two_looks_the_last_one_stands() -> None:
    first = await measure(Counters(seen(9, 900), seen(1, 100)), canary())
    one = after(canary(), first)
    # Worse now, but not enough more to look again: what would be looked at every two seconds would be found.
    second = await measure(Counters(seen(9, 1250), seen(10, 149)), one, NOW + 2 * SECOND)
    assert (second.verdict, second.compared and second.compared.looks) == (Verdict.PASS, 1)
    third = await measure(Counters(seen(9, 1300), seen(10, 150)), after(one, second), NOW + 4 * SECOND)
    assert (third.verdict, third.compared and third.compared.looks) == (Verdict.FAIL, 2)


async def test_the_end_of_the_dwell_is_looked_at_once() -> None:
    metrics = Counters(seen(9, 900), seen(1, 101))
    one = after(canary(), await measure(Counters(seen(9, 900), seen(1, 100)), canary()))
    over = NOW + 30 * SECOND
    ended = await measure(metrics, one, over)
    again = await measure(metrics, after(one, ended), over + 2 * SECOND)
    assert [one.compared and one.compared.looks for one in (ended, again)] == [2, 2]
    extended = replace(after(one, again), step_extended=True)
    at_last = await measure(metrics, extended, over + 60 * SECOND)
    assert (at_last.compared and at_last.compared.looks) == 3


@pytest.mark.parametrize("failure", [TemporaryFailure("Prometheus is away."), None])
async def test_looks_stay_taken_when_nobody_answers(failure: EngineError | None) -> None:
    one = after(canary(), await measure(Counters(seen(9, 900), seen(1, 100)), canary()))
    away = await measure(Counters(failure=failure), one)
    assert away.verdict is (Verdict.ERROR if failure else Verdict.INCONCLUSIVE)
    assert (away.compared and away.compared.looks) == 1


async def test_what_comes_in_the_warm_up_takes_no_look() -> None:
    cold = canary()
    cold = replace(cold, plan=replace(cold.plan, strategy=replace(cold.plan.strategy, warm_up=60 * SECOND)))
    measured = await measure(Counters(seen(0, 3600), seen(300, 400)), cold)
    assert (measured.verdict, measured.note, measured.compared) == (Verdict.INCONCLUSIVE, "warming up", None)


@pytest.mark.parametrize(
    ("latency", "stable", "verdict", "note"),
    [
        (0.149, 0.1, "pass", "p = "),
        (0.151, 0.1, "inconclusive", "v2 takes 151 ms, v1 100 ms, too slow at the last look; another one decides"),
        (None, 0.1, "inconclusive", "no latency of v2"),
        (0.1, None, "inconclusive", "no latency of v1"),
    ],
)
async def test_latency(latency: float | None, stable: float | None, verdict: str, note: str) -> None:
    measured = await measure(Counters(seen(0, 900, stable), seen(0, 100, latency)), canary(TIMED))
    assert (measured.verdict, note in measured.note) == (verdict, True), measured.note


async def test_two_slow_looks_in_a_row_fail_and_a_good_one_between_forgives() -> None:
    slow, well = Counters(seen(0, 900, 0.1), seen(0, 100, 0.2)), Counters(seen(0, 1400, 0.1), seen(0, 150, 0.1))
    one = after(canary(TIMED), await measure(slow, canary(TIMED)))
    assert (await measure(slow, one)).verdict is Verdict.INCONCLUSIVE
    still = await measure(Counters(seen(0, 1400, 0.1), seen(0, 150, 0.2)), one)
    assert (still.verdict, still.note) == (
        Verdict.FAIL,
        "v2 takes 200 ms, v1 100 ms: more than 1.5 times as long at 2 looks in a row.",
    )
    better = await measure(well, one)
    assert (better.verdict, better.compared and better.compared.slow) == (Verdict.PASS, 0)


async def test_a_ceiling_of_latency_needs_no_stable_version() -> None:
    spec = replace(TIMED, latency_ceiling=timedelta(milliseconds=500))
    measured = await measure(Counters(seen(0, 900, 0.5), seen(0, 100, 0.6)), canary(spec))
    assert (measured.verdict, measured.note) == (Verdict.FAIL, "v2 takes 600 ms, more than the ceiling of 500 ms.")


@pytest.mark.parametrize(("previous", "weight"), [("v1", 100), (None, 100), (None, 10)])
@pytest.mark.parametrize(("errors", "verdict"), [(20, "pass"), (21, "fail")])
async def test_alone_only_the_ceilings_count(previous: str | None, weight: int, errors: int, verdict: str) -> None:
    metrics = Counters({}, seen(errors, 100))
    measured = await measure(metrics, canary(weight=weight, previous=previous))
    assert measured.verdict == verdict
    assert metrics.asked == ['requests{v="v2"}[45s]', 'errors{v="v2"}[45s]']


async def test_a_gate_without_its_queries_is_an_error() -> None:
    made = canary()
    gates = (replace(GATE, compare=None),)
    bare = replace(made, plan=replace(made.plan, strategy=replace(made.plan.strategy, gates=gates)))
    assert (await measure(Counters(), bare)).note.startswith("Gate 'like stable' does not say what to compare.")


@dataclass
class Traffic:
    """Ten requests a second to the new version and ninety to the stable one, errors by `ratio`."""

    ratio: Mapping[str, float]

    async def instant(self, query: str, at: datetime) -> Sequence[MetricSample]:
        version = "v2" if '"v2"' in query else "v1"
        window = float(query.partition("[")[2].removesuffix("s]") or 0)
        requests = window * (10 if version == "v2" else 90)
        return [MetricSample({}, requests * (self.ratio[version] if query.startswith("errors") else 1))]


async def roll(ratio: Mapping[str, float], *, stops: int = 1) -> tuple[Deployment, list[Measurement]]:
    """The deployment at its end and all that was measured; its gates start anew `stops` times on the way."""
    town = Town(strategy=replace(CANARY, steps=STEPS, gates=(GATE,)), instances=1, environment=FREE)
    town.settle()
    deployment = await town.desk.deploy(town.ask(Deploy("shop", "v2", "production")), ANN)
    for _ in range(stops):
        town.drive._gates = Gates(Traffic(ratio), town.world, FakeHooks())
        await town.run(200 / stops)
    events = await town.log.read(f"deployment/{deployment.id}")
    facts = [parse_event(one.type, one.data) for one in events]
    found = [one for fact in facts if isinstance(fact, ProgressSeen) for one in fact.measurements]
    return await town.at(deployment), found


async def test_a_worse_canary_goes_back_and_one_as_good_goes_through() -> None:
    bad, measured = await roll({"v1": 0.002, "v2": 0.03})
    assert (bad.state, bad.outcome) == (State.ROLLED_BACK, Outcome.GATE_FAILED)
    assert "more than 0.5 % worse, p = " in bad.reason
    good, measured = await roll({"v1": 0.012, "v2": 0.012})
    assert good.state is State.SUCCEEDED
    assert {one.verdict for one in measured} == {Verdict.PASS}


async def test_a_restart_forgets_no_look() -> None:
    ratio = {"v1": 0.012, "v2": 0.012}
    _, whole = await roll(ratio)
    _, parts = await roll(ratio, stops=40)
    looks = [[(one.at, one.compared.looks) for one in found if one.compared] for found in (whole, parts)]
    assert looks[0] == looks[1]
    assert max(count for _, count in looks[0]) >= 5
