"""Whether an HTTP delivery is Slack's: v0 HMAC-SHA256 over version, timestamp and body, at most five minutes old.

Rule: docs.slack.dev, verifying requests from Slack. Checked before bolt, which answers 500 to a timestamp that is
no number.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime, timedelta
from typing import Final

WINDOW: Final = timedelta(minutes=5)


def refusal(*, secret: str, timestamp: str, signature: str, body: bytes, now: datetime) -> str:
    """Why the delivery is refused, empty when it is Slack's."""
    if not secret:
        return "no signing secret is set here"
    if not timestamp or not signature:
        return "the signature is missing"
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return "the timestamp is no number"
    if abs(now.timestamp() - int(timestamp)) > WINDOW.total_seconds():
        return "the timestamp is more than five minutes off"
    expected = "v0=" + hmac.new(secret.encode(), b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace")):
        return "the signature does not match"
    return ""
