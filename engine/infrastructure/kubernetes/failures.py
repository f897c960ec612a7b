"""What the Kubernetes API says no with, by what can be done about it.

TemporaryFailure
├── Conflict     somebody wrote meanwhile (409): read again, then write
└── Gone         this point of the watch is no longer kept (410): list again
PermanentFailure
└── Missing      there is no such object or kind (404)

Classes of answers: https://kubernetes.io/docs/reference/using-api/api-concepts/.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Final, TypeVar

from engine.errors import EngineError, PermanentFailure, TemporaryFailure

_SOON: Final = timedelta(seconds=1)
_ATTEMPTS: Final = 6
_MOMENT: Final = 0.02
_Answer = TypeVar("_Answer")


class Conflict(TemporaryFailure):
    """The object has changed since it was read."""


class Gone(TemporaryFailure):
    """The history from this resource version on is no longer kept."""


class Missing(PermanentFailure):
    """The object, its namespace or its kind does not exist."""


_LATER: Final[Mapping[int, tuple[type[TemporaryFailure], str]]] = {
    409: (Conflict, "Look who else writes to it."),
    410: (Gone, "Read it anew."),
    429: (TemporaryFailure, "The API server limits requests: ask less of it, or raise its limits."),
}
_REMEDIES: Final[Mapping[int, str]] = {
    401: "Renew the credentials in the kubeconfig, or those of the pod's account.",
    403: "Give the account of Pilothouse that right by a Role in the namespace.",
}


def refused(status: int, headers: Mapping[str, str], body: bytes, what: str) -> EngineError:
    """The failure that an answer of `status` means; `what` is the call, such as `patch Deployment a in namespace b`."""
    said = f"Kubernetes refused to {what}: {message_of(body) or f'status {status}'}"
    if status in _LATER:
        kind, remedy = _LATER[status]
        return kind(said, remedy, retry_after=_wait(headers))
    if status >= 500:
        return TemporaryFailure(said, "See whether the API server is well.", retry_after=_wait(headers))
    if status == 404:
        return Missing(said, "Create it, or correct its name or namespace in the settings.")
    return PermanentFailure(said, _REMEDIES.get(status, "Correct what it names in the settings or in the manifest."))


def unreachable(error: Exception, what: str) -> TemporaryFailure:
    """The failure of a call that got no answer."""
    why = "it did not answer in time" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
    return TemporaryFailure(
        f"Kubernetes could not be asked to {what}: {why}.",
        "Check that its API server is up and can be reached from here.",
        retry_after=_SOON,
    )


def message_of(body: bytes) -> str:
    """The API's own sentence of a Status object, with a full stop; what is there when it is none."""
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    said = str(found.get("message") or "") if isinstance(found, dict) else ""
    said = said or body[:300].decode(errors="replace").strip()
    return said if not said or said.endswith(".") else f"{said}."


def _wait(headers: Mapping[str, str]) -> timedelta:
    """Retry-After in seconds, the only form that API servers use."""
    given = headers.get("Retry-After", "")
    return timedelta(seconds=int(given)) if given.isdigit() else _SOON


async def with_fresh_reads(attempt: Callable[[], Awaitable[_Answer]]) -> _Answer:
    """What `attempt` answers; it reads, decides and writes, and is taken again when somebody else wrote in between."""
    for number in range(1, _ATTEMPTS):
        try:
            return await attempt()
        except Conflict:
            # Controllers write the status of what was just changed several times within a moment.
            await asyncio.sleep(number * _MOMENT)
    return await attempt()
