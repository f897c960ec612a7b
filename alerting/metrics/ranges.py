"""What an expression was worth over a time: range queries for pictures, through the package prometheus-api-client.

The package blocks, so each query runs in a thread; a thread cannot be stopped, so time and bytes are bounded in it.
It costs 0.15 s to import, which is why the first query does that.
"""

from __future__ import annotations

import ast
import asyncio
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from alerting.errors import AlertingError, BadQuery, PermanentFailure, QueryTimeout, TemporaryFailure
from alerting.metrics.duration import format_duration

if TYPE_CHECKING:
    from requests import Response

MOST_SERIES: Final = 50
_QUERY_ERRORS: Final = frozenset({400, 413, 422})
_CHUNK: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Series:
    """One series: its labels, and its values at the times (Unix seconds) where it had one."""

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]


class RangeQueries:
    """Range queries to the Prometheus at `url`; an answer above `max_bytes` is refused."""

    def __init__(
        self, url: str, *, timeout: timedelta = timedelta(seconds=8), max_bytes: int = 16 * 1024 * 1024
    ) -> None:
        self._url = url.rstrip("/")
        self._timeout = timeout
        self._max_bytes = max_bytes
        self._one_by_one = asyncio.Lock()  # a page that is reloaded again and again must not take all threads

    async def range(self, expr: str, start: datetime, end: datetime, step: timedelta) -> Sequence[Series]:
        """The values of `expr` every `step` from `start` to `end`, of the first 50 series.

        Raises BadQuery when Prometheus refuses the query or answers too much, QueryTimeout when it is too slow,
        TemporaryFailure when it cannot be reached, PermanentFailure when it refuses us.
        """
        async with self._one_by_one:
            found = await asyncio.to_thread(self._ask, expr, start, end, step)
        return _series(found)

    def _ask(self, expr: str, start: datetime, end: datetime, step: timedelta) -> Any:
        import requests  # noqa: PLC0415 - see above
        import urllib3  # noqa: PLC0415
        from prometheus_api_client.exceptions import PrometheusApiClientException  # noqa: PLC0415

        try:
            return self._fetch(expr, start, end, step)
        except (requests.Timeout, urllib3.exceptions.TimeoutError) as slow:
            raise self._slow() from slow
        except PrometheusApiClientException as refused:
            raise self._refusal(str(refused)) from refused
        except (requests.JSONDecodeError, KeyError, TypeError) as wrong:
            raise TemporaryFailure(f"{self._url} sent an answer that is not Prometheus' format: {wrong}") from wrong
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as broken:
            raise TemporaryFailure(f"{self._url} cannot be reached: {_cause(broken)}") from broken

    def _fetch(self, expr: str, start: datetime, end: datetime, step: timedelta) -> Any:
        """As the package answers; raises what it and the packages below it raise."""
        import requests  # noqa: PLC0415
        import urllib3  # noqa: PLC0415
        from prometheus_api_client.prometheus_connect import PrometheusConnect  # noqa: PLC0415

        seconds = self._timeout.total_seconds()
        params = {"timeout": format_duration(self._timeout), "limit": str(MOST_SERIES)}
        every = f"{step.total_seconds():.3f}"
        with requests.Session() as session:
            # The environment's proxies are not meant for a Prometheus that is named in the settings.
            session.trust_env = False
            session.stream = True
            session.hooks["response"].append(self._bounded(monotonic() + seconds))
            client = PrometheusConnect(self._url, session=session, retry=urllib3.Retry(0))
            return client.custom_query_range(expr, start, end, every, params=params, timeout=ceil(seconds))

    def _bounded(self, until: float) -> Any:
        """A hook that reads the body within time and bytes before anybody asks for it."""

        def read(response: Response, **_: Any) -> None:
            body = bytearray()
            for chunk in response.raw.stream(_CHUNK, decode_content=True):
                body += chunk
                if len(body) > self._max_bytes:
                    response.close()
                    raise BadQuery(f"the answer is larger than {self._max_bytes} bytes", "aggregate the query")
                if monotonic() > until:
                    response.close()
                    raise self._slow()
            response.raw = io.BytesIO(body)

        return read

    def _slow(self) -> QueryTimeout:
        return QueryTimeout(f"{self._url} gave no answer within {format_duration(self._timeout)}")

    def _refusal(self, told: str) -> AlertingError:
        """The package tells a refusal as `HTTP Status Code 422 (b'{...}')` and in no other way."""
        status, _, body = told.removeprefix("HTTP Status Code ").partition(" ")
        code = int(status) if status.isdecimal() else 0
        said = _said(body) or f"{self._url} answered {status or told[:200]}"
        if code == 429 or code >= 500:
            return TemporaryFailure(said)
        if code in _QUERY_ERRORS:
            return BadQuery(said, "correct the query")
        return PermanentFailure(said, f"check that {self._url} is the address of a Prometheus server")


def _cause(broken: Exception) -> str:
    """The innermost reason, which requests and urllib3 wrap in the whole address."""
    inner = broken.args[0] if broken.args else broken
    return str(getattr(inner, "reason", inner)).rpartition(": ")[2]


def _said(body: str) -> str:
    """What Prometheus said, from the body as Python writes bytes; "" when it said nothing of its own."""
    try:
        answer = json.loads(ast.literal_eval(body))
        return f"{answer['errorType']}: {answer['error']}"
    except (ValueError, SyntaxError, KeyError, TypeError):
        return ""


def _series(found: Any) -> list[Series]:
    try:
        return [Series(dict(one["metric"]), tuple(_points(one.get("values", ())))) for one in found]
    except (AttributeError, KeyError, TypeError, ValueError) as wrong:
        raise TemporaryFailure(f"Prometheus sent series that are none: {wrong!r}") from wrong


def _points(values: Iterable[Any]) -> Iterable[tuple[float, float]]:
    return ((float(at), float(value)) for at, value in values)
