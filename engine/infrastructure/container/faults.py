"""What an answer of the container engine means for us. Pure.

Docker tells a conflict by 409 and a missing thing by 404; Podman's compatible service says 500 to a taken name and to
a command that does not exist, so those are known by their words.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

from engine.errors import EngineError, PermanentFailure, TemporaryFailure

_RETRY: Final = timedelta(seconds=2)
_UNREACHED: Final = 900  # aiodocker's own status for an engine that cannot be connected to
_BUSY: Final = 429
_NAME_TAKEN: Final = re.compile(r"\bname\b.* already in use")
_NOT_RUNNABLE: Final = re.compile(r"exec: |executable file not found|OCI runtime attempted|OCI permission denied")
_NOT_IN_REGISTRY: Final = re.compile(
    r"(manifest|name) unknown|not found|does not exist|no such image|denied|unauthorized", re.IGNORECASE
)


class Absent(EngineError):
    """The engine knows no container or image of that name."""


class Conflict(EngineError):
    """The name is taken, or the thing is just being changed by somebody else."""


def fault(status: int, words: str, doing: str, address: str) -> EngineError:
    """The error for an answer of `status` with the engine's `words`, while `doing` something at `address`."""
    told = f"The container engine could not {doing}: {words.strip().rstrip('.')}."
    if status == 404:
        return Absent(told, "Look at the names of images and containers.")
    if status == 409 or _NAME_TAKEN.search(words):
        return Conflict(told, "Look who else changes it.")
    if status == _UNREACHED:
        return unreached(words, address)
    if _NOT_RUNNABLE.search(words):
        return PermanentFailure(told, "Correct the image or the service's `command`.")
    if status >= 500 or status == _BUSY:
        return TemporaryFailure(told, "See the engine's own log.", retry_after=_RETRY)
    return PermanentFailure(told, "Correct the service's container settings.")


def unreached(words: str, address: str) -> EngineError:
    """The error for an engine nobody answers at."""
    if "Permission denied" in words:
        return PermanentFailure(
            f"The container engine's socket {address} may not be used: {words}.",
            "Let the user that runs Pilothouse use it, for example as a member of the group that owns it.",
        )
    return TemporaryFailure(
        f"The container engine at {address} does not answer: {words}.",
        "Start it, or correct `engine` in the service's container settings.",
        retry_after=_RETRY,
    )


def slow(doing: str, address: str, within: timedelta) -> TemporaryFailure:
    """The error for an engine that took longer than we wait."""
    return TemporaryFailure(
        f"The container engine at {address} did not {doing} within {within.total_seconds():g} s.",
        "See the engine's own log.",
        retry_after=_RETRY,
    )


def pull_fault(image: str, words: str) -> EngineError:
    """The error for a pull that ended with `words`: Absent when the registry does not have, or give, the image."""
    told = f"{image} could not be pulled: {words.strip().rstrip('.')}."
    if _NOT_IN_REGISTRY.search(words):
        return Absent(told, "Push that version first; for a private registry, pull it on the engine's machine.")
    return TemporaryFailure(told, "See whether the engine can reach the registry.", retry_after=_RETRY)
