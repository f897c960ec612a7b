"""Writes series into a Prometheus server, or what takes its remote write.

Source of the format: Prometheus Remote-Write 1.0 (a snappy block of the protobuf message WriteRequest), written by
hand, since four kinds of fields need no generated code.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Final, Protocol

import aiohttp
import cramjam

from alerting.errors import PermanentFailure, TemporaryFailure
from alerting.metrics.duration import format_duration
from alerting.metrics.port import Labels

STALE: Final[float] = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
"""The value that ends a series at its time: queries after it no longer find the one before."""

MOST: Final = 2000
"""Series in one request, as many as Prometheus itself sends."""

_HEADERS: Final = {
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}
_SHOWN: Final = 300


@dataclass(frozen=True, slots=True)
class Point:
    """A value at `timestamp`, Unix seconds kept to the millisecond; the value may be NaN, infinite or STALE."""

    timestamp: float
    value: float


class KnownLabels(dict[str, str]):
    """Labels that are written again and again, and are put into bytes once; never changed."""

    __slots__ = ("encoded",)

    encoded: bytes
    """Their part of the message TimeSeries."""

    def __init__(self, labels: Iterable[tuple[str, str]]) -> None:
        super().__init__(labels)
        self.encoded = b"".join(_labels(self))


@dataclass(frozen=True, slots=True)
class Series:
    """Points of one series in the order of time; `labels` hold its name as `__name__`, empty ones are left out."""

    labels: Labels
    samples: Sequence[Point]


class SeriesWriter(Protocol):
    """Where series are written."""

    async def write(self, series: Sequence[Series]) -> None:
        """See `RemoteWriter.write`."""


class RemoteWriter:
    """Writes over a session shared with others; `url` is the whole address, as `http://host/api/v1/write`."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: timedelta = timedelta(seconds=30),
    ) -> None:
        self._session = session
        self._url = url
        self._headers = {**(headers or {}), **_HEADERS}
        self._timeout = timeout

    async def write(self, series: Sequence[Series]) -> None:
        """Write all of it, in as many requests as it takes.

        Raises TemporaryFailure when the same call may work later, and PermanentFailure when the server refuses
        some of it, as points older than what it has; the others of that request may be written then.
        """
        for start in range(0, len(series), MOST):
            await self._send(encode(series[start : start + MOST]))

    async def _send(self, message: bytes) -> None:
        body = bytes(cramjam.snappy.compress_raw(message))
        limit = aiohttp.ClientTimeout(total=self._timeout.total_seconds())
        try:
            async with self._session.post(self._url, data=body, headers=self._headers, timeout=limit) as response:
                said = "" if response.ok else (await response.content.read(_SHOWN)).decode(errors="replace").strip()
        except TimeoutError as gone:
            raise TemporaryFailure(f"{self._url} took no data within {format_duration(self._timeout)}") from gone
        except (aiohttp.ClientError, OSError) as broken:
            raise TemporaryFailure(f"{self._url} cannot be reached: {broken}") from broken
        if not response.ok:
            raise self._refused(response, said)

    def _refused(self, response: aiohttp.ClientResponse, said: str) -> TemporaryFailure | PermanentFailure:
        told = f"{self._url} answered {response.status}: {said or 'nothing'}"
        if response.status == 429 or response.status >= 500:
            wait = response.headers.get("Retry-After", "")
            return TemporaryFailure(told, timedelta(seconds=int(wait)) if wait.isdecimal() else None)
        return PermanentFailure(told, _REMEDIES.get(response.status, "check that it is an address for remote write"))


_REMEDIES: Final = {
    400: "see which series it names",
    401: "give credentials that it accepts",
    403: "give credentials that it accepts",
    404: "start Prometheus with --web.enable-remote-write-receiver, or correct the address",
}


def encode(series: Sequence[Series]) -> bytes:
    """The message WriteRequest: field 1 holds the time series."""
    return b"".join(_field(0x0A, _series(one)) for one in series)


def _series(series: Series) -> bytes:
    """The message TimeSeries: labels in field 1, sorted as the specification wants, and samples in field 2."""
    labels = series.labels
    encoded = labels.encoded if isinstance(labels, KnownLabels) else b"".join(_labels(labels))
    return encoded + b"".join([_field(0x12, _sample(point)) for point in series.samples])


def _labels(labels: Labels) -> Iterator[bytes]:
    for name in sorted(labels):
        if labels[name]:
            yield _field(0x0A, _field(0x0A, name.encode()) + _field(0x12, labels[name].encode()))


def _sample(point: Point) -> bytes:
    """The message Sample: the value in field 1, milliseconds since 1970 in field 2."""
    return struct.pack("<Bd", 0x09, point.value) + b"\x10" + _varint(round(point.timestamp * 1000))


def _field(tag: int, content: bytes) -> bytes:
    return bytes((tag,)) + _varint(len(content)) + content


@lru_cache(maxsize=4096)
def _varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first; a negative number as its 64 bits (two's complement)."""
    left, out = number & 0xFFFFFFFFFFFFFFFF, bytearray()
    while left > 0x7F:
        out.append(left & 0x7F | 0x80)
        left >>= 7
    out.append(left)
    return bytes(out)
