"""Native histograms in a result: an alert rule takes them as Prometheus does, in a batch as well as alone."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
import yaml
from aiohttp import web

from alerting.metrics.port import Sample, Vector
from alerting.metrics.prometheus import PrometheusSource
from alerting.rules.ask import Asker
from alerting.rules.expression import parse_expression
from tests.contracts.prometheus.promtool import version
from tests.fakes.prometheus import PrometheusServer

EXPOSED = """# TYPE wait histogram
wait_bucket{le="0.1"} 3
wait_bucket{le="1"} 5
wait_bucket{le="+Inf"} 6
wait_sum 4.5
wait_count 6
"""


class HistogramPrometheus(PrometheusServer):
    """Makes native histograms of the classic ones it scrapes."""

    def _configure(self, room: Path) -> None:
        super()._configure(room)
        path = room / "prometheus.yml"
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
        settings["scrape_configs"][0]["convert_classic_histograms_to_nhcb"] = True
        path.write_text(yaml.safe_dump(settings), encoding="utf-8")


@pytest.fixture
async def target() -> AsyncIterator[str]:
    async def metrics(_: web.Request) -> web.Response:
        return web.Response(text=EXPOSED)

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_a_native_histogram_is_zero_and_says_what_it_is(target: str) -> None:
    if version() < (3,):
        pytest.skip("Prometheus 2 makes no native histograms of classic ones")
    texts = ["wait", "wait * 2", "up", "histogram_count(wait) > 5", "1"]
    async with HistogramPrometheus(targets=[target]) as server, aiohttp.ClientSession() as session:
        source = PrometheusSource(session, server.url)
        await until_scraped(source)
        now, long = datetime.now(UTC), timedelta(seconds=5)
        parsed = [parse_expression(text) for text in texts]
        together = await Asker(source, timeout=long).ask(parsed, now)
        for one in parsed:
            alone = await Asker(source, timeout=long).ask([one], now)
            assert shown(together[one.text]) == shown(alone[one.text]), one.text
    assert [marked(together[text]) for text in texts] == [[True], [True], [False], [False], [False]]


async def until_scraped(source: PrometheusSource) -> None:
    for _ in range(400):
        answer = await source.instant("wait")
        if isinstance(answer, Vector) and answer.samples:
            return
        await asyncio.sleep(0.05)
    pytest.fail("nothing was scraped")


def marked(answer: object) -> list[bool]:
    assert isinstance(answer, tuple)
    return [one.histogram for one in answer if isinstance(one, Sample)]


def shown(answer: object) -> list[tuple[list[tuple[str, str]], float, bool]]:
    assert isinstance(answer, tuple)
    return [(sorted(one.labels.items()), one.value, one.histogram) for one in answer]
