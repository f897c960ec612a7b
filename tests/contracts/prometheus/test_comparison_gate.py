"""The comparison that docs/gates.md shows, asked of a real Prometheus."""

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
import yaml

from alerting.metrics.prometheus import PrometheusSource
from bot.house.bridges import EngineMetrics
from bot.settings.gate_parts import GatePart
from bot.settings.gates import to_gate
from engine.catalog import ServiceName
from engine.deployments.deployment import Measurement, Verdict
from engine.deployments.gates import Gates
from tests.fakes.hooks import FakeHooks
from tests.fakes.prometheus import PrometheusServer
from tests.unit.deployments.test_gate_comparison import NOTHING, NOW, canary
from tests.unit.deployments.test_gates import Alerts

pytestmark = pytest.mark.asyncio(loop_scope="module")

EVERY, LASTS = 5, 120  # seconds between two scrapes, and how long the series are
BUCKETS = (0.1, 0.25, 0.5, 1.0)
# Requests a second, errors a second (None: no series of errors), and the share of requests up to each bucket.
FAST, SLOW = (0.9, 1.0, 1.0, 1.0), (0.2, 0.5, 0.9, 1.0)
WORLD = {
    "worse": {"v1": (90, 0.2, FAST), "v2": (10, 0.4, FAST)},
    "alike": {"v1": (90, 1.0, FAST), "v2": (10, 0.1, FAST)},
    "faultless": {"v1": (90, None, FAST), "v2": (10, None, FAST)},
    "slow": {"v1": (90, None, FAST), "v2": (10, None, SLOW)},
    "unseen": {"v1": (90, None, FAST)},
    "idle": {"v1": (90, None, FAST), "v2": (1, None, FAST)},
}


def example() -> GatePart:
    """The gate of the page, as it stands there."""
    block = re.search(r"```yaml\n(- name: like stable.*?)```", Path("docs/gates.md").read_text(), re.DOTALL)
    assert block
    return GatePart(**yaml.safe_load(block.group(1))[0])


def series() -> str:
    """The world in OpenMetrics text: everything counts evenly until NOW."""
    families = {"http_requests": list(_requests()), "http_request_seconds": list(_latencies())}
    lines = []
    for name, samples in families.items():
        lines += [f"# TYPE {name} {'counter' if name == 'http_requests' else 'histogram'}", *samples]
    return "\n".join([*lines, "# EOF", ""])


def _counted(name: str, labels: str, rate: float) -> Iterator[str]:
    start = NOW.timestamp() - LASTS
    for second in range(0, LASTS + 1, EVERY):
        yield f"{name}{{{labels}}} {rate * second:g} {start + second:.0f}"


def _requests() -> Iterator[str]:
    for service, versions in WORLD.items():
        for version, (rate, errors, _) in versions.items():
            labels = f'service="{service}",version="{version}"'
            yield from _counted("http_requests_total", f'{labels},code="200"', rate - (errors or 0))
            if errors is not None:
                yield from _counted("http_requests_total", f'{labels},code="503"', errors)


def _latencies() -> Iterator[str]:
    for service, versions in WORLD.items():
        for version, (rate, _, shares) in versions.items():
            for bound, share in zip((*BUCKETS, "+Inf"), (*shares, 1.0), strict=True):
                labels = f'service="{service}",version="{version}",le="{bound}"'
                yield from _counted("http_request_seconds_bucket", labels, rate * share)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def metrics() -> AsyncIterator[EngineMetrics]:
    async with PrometheusServer(openmetrics=series()) as server, aiohttp.ClientSession() as session:
        yield EngineMetrics(PrometheusSource(session, server.url))


async def measure(metrics: EngineMetrics, service: str) -> Measurement:
    gate = to_gate(example())
    made = canary(traffic_at=NOW - timedelta(minutes=1), step_entered_at=NOW - timedelta(minutes=1))
    plan = replace(
        made.plan,
        service=ServiceName(service),
        strategy=replace(made.plan.strategy, gates=(gate,), warm_up=timedelta(0)),
    )
    return (await Gates(metrics, Alerts(), FakeHooks()).measure(replace(made, plan=plan), NOTHING, now=NOW))[0]


@pytest.mark.parametrize(
    ("service", "verdict", "note"),
    [
        ("worse", "fail", "v2 4 % errors (24 of 600), v1 0.222 % errors (12 of 5,400): more than 0.5 % worse"),
        ("alike", "pass", "v2 1 % errors (6 of 600), v1 1.11 % errors (60 of 5,400), p = "),
        ("faultless", "pass", "v2 0 % errors (0 of 600), v1 0 % errors (0 of 5,400), p = 1"),
        ("slow", "inconclusive", "v2 takes 750 ms, v1 175 ms, too slow at the last look; another one decides"),
        ("unseen", "inconclusive", "no data on requests of v2"),
        ("idle", "inconclusive", "60 of 100 requests of v2"),
    ],
)
async def test_what_prometheus_counts_is_compared(
    metrics: EngineMetrics, service: str, verdict: str, note: str
) -> None:
    measured = await measure(metrics, service)
    assert (measured.verdict, note in measured.note) == (verdict, True), measured.note


async def test_a_query_that_prometheus_refuses_is_an_error(metrics: EngineMetrics) -> None:
    part = example().model_copy(update={"requests": 'sum(increase(x{version="{version}"}[{window}])'})
    made = canary()
    plan = replace(made.plan, strategy=replace(made.plan.strategy, gates=(to_gate(part),)))
    measured = (await Gates(metrics, Alerts(), FakeHooks()).measure(replace(made, plan=plan), NOTHING, now=NOW))[0]
    assert measured.verdict is Verdict.ERROR
    assert "unclosed left parenthesis" in measured.note
