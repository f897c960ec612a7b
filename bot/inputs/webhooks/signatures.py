"""Whether a delivery is from who knows the secret: asked of the raw body, before anything of it is read. Pure."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from bot.settings.triggers import Trigger

TOLERANCE: Final = timedelta(minutes=5)
_PREFIX: Final = "sha256="


def sign(secret: str, body: bytes) -> str:
    """`sha256=` and the HMAC of `body` in hexadecimal, as GitHub's header X-Hub-Signature-256 has it."""
    return _PREFIX + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def signed_by(triggers: Sequence[Trigger], body: bytes, signature: str) -> list[Trigger]:
    """Those whose secret made `signature`. All of them are asked, so that the time taken tells nothing."""
    return [one for one in triggers if _same(sign(one.secret, body), signature)]


def named_by(triggers: Sequence[Trigger], token: str) -> list[Trigger]:
    """Those whose secret is `token` itself, as GitLab sends it in X-Gitlab-Token."""
    return [one for one in triggers if _same(one.secret, token)]


def stamped(timestamp: str, delivery: str, body: bytes) -> bytes:
    """What a generic sender signs: the two headers and the body, each ended by a dot but the last.

    The time and the id are within, or whoever saw one delivery could send it again under new ones.
    """
    return b".".join((_bytes(timestamp), _bytes(delivery), body))


def timely(timestamp: str, *, now: datetime) -> bool:
    """Whether `timestamp`, seconds since 1970, is at most five minutes from `now`."""
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 12):
        return False
    try:
        at = datetime.fromtimestamp(int(timestamp), UTC)
    except (OverflowError, ValueError, OSError):
        return False
    return abs(now - at) <= TOLERANCE


def _same(ours: str, theirs: str) -> bool:
    return hmac.compare_digest(ours.encode(), _bytes(theirs))


def _bytes(header: str) -> bytes:
    """A header as it came: what of it is no UTF-8 stands as surrogates in the text."""
    return header.encode("utf-8", "surrogateescape")
