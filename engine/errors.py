"""Why the engine says no, or could not.

EngineError                      reason: what happened · remedy: what to do next
├── Refused                      nothing was done; the request has to change
│   ├── Invalid                  a field is wrong; names the field
│   ├── NotFound                 no such service, version, environment, deployment
│   ├── Unauthenticated          we do not know who asks
│   ├── Denied                   we know, and they may not
│   └── NotNow                   the state does not allow it: already decided, already in flight
├── TemporaryFailure             trying again may help; retry_after says when
├── PermanentFailure             trying again will not help
└── LeaseLost                    this process may not act: another may have taken over its work

IllegalMove is a programming error: a state was asked to become one it cannot.
"""

from __future__ import annotations

from datetime import timedelta


class EngineError(Exception):
    """Base of what the engine raises on purpose. `reason` and `remedy` are whole sentences for people."""

    def __init__(self, reason: str, remedy: str = "") -> None:
        super().__init__(f"{reason} {remedy}".strip())
        self.reason = reason
        self.remedy = remedy


class Refused(EngineError):
    """The request was turned away before any effect."""


class Invalid(Refused):
    """A field of the request is wrong. `suggestion` is the nearest value that would be right, if any."""

    def __init__(self, reason: str, remedy: str = "", *, field: str = "", suggestion: str | None = None) -> None:
        super().__init__(reason, remedy)
        self.field = field
        self.suggestion = suggestion


class NotFound(Invalid):
    """What the request names does not exist."""


class Unauthenticated(Refused):
    """Whoever asks is not known here."""


class Denied(Refused):
    """Whoever asks is known and may not do this."""


class NotNow(Refused):
    """The present state does not allow it, for example a second decision on a decided deployment."""


class TemporaryFailure(EngineError):
    """Something outside did not work this time.

    Its words do not promise another try: only whoever catches it knows whether there is one, and says so.
    """

    def __init__(self, reason: str, remedy: str = "", *, retry_after: timedelta | None = None) -> None:
        super().__init__(reason, remedy)
        self.retry_after = retry_after


class PermanentFailure(EngineError):
    """Something outside will not work however often it is tried."""


class LeaseLost(EngineError):
    """Nothing was done and nothing is written down, because another process may be at this work by now."""


class IllegalMove(Exception):
    """A state machine was asked for a move its table does not have."""

    def __init__(self, subject: str, old: str, new: str) -> None:
        super().__init__(f"{subject} cannot move from {old} to {new}.")
        self.old = old
        self.new = new
