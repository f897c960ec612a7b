"""Prometheus for tests: a real server of the test's own, and a source of metrics in memory."""

import asyncio
import shutil
import socket
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp
import promql_parser as promql
import yaml

from alerting.errors import AlertingError, BadQuery
from alerting.metrics.port import Sample, Scalar, Vector

Answers = Mapping[str, Vector | Scalar | AlertingError]
Answer = Callable[[str, datetime | None], Vector | Scalar]


def vector(*series: tuple[Mapping[str, str], float]) -> Vector:
    """A vector of these labels and values."""
    return Vector(tuple(Sample(dict(labels), value) for labels, value in series))


class FakeMetrics:
    """Answers from a table of expressions (or a function), batches taken apart as Prometheus would.

    `queries` is what was asked, as it was asked, and `asked` is set then. An expression that is not in the table
    has no series. With a `failure` every query raises it; with a `hold` every query waits for it.
    """

    def __init__(self, answers: Answers | Answer) -> None:
        self.answers = answers
        self.queries: list[str] = []
        self.asked = asyncio.Event()
        self.failure: AlertingError | None = None
        self.hold: asyncio.Event | None = None

    async def instant(
        self, expr: str, at: datetime | None = None, timeout: timedelta = timedelta(seconds=30)
    ) -> Vector | Scalar:
        self.queries.append(expr)
        self.asked.set()
        if self.hold is not None:
            await self.hold.wait()
        if self.failure is not None:
            raise self.failure
        try:
            tree = promql.parse(expr)
        except ValueError as wrong:
            raise BadQuery(f"bad_data: {wrong}", "correct the query") from wrong
        return self._value(tree, at)

    async def ready(self) -> bool:
        return self.failure is None

    def _value(self, tree: promql.Expr, at: datetime | None) -> Vector | Scalar:
        match tree:
            case promql.ParenExpr() if _is_batch(tree.expr):
                return self._value(tree.expr, at)
            case promql.BinaryExpr() if _is_batch(tree):
                left, right = self._value(tree.lhs, at), self._value(tree.rhs, at)
                return Vector((*_series(left), *_series(right)))
            case promql.Call() if _is_marked(tree):
                mark, inner = tree.args[2].val, _series(self._value(tree.args[0], at))
                return Vector(tuple(_with_mark(sample, mark) for sample in inner))
            case promql.Call() if tree.func.name == "vector":
                return Vector(_series(self._value(tree.args[0], at)))
            case promql.NumberLiteral():
                return Scalar(tree.val)
            case promql.MatrixSelector() | promql.SubqueryExpr() | promql.StringLiteral():
                raise BadQuery("the result is not a vector or a scalar", "ask for a vector or a scalar")
            case _:
                return self._looked_up(tree.prettify(), at)

    def _looked_up(self, expr: str, at: datetime | None) -> Vector | Scalar:
        if callable(self.answers):
            return self.answers(expr, at)
        table = {promql.parse(known).prettify(): answer for known, answer in self.answers.items()}
        answer = table.get(expr, Vector(()))
        if isinstance(answer, AlertingError):
            raise answer
        return answer


def _is_batch(tree: promql.Expr) -> bool:
    match tree:
        case promql.BinaryExpr():
            return _is_batch(tree.lhs) and _is_batch(tree.rhs)
        case promql.ParenExpr():
            return _is_batch(tree.expr)
        case _:
            return _is_marked(tree)


def _with_mark(sample: Sample, mark: str) -> Sample:
    labels = {**sample.labels, "__rule__": mark.replace("$1", sample.labels.get("__rule__", ""))}
    return Sample(labels, sample.value, sample.timestamp)


def _is_marked(tree: promql.Expr) -> bool:
    return isinstance(tree, promql.Call) and tree.func.name == "label_replace" and tree.args[1].val == "__rule__"


def _series(value: Vector | Scalar) -> tuple[Sample, ...]:
    return value.samples if isinstance(value, Vector) else (Sample({}, value.value, value.timestamp),)


def free_port() -> int:
    """A port of the loopback that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class PrometheusServer:
    """The `prometheus` on PATH, with data and settings of its own; started by `async with`.

    `targets` are scraped at `interval`; `openmetrics` is series to have from the start (OpenMetrics text with
    timestamps); `rules` is the text of a rule file it evaluates itself, every `interval`.
    """

    def __init__(
        self,
        *,
        targets: Sequence[str] = (),
        openmetrics: str = "",
        rules: str = "",
        interval: str = "100ms",
        external_labels: Mapping[str, str] | None = None,
    ) -> None:
        self._targets = targets
        self._openmetrics = openmetrics
        self._rules = rules
        self._interval = interval
        self._external_labels = dict(external_labels or {})
        self._stack = AsyncExitStack()
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            room = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="prometheus-")))
            self._configure(room)
            if self._openmetrics:
                await self._backfill(room)
            process = await self._start(room)
            stack.push_async_callback(_stop, process)
            await self._wait_until_ready(process, room)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def _configure(self, room: Path) -> None:
        (room / "rules.yml").write_text(self._rules or "groups: []\n", encoding="utf-8")
        scrape = {
            "job_name": "test",
            "scrape_interval": self._interval,
            "scrape_timeout": self._interval,
            "static_configs": [{"targets": list(self._targets)}],
        }
        settings = {
            "global": {"evaluation_interval": self._interval, "external_labels": self._external_labels},
            "rule_files": [str(room / "rules.yml")],
            "scrape_configs": [scrape] if self._targets else [],
        }
        (room / "prometheus.yml").write_text(yaml.safe_dump(settings), encoding="utf-8")

    async def _backfill(self, room: Path) -> None:
        source = room / "series.txt"
        source.write_text(self._openmetrics, encoding="utf-8")
        promtool = await asyncio.create_subprocess_exec(
            "promtool", "tsdb", "create-blocks-from", "openmetrics", source, room / "data",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        said, _ = await promtool.communicate()
        if promtool.returncode:
            raise RuntimeError(f"promtool could not make blocks: {said.decode()}")

    async def _start(self, room: Path) -> asyncio.subprocess.Process:
        with (room / "log").open("wb") as log:
            return await asyncio.create_subprocess_exec(
                "prometheus",
                f"--config.file={room / 'prometheus.yml'}",
                f"--storage.tsdb.path={room / 'data'}",
                "--storage.tsdb.retention.time=100y",
                f"--web.listen-address=127.0.0.1:{self.port}",
                "--log.level=warn",
                stdout=log, stderr=log,
            )  # fmt: skip

    async def _wait_until_ready(self, process: asyncio.subprocess.Process, room: Path) -> None:
        deadline = asyncio.get_running_loop().time() + 30
        async with aiohttp.ClientSession() as session:
            while not await _answers(session, f"{self.url}/-/ready"):
                if process.returncode is not None or asyncio.get_running_loop().time() > deadline:
                    raise RuntimeError(f"prometheus did not start: {(room / 'log').read_text()[-2000:]}")
                await asyncio.sleep(0.05)


async def _answers(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as response:
            return response.status == 200
    except aiohttp.ClientError:
        return False


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
    await process.wait()


def missing_tools() -> str | None:
    """Why real Prometheus tests cannot run here; None when they can."""
    lacking = [tool for tool in ("prometheus", "promtool") if shutil.which(tool) is None]
    return f"{' and '.join(lacking)} not on PATH: install the package prometheus" if lacking else None
