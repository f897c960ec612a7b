"""A Prometheus server (or what speaks its query API) as a source of metrics.

No compression is asked for: packing an answer costs Prometheus more than evaluating a batch of rules.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, NoReturn

import aiohttp
import msgspec

from alerting.errors import BadQuery, PermanentFailure, QueryTimeout, TemporaryFailure
from alerting.metrics.duration import format_duration
from alerting.metrics.port import Sample, Scalar, Vector

_HEADERS: Final = {"Accept-Encoding": "identity", "Accept": "application/json"}
_QUERY_ERRORS: Final = frozenset({400, 413, 422})
_REFUSED: Final = frozenset({401, 403})

Point = tuple[float, str]


class _Series(msgspec.Struct):
    metric: dict[str, str]
    value: Point | None = None


class _Data(msgspec.Struct, rename="camel"):
    result_type: str
    result: msgspec.Raw


class _Answer(msgspec.Struct, rename="camel"):
    status: str
    data: _Data | None = None
    error: str = ""
    error_type: str = ""


_decode_answer = msgspec.json.Decoder(_Answer).decode
_decode_vector = msgspec.json.Decoder(list[_Series]).decode
_decode_point = msgspec.json.Decoder(Point).decode


class PrometheusSource:
    """Instant queries over a session shared with others; answers above `max_bytes` are refused."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        max_bytes: int = 32 * 1024 * 1024,
    ) -> None:
        self._session = session
        self._url = url.rstrip("/")
        self._headers = {**(headers or {}), **_HEADERS}
        self._max_bytes = max_bytes

    async def instant(
        self, expr: str, at: datetime | None = None, timeout: timedelta = timedelta(seconds=30)
    ) -> Vector | Scalar:
        """See `Metrics.instant`; `timeout` is told to the server and kept by us."""
        form = {"query": expr, "timeout": format_duration(max(timeout, timedelta(milliseconds=1)))}
        if at is not None:
            form["time"] = f"{at.timestamp():.3f}"
        limit = aiohttp.ClientTimeout(total=timeout.total_seconds())
        try:
            async with self._session.post(
                f"{self._url}/api/v1/query", data=form, headers=self._headers, timeout=limit
            ) as response:
                body = await self._read(response)
        except TimeoutError as gone:
            raise QueryTimeout(f"{self._url} gave no answer within {format_duration(timeout)}") from gone
        except (aiohttp.ClientError, OSError) as broken:
            raise TemporaryFailure(f"{self._url} cannot be reached: {broken}") from broken
        if response.status != 200:
            self._refuse(response.status, response.headers, body)
        return self._answer(body)

    async def ready(self) -> bool:
        """See `Metrics.ready`."""
        limit = aiohttp.ClientTimeout(total=5)
        try:
            async with self._session.get(f"{self._url}/-/ready", headers=self._headers, timeout=limit) as response:
                return response.status == 200
        except (TimeoutError, aiohttp.ClientError, OSError):
            return False

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > self._max_bytes:
                raise BadQuery(
                    f"the answer is larger than {self._max_bytes} bytes",
                    "aggregate or narrow the query",
                )
        return bytes(body)

    def _refuse(self, status: int, headers: Mapping[str, str], body: bytes) -> NoReturn:
        said, kind = self._message(status, body)
        if status == 429 or status >= 500:
            wait = headers.get("Retry-After", "")
            after = timedelta(seconds=int(wait)) if wait.isdecimal() else None
            raise (QueryTimeout if kind == "timeout" else TemporaryFailure)(said, after)
        if status in _QUERY_ERRORS:
            raise BadQuery(said, "correct the query")
        if status in _REFUSED:
            raise PermanentFailure(said, f"give credentials that {self._url} accepts")
        raise PermanentFailure(said, f"check that {self._url} is the address of a Prometheus server")

    def _message(self, status: int, body: bytes) -> tuple[str, str]:
        try:
            answer = _decode_answer(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            shown = body[:200].decode(errors="replace").strip()
            return f"{self._url} answered {status}: {shown or 'nothing'}", ""
        return f"{answer.error_type}: {answer.error}", answer.error_type

    def _answer(self, body: bytes) -> Vector | Scalar:
        try:
            return _read_answer(body)
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as wrong:
            raise TemporaryFailure(f"{self._url} sent an answer that is not Prometheus' format: {wrong}") from wrong


def _read_answer(body: bytes) -> Vector | Scalar:
    answer = _decode_answer(body)
    if answer.status != "success" or answer.data is None:
        raise ValueError(f'status is "{answer.status}", data is {"there" if answer.data else "missing"}')
    match answer.data.result_type:
        case "vector":
            return Vector(tuple(_sample(series) for series in _decode_vector(answer.data.result)))
        case "scalar":
            timestamp, value = _decode_point(answer.data.result)
            return Scalar(float(value), timestamp)
        case "matrix" | "string" as other:
            raise BadQuery(f"the result is a {other}", "ask for a vector or a scalar")
        case other:
            raise ValueError(f'resultType is "{other}"')


def _sample(series: _Series) -> Sample:
    if series.value is None:
        return Sample(series.metric, 0.0)
    timestamp, value = series.value
    return Sample(series.metric, float(value), timestamp)
