"""A Prometheus server (or what speaks its query API) as a source of metrics.

No compression is asked for: packing an answer costs Prometheus more than evaluating a batch of rules.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Final, NoReturn
from urllib.parse import quote_plus

import aiohttp
import msgspec

from alerting.errors import BadQuery, PermanentFailure, QueryTimeout, TemporaryFailure
from alerting.metrics.duration import format_duration
from alerting.metrics.interned import InternedLabels
from alerting.metrics.port import Sample, Scalar, Vector

_HEADERS: Final = {
    "Accept-Encoding": "identity",
    "Accept": "application/json",
    "Content-Type": "application/x-www-form-urlencoded",
}
_QUERY_ERRORS: Final = frozenset({400, 413, 422})
_REFUSED: Final = frozenset({401, 403})
_AHEAD: Final = timedelta(minutes=1)
_OF_PROMQL: Final = ("PromQL warning:", "PromQL info:")

Point = tuple[float, str]


class _Series(msgspec.Struct):
    metric: msgspec.Raw
    value: Point | None = None


class _Data(msgspec.Struct, rename="camel"):
    result_type: str
    result: msgspec.Raw


class _Answer(msgspec.Struct, rename="camel"):
    status: str
    data: _Data | None = None
    error: str = ""
    error_type: str = ""
    warnings: list[str] | None = None
    is_partial: bool = False


_decode_answer = msgspec.json.Decoder(_Answer).decode
_decode_vector = msgspec.json.Decoder(list[_Series]).decode
_decode_point = msgspec.json.Decoder(Point).decode
# The same batches are asked at every evaluation, and are long.
_form_value = lru_cache(maxsize=4096)(quote_plus)


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
        self._interned = InternedLabels()

    async def instant(
        self, expr: str, at: datetime | None = None, timeout: timedelta = timedelta(seconds=30)
    ) -> Vector | Scalar:
        """See `Metrics.instant`; `timeout` is told to the server and kept by us.

        An answer that its sender calls partial is a TemporaryFailure, and so is one to a question about the future.
        """
        form = f"query={_form_value(expr)}&timeout={format_duration(max(timeout, timedelta(milliseconds=1)))}"
        if at is not None:
            form += f"&time={at.timestamp():.3f}"
        limit = aiohttp.ClientTimeout(total=timeout.total_seconds())
        try:
            async with self._session.post(
                f"{self._url}/api/v1/query", data=form.encode(), headers=self._headers, timeout=limit
            ) as response:
                body = await self._read(response)
        except TimeoutError as gone:
            raise QueryTimeout(f"{self._url} gave no answer within {format_duration(timeout)}") from gone
        except (aiohttp.ClientError, OSError) as broken:
            raise TemporaryFailure(f"{self._url} cannot be reached: {broken}") from broken
        if response.status != 200:
            self._refuse(response.status, response.headers, body)
        if at is not None:
            self._check_clock(at, response.headers.get("Date", ""))
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
        length = response.content_length
        if length is not None and length <= self._max_bytes:
            return await response.read()
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > self._max_bytes or (length or 0) > self._max_bytes:
                response.close()
                raise BadQuery(
                    f"the answer is larger than {self._max_bytes} bytes",
                    "aggregate or narrow the query",
                )
        return bytes(body)

    def _check_clock(self, at: datetime, date: str) -> None:
        """In the future nothing is there yet: an empty answer would look like the end of every alert."""
        try:
            theirs = parsedate_to_datetime(date).astimezone(UTC)
        except ValueError:
            return
        if at - theirs > _AHEAD:
            raise TemporaryFailure(
                f"asked about {at:%Y-%m-%d %H:%M:%S} UTC, when the clock of {self._url} said {theirs:%H:%M:%S}",
                remedy="set the clocks of both machines",
            )

    def _refuse(self, status: int, headers: Mapping[str, str], body: bytes) -> NoReturn:
        said, kind, error = self._message(status, body)
        if status == 429 or status >= 500:
            wait = headers.get("Retry-After", "")
            after = timedelta(seconds=int(wait)) if wait.isdecimal() else None
            raise (QueryTimeout if kind == "timeout" else TemporaryFailure)(said, after)
        if status in _QUERY_ERRORS:
            # As a Prometheus that evaluates the rule itself would tell it.
            raise BadQuery(error.removeprefix('invalid parameter "query": ') or said)
        if status in _REFUSED:
            raise PermanentFailure(said, f"give credentials that {self._url} accepts")
        raise PermanentFailure(said, f"check that {self._url} is the address of a Prometheus server")

    def _message(self, status: int, body: bytes) -> tuple[str, str, str]:
        """What to tell, the type of the error and its own text."""
        try:
            answer = _decode_answer(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            shown = body[:200].decode(errors="replace").strip()
            return f"{self._url} answered {status}: {shown or 'nothing'}", "", ""
        return f"{answer.error_type}: {answer.error}", answer.error_type, answer.error

    def _answer(self, body: bytes) -> Vector | Scalar:
        try:
            answer = _decode_answer(body)
            self._check_whole(answer)
            return _result(answer, self._interned)
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as wrong:
            raise TemporaryFailure(f"{self._url} sent an answer that is not Prometheus' format: {wrong}") from wrong

    def _check_whole(self, answer: _Answer) -> None:
        """What could not be read somewhere must not look as if it were not there."""
        lacks = [one for one in answer.warnings or () if not one.startswith(_OF_PROMQL)]
        if answer.is_partial or lacks:
            raise TemporaryFailure(f"{self._url} sent a part of the answer: {'; '.join(lacks) or 'isPartial'}")


def _result(answer: _Answer, interned: InternedLabels) -> Vector | Scalar:
    if answer.status != "success" or answer.data is None:
        raise ValueError(f'status is "{answer.status}", data is {"there" if answer.data else "missing"}')
    match answer.data.result_type:
        case "vector":
            return Vector(tuple(_sample(series, interned) for series in _decode_vector(answer.data.result)))
        case "scalar":
            timestamp, value = _decode_point(answer.data.result)
            return Scalar(float(value), timestamp)
        case "matrix" | "string" as other:
            raise BadQuery(f"the result is a {other}", "ask for a vector or a scalar")
        case other:
            raise ValueError(f'resultType is "{other}"')


def _sample(series: _Series, interned: InternedLabels) -> Sample:
    labels = interned.labels(bytes(series.metric))
    if series.value is None:
        return Sample(labels, 0.0, histogram=True)
    timestamp, value = series.value
    return Sample(labels, float(value), timestamp)
