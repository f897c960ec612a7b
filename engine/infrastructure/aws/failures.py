"""What AWS said, sorted into the engine's errors. Pure.

The classes follow AWS's own lists of error codes: throttling and 5xx pass, a conflict wants a fresh read, everything
else stays as it is until somebody changes something.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from engine.errors import EngineError, PermanentFailure, TemporaryFailure

THROTTLED: Final = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestLimitExceeded",
        "TooManyRequestsException",
        "TooManyRequests",
        "SlowDown",
        "BandwidthLimitExceeded",
        "PriorRequestNotComplete",
    }
)
CONFLICTS: Final = frozenset(
    {
        "ResourceConflictException",
        "PreconditionFailedException",
        "ConflictException",
        "ServiceNotActiveException",
        "UpdateInProgressException",
        "ResourceNotReadyException",
        "PriorityInUse",
    }
)
DENIED: Final = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "UnauthorizedOperation",
        "NotAuthorized",
        "403",  # HEAD answers of S3 have no body
    }
)
CREDENTIALS: Final = frozenset(
    {
        "UnrecognizedClientException",
        "InvalidClientTokenId",
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "ExpiredToken",
        "ExpiredTokenException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "InvalidSignatureException",
    }
)
QUOTAS: Final = frozenset(
    {
        "LimitExceededException",
        "LimitExceeded",
        "ServiceQuotaExceededException",
        "ServiceLimitExceeded",
        "CodeStorageExceededException",
        "TooManyTargets",
        "TooManyRegistrationsForTargetId",
        "TooManyUniqueTargetGroupsPerLoadBalancer",
    }
)
_RETRY_THROTTLED: Final = timedelta(seconds=5)
_SLOWER: Final = "Look who else calls AWS with this account, or ask AWS for a higher rate."
_RETRY_BROKEN: Final = timedelta(seconds=2)
_IAM_NAMES: Final = {"elbv2": "elasticloadbalancing"}
GIVE_CREDENTIALS: Final = (
    "Give Pilothouse credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or the role of its machine."
)


class Conflict(TemporaryFailure):
    """Somebody else changed the same thing: read it again and decide anew."""


class Pressed(TemporaryFailure):
    """AWS is busy or broken; the very same call may work in a moment."""


class Absent(PermanentFailure):
    """What the call names does not exist."""


def sort_answer(answer: Mapping[str, Any], service: str, operation: str, about: str) -> EngineError:
    """The engine's error for an error answer of AWS; `about` names the resource: `service shop`."""
    told = answer.get("Error", {})
    code, message = str(told.get("Code", "")), str(told.get("Message", "")).strip()
    meta = answer.get("ResponseMetadata", {})
    status = int(meta.get("HTTPStatusCode", 0))
    reason = _reason(operation, about, code, message)
    if code in THROTTLED or status == 429:
        return Pressed(reason, _SLOWER, retry_after=_retry_after(meta) or _RETRY_THROTTLED)
    if _is_conflict(code, message):
        return Conflict(reason, "Look who else changes it.", retry_after=_RETRY_BROKEN)
    if status >= 500:
        return Pressed(
            reason, "See whether AWS tells of trouble in this region.", retry_after=_retry_after(meta) or _RETRY_BROKEN
        )
    return _permanent(code, reason, f"{_IAM_NAMES.get(service, service)}:{operation}")


def _permanent(code: str, reason: str, right: str) -> PermanentFailure:
    if code in DENIED:
        return PermanentFailure(reason, f"Give the role that Pilothouse uses the right {right} on it.")
    if code in CREDENTIALS:
        return PermanentFailure(reason, GIVE_CREDENTIALS)
    if code in QUOTAS:
        return PermanentFailure(reason, "Remove what is not used, or ask AWS for a higher quota.")
    if _is_absent(code, reason):
        return Absent(reason, "Check its name, the region and the account in the settings.")
    return PermanentFailure(reason, "Change what AWS names here, then try again.")


def _reason(operation: str, about: str, code: str, message: str) -> str:
    said = ": ".join(part for part in (code, message) if part) or "no reason given"
    return f"AWS refused {operation} for {about}: {said.rstrip('.')}."


def _is_conflict(code: str, message: str) -> bool:
    """ECS says some conflicts only in words: a service made twice at once, or made while its namesake still ends."""
    words = message.lower()
    return code in CONFLICTS or "not idempotent" in words or "still draining" in words


def _is_absent(code: str, reason: str) -> bool:
    missing = ("NotFound", "NotFoundException", "NoSuchKey", "NoSuchBucket", "404")
    return code.endswith(missing) or "Unable to describe task definition" in reason


def _retry_after(meta: Mapping[str, Any]) -> timedelta | None:
    value = str(meta.get("HTTPHeaders", {}).get("retry-after", ""))
    return timedelta(seconds=int(value)) if value.isascii() and value.isdigit() else None
