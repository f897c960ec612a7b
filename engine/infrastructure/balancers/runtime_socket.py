"""HAProxy's runtime socket: one command a connection, the whole answer until HAProxy closes it.

The commands are those of the HAProxy 2.6 Management Guide, section 9.3.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from engine.errors import EngineError, PermanentFailure, TemporaryFailure
from engine.targets import Haproxy

_ANSWER: Final = timedelta(seconds=5)
_RETRY: Final = timedelta(seconds=1)
_TCP: Final = re.compile(r"(?P<host>[^/\s]+):(?P<port>[0-9]{1,5})")
_NO_BACKEND: Final = ("No such backend", "Can't find backend", "No such proxy")


@dataclass(frozen=True, slots=True)
class Command:
    """One line for HAProxy. An answer fits when it is empty or has one of `fine` in it."""

    text: str
    fine: tuple[str, ...] = ()


class RuntimeSocket:
    """The socket of one HAProxy. Raises TemporaryFailure when it is away or hangs."""

    def __init__(self, haproxy: Haproxy) -> None:
        self._haproxy = haproxy

    async def ask(self, text: str) -> str:
        """What HAProxy answers to a command that shows something."""
        answer = await self._exchange(text)
        if refusal := _refusal(self._haproxy, text, answer):
            raise refusal
        return answer

    async def tell(self, command: Command) -> None:
        """Have a command done. Raises PermanentFailure with HAProxy's words when it refuses."""
        answer = (await self.ask(command.text)).strip()
        if not answer or any(words in answer for words in command.fine):
            return
        if "No such server" in answer:
            raise TemporaryFailure(
                f"{self._haproxy.backend} of HAProxy lost a server while it was told: `{command.text}`.",
                "It is told again.",
                retry_after=_RETRY,
            )
        raise PermanentFailure(f"HAProxy refuses `{command.text}`: {answer}", "See the HAProxy part of the manual.")

    async def _exchange(self, text: str) -> str:
        try:
            async with asyncio.timeout(_ANSWER.total_seconds()):
                return await self._over(text)
        except PermissionError as error:
            raise PermanentFailure(
                f"HAProxy's socket {self._haproxy.socket} may not be used: {error.strerror}.",
                "Give the user that runs Pilothouse the right to it: `stats socket … mode 660 group …`.",
            ) from error
        except TimeoutError as error:
            raise self._away(f"no answer within {_ANSWER.total_seconds():g} s") from error
        except OSError as error:
            raise self._away(error.strerror or str(error)) from error

    async def _over(self, text: str) -> str:
        reader, writer = await self._connect()
        try:
            writer.write(f"{text}\n".encode())
            await writer.drain()
            return (await reader.read(-1)).decode(errors="replace")
        finally:
            writer.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        address = self._haproxy.socket
        if tcp := _TCP.fullmatch(address):
            return await asyncio.open_connection(tcp["host"], int(tcp["port"]))
        return await asyncio.open_unix_connection(address)

    def _away(self, words: str) -> TemporaryFailure:
        return TemporaryFailure(
            f"HAProxy does not answer at {self._haproxy.socket}: {words}.",
            "Start HAProxy, or correct `haproxy.socket` in the settings.",
            retry_after=_RETRY,
        )


def _refusal(haproxy: Haproxy, text: str, answer: str) -> EngineError | None:
    """What stands in the way of any command at all."""
    said = answer.strip()
    if said.startswith(_NO_BACKEND):
        return PermanentFailure(
            f"HAProxy has no backend {haproxy.backend!r}.",
            f"Add it to haproxy.cfg and reload: `backend {haproxy.backend}`, `balance roundrobin`, "
            "`option httpchk GET /healthz` with the service's health path.",
        )
    if said.startswith("Permission denied"):
        return PermanentFailure(
            f"HAProxy does not let us do `{text}`.",
            f"Write `stats socket {haproxy.socket} level admin` in the global part of haproxy.cfg.",
        )
    if "dynamic load balancing" in said:
        return PermanentFailure(
            f"Backend {haproxy.backend} cannot take new servers while it runs: {said}",
            "Write `balance roundrobin` or `balance leastconn` there, or `hash-type consistent` beside a hash.",
        )
    if said.startswith("Unknown command"):
        return PermanentFailure(f"This HAProxy does not know `{text}`.", "Use HAProxy 2.6 or newer.")
    return None
