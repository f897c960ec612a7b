"""What went wrong, sorted: a refusal, a failure outside, or a defect of ours. Pure.

The storage package has errors of its own; here they become ours, so that a person is told the same way of both.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from engine.errors import EngineError, LeaseLost, PermanentFailure, Refused, TemporaryFailure
from storage.errors import Conflict, KeyTaken, StorageError, StorageUnavailable

Severity = Literal["refusal", "warning", "critical"]


@dataclass(frozen=True, slots=True)
class Failure:
    """A classified error: what people read, its kind in the engine's tree, and who else has to know.

    refusal: nobody; warning: the log; critical: the operators.
    """

    reason: str
    remedy: str
    kind: str
    severity: Severity
    retry_after: timedelta | None = None
    field: str = ""

    @property
    def passing(self) -> bool:
        """Whether the same request may succeed later."""
        return self.kind == TemporaryFailure.__name__


def classify(error: Exception, error_id: str) -> Failure:
    """Sort an error. Whatever nobody raised on purpose is a defect, told by its `error_id` and nothing else."""
    match error:
        case Refused():
            return Failure(error.reason, error.remedy, _kind(error), "refusal", field=getattr(error, "field", ""))
        case TemporaryFailure() | LeaseLost():
            remedy, again = error.remedy or "Try again in a moment.", getattr(error, "retry_after", None)
            return Failure(error.reason, remedy, TemporaryFailure.__name__, "warning", again)
        case EngineError():
            return Failure(error.reason, error.remedy, PermanentFailure.__name__, "critical")
        case TimeoutError():
            return Failure("This took too long and was given up.", "Try again.", TemporaryFailure.__name__, "warning")
        case StorageError():
            return _storage(error)
        case _:
            remedy = "Tell whoever runs Pilothouse; the log has more under that reference."
            return Failure(f"Something broke on our side, reference {error_id}.", remedy, "Defect", "critical")


def _kind(error: Refused) -> str:
    """The name in the engine's tree; a room's own subclass goes by the name of its parent there."""
    return next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ == Refused.__module__)


def _storage(error: StorageError) -> Failure:
    match error:
        case Conflict() | KeyTaken():
            reason = "Somebody else changed this at the same moment."
            return Failure(reason, "Look at it again, then repeat.", TemporaryFailure.__name__, "warning")
        case StorageUnavailable():
            return Failure(f"{error.reason}.", f"{error.remedy}.", TemporaryFailure.__name__, "critical")
        case _:
            return Failure(f"{error.reason}.", f"{error.remedy}.", PermanentFailure.__name__, "critical")
