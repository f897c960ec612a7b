"""A batch gives each expression what it gets alone: random ones, asked of a real Prometheus both ways."""

import asyncio
import contextlib
import math
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerting.errors import AlertingError, BadQuery
from alerting.metrics.prometheus import PrometheusSource
from alerting.metrics.remote_write import STALE, Point, RemoteWriter, Series
from alerting.rules.ask import Answer, Asker
from alerting.rules.expression import Expression, parse_expression
from tests.fakes.prometheus import missing_tools
from tests.fakes.writable_prometheus import WritablePrometheus

NOW = datetime.now(UTC)
HOSTS = ("a", "b", "c")


def series() -> Iterator[Series]:
    """Gauges, a counter, no numbers, series that ended, and ones with the label that batches are marked with."""
    end = NOW.timestamp()
    for n, host in enumerate(HOSTS):
        labels = {"host": host, "zone": f"z{n % 2}"}
        points = [Point(end - 60 + 15 * step, n + step / 2) for step in range(5)]
        yield Series({"__name__": "load", **labels}, points)
        yield Series({"__name__": "total", **labels}, points)
        yield Series({"__name__": "marked", "__rule__": f"{n};x\ny", **labels}, points)
    yield Series({"__name__": "marked", "host": "d"}, [Point(end, 1.0)])
    yield Series({"__name__": "load", "host": 'no"\\|.ne', "zone": "z1"}, [Point(end, 7.0)])
    yield Series({"__name__": "odd", "host": "a"}, [Point(end, math.nan)])
    yield Series({"__name__": "odd", "host": "b"}, [Point(end, -math.inf)])
    yield Series({"__name__": "ended"}, [Point(end - 20, 1.0), Point(end - 5, STALE)])


metrics = st.sampled_from(["load", "total", "marked", "odd", "ended", "nothing"])
numbers = st.sampled_from(["0", "1", "1.5", "-2", "NaN", "Inf", "1e3"])
selectors = st.builds(
    "{}{}{}".format,
    metrics,
    st.sampled_from(["", "", "{host='a'}", "{host!~'a|b'}", "{__rule__!=''}"]),
    st.sampled_from(["", "", " offset 15s", " # so it is", " @ end()"]),
)
wild = st.sampled_from(["{__name__=~'load|total'}", "{__rule__='0;x\\ny'}", "{host='a'}"])


def larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("{}({}\n)".format, st.sampled_from(["absent", "abs", "-", "scalar", "sort", "timestamp"]), inner),
        st.builds("{} by (zone) ({}\n)".format, st.sampled_from(["sum", "count", "max", "avg"]), inner),
        st.builds("{} without (host) ({}\n)".format, st.sampled_from(["sum", "min"]), inner),
        st.builds("topk(2, {}\n)".format, inner),
        st.builds("vector({})".format, numbers),
        st.builds(
            "({}\n) {} ({}\n)".format, inner, st.sampled_from(["or", "and", "unless", "+", "/", ">", "== bool"]), inner
        ),
        st.builds("({}\n) > {}".format, inner, numbers),
        st.builds("({}\n) or on () ({}\n)".format, inner, inner),
        st.builds("({}\n) * on (zone) group_left () ({}\n)".format, inner, inner),
        st.builds("rate({}[1m])".format, metrics),
        st.builds("max_over_time(({}\n)[30s:15s])".format, inner),
        st.builds("label_replace({}\n, '{}', '$1', 'host', '(.*)')".format, inner, st.sampled_from(["x", "__rule__"])),
        st.builds("label_replace({}\n, 'host', '', '', '')".format, inner),
    )


expressions = st.recursive(st.one_of(selectors, selectors, wild, numbers, st.just("time()")), larger, max_leaves=5)


# Families: the same expression about each host, and about one that is not there.
about_a_host = st.builds(
    "{}{{host='@'{}}}{}".format,
    metrics,
    st.sampled_from(["", "", ", zone='z0'", ", zone!~'z1'", ", __rule__=''"]),
    st.sampled_from(["", "", " offset 15s", " @ end()"]),
)
ALIKE = ("a", "b", "c", 'no"\\\\|.ne')
groupings = st.sampled_from(["", "by (zone)", "by (host, zone)", "without (host)", "without (zone)"])
matchings = st.sampled_from(["", "on (zone)", "on ()", "on (host)", "ignoring (host)", "ignoring (zone)"])


def larger_about_it(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("{}({})".format, st.sampled_from(["absent", "abs", "-", "scalar", "timestamp", "ceil"]), inner),
        st.builds("{} {} ({})".format, st.sampled_from(["sum", "count", "stddev", "group"]), groupings, inner),
        st.builds("{} {} (2, {})".format, st.sampled_from(["topk", "bottomk", "quantile"]), groupings, inner),
        st.builds("count_values {} ('x', {})".format, groupings, inner),
        st.builds(
            "({}) {} {} ({})".format,
            inner,
            st.sampled_from(["or", "and", "unless", "+", "/", ">", "== bool"]),
            matchings,
            inner,
        ),
        st.builds(
            "({}) * {} {} () ({})".format,
            inner,
            st.sampled_from(["on (zone)", "on ()", "ignoring (host)", "on (host)"]),
            st.sampled_from(["group_left", "group_right"]),
            inner,
        ),
        st.builds("({}) > {}".format, inner, numbers),
        st.builds("1 - ({})".format, inner),
        st.builds("({}) or vector(0)".format, inner),
        st.builds("({}) and on (zone) load".format, inner),
        st.builds("rate({}{{host='@'}}[1m])".format, metrics),
        st.builds("max_over_time(({})[30s:15s])".format, inner),
        st.builds("label_replace({}, '{}', '$1', '{}', '(.*)')".format, inner, *[st.sampled_from(["x", "zone"])] * 2),
        st.builds("label_replace({}, 'host', 'q', '', '')".format, inner),
    )


families = st.recursive(about_a_host, larger_about_it, max_leaves=4)


def shown(answer: Answer) -> object:
    """Samples in an order of their own; NaN equals NaN. Which series of several clash is told at random."""
    if isinstance(answer, AlertingError):
        return type(answer), str(answer).partition("{")[0]
    return sorted(f"{sorted(one.labels.items())} {one.value}" for one in answer)


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[asyncio.Runner, WritablePrometheus]]:
    lacking = missing_tools()
    if lacking:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(lacking)
    with asyncio.Runner() as runner:
        prometheus = WritablePrometheus()
        runner.run(prometheus.__aenter__())
        runner.run(write(prometheus))
        yield runner, prometheus
        runner.run(prometheus.__aexit__(None, None, None))


async def write(prometheus: WritablePrometheus) -> None:
    async with aiohttp.ClientSession() as session:
        await RemoteWriter(session, prometheus.write_url).write(list(series()))


def readable(texts: list[str]) -> Iterator[Expression]:
    """Those that may stand in a rule file."""
    for text in texts:
        with contextlib.suppress(ValueError):
            yield parse_expression(text)


async def compare(prometheus: WritablePrometheus, texts: list[str]) -> int:
    """Ask both ways, the batch twice, as it learns from the first time; how many gave something."""
    parsed = list(readable(texts))
    async with aiohttp.ClientSession() as session:
        source, long = PrometheusSource(session, prometheus.url), timedelta(seconds=10)
        asker = Asker(source, timeout=long)
        first, second = [dict(await asker.ask(parsed, NOW)) for _ in range(2)]
        for one in parsed:
            alone = (await Asker(source, timeout=long).ask([one], NOW))[one.text]
            assert shown(first[one.text]) == shown(alone), one.text
            assert shown(second[one.text]) == shown(alone), one.text
    return sum(isinstance(answer, tuple) and bool(answer) for answer in first.values())


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(expressions, min_size=2, max_size=15))
def test_a_batch_agrees_with_single_queries(
    server: tuple[asyncio.Runner, WritablePrometheus], texts: list[str]
) -> None:
    runner, prometheus = server
    runner.run(compare(prometheus, texts))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(families, min_size=1, max_size=4))
def test_those_that_are_alike_agree_with_single_queries(
    server: tuple[asyncio.Runner, WritablePrometheus], family: list[str]
) -> None:
    runner, prometheus = server
    runner.run(compare(prometheus, [text.replace("@'", f"{host}'") for text in family for host in ALIKE]))


TRICKY = [
    "-{__name__=~'load|total'}",  # the same labels twice: an error alone
    "label_replace({__name__=~'load|total'}, '__name__', '', '', '')",
    "load or total",  # two metrics that differ in nothing else
    "{__name__=~'load|total'}",
    "marked",
    "marked{__rule__=''}",
    "count by (__rule__) (marked)",
    "absent(nothing{__rule__='1'})",
    "absent(nothing)",
    "odd",
    "odd == odd",
    "scalar(load)",
    "scalar(load{host='a'})",
    "1 # one",
    "load # as is",
    "load\n# a line\n> 0",
    "vector(NaN)",
    "load + on (zone) load",
    "load + on (host) group_left total",
    "ended",
    "-load",
    "load or load",
    "(load)",
    'label_replace(load, "a", "$1) or (", "host", "(.*)")',
    "load{host='\"'}",
    "quantile(2, load)",
]


def test_what_could_go_wrong_in_a_batch(server: tuple[asyncio.Runner, WritablePrometheus]) -> None:
    runner, prometheus = server
    assert runner.run(compare(prometheus, TRICKY)) > 12


def test_hundreds_of_expressions_at_once(server: tuple[asyncio.Runner, WritablePrometheus]) -> None:
    runner, prometheus = server
    texts = [f"load > {n / 50}" for n in range(150)] + [f"sum(load) / {n}" for n in range(150)] + TRICKY
    begin = time.monotonic()
    assert runner.run(compare(prometheus, texts)) > 200
    assert time.monotonic() - begin < 20


def test_an_error_that_shows_only_alone_is_found(server: tuple[asyncio.Runner, WritablePrometheus]) -> None:
    runner, prometheus = server

    async def ask() -> Answer:
        async with aiohttp.ClientSession() as session:
            asker = Asker(PrometheusSource(session, prometheus.url), timeout=timedelta(seconds=5))
            parsed = [parse_expression(text) for text in ("load", "load + on (zone) load", "total")]
            return (await asker.ask(parsed, NOW))[parsed[1].text]

    assert isinstance(runner.run(ask()), BadQuery)
