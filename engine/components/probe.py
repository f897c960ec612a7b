"""Asks an instance whether it is well, over HTTP."""

from __future__ import annotations

from types import TracebackType
from typing import Final, Protocol, Self

import aiohttp

from engine.catalog import HealthCheck
from engine.components.health import Outcome
from engine.patience import patience

_ENDLESS: Final = aiohttp.ClientTimeout()  # the limit is ours


class Probe(Protocol):
    """Asks once. Never raises for what the instance does or does not answer: that is the outcome."""

    async def check(self, address: str, check: HealthCheck) -> Outcome: ...


class HttpProbe:
    """`GET http://address/path` on a connection of its own; well is a 2xx within the timeout. Use with `async with`.

    A time in which our own loop was busy does not use the timeout up: it says nothing about the instance.
    """

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        # A kept connection would go on answering after the instance has stopped to accept new ones.
        connector = aiohttp.TCPConnector(force_close=True, limit=0)
        self._session = aiohttp.ClientSession(connector=connector, headers={"User-Agent": "pilothouse-health"})
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def check(self, address: str, check: HealthCheck) -> Outcome:
        """Ask the instance at `address` (`host:port`). Raises RuntimeError outside of `async with`."""
        if self._session is None:
            raise RuntimeError("HttpProbe is used outside of its `async with`")
        url = f"http://{address}{check.path}"
        try:
            async with (
                patience(check.timeout),
                self._session.get(url, timeout=_ENDLESS, allow_redirects=False) as answer,
            ):
                return _judged(answer.status, check.path)
        except TimeoutError:
            seconds = check.timeout.total_seconds()
            return Outcome(well=False, reason=f"{check.path} did not answer within {seconds:g} s.")
        except (aiohttp.ClientError, OSError) as error:
            return Outcome(well=False, reason=f"{check.path} could not be asked: {error}.")


def _judged(status: int, path: str) -> Outcome:
    if 200 <= status < 300:
        return Outcome(well=True)
    return Outcome(well=False, reason=f"{path} answered {status}.")
