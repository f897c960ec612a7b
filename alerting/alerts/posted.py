"""What others post: Alertmanager's API v2 alerts and its webhook payload, version 4, read and checked. Pure.

Sources: api/v2/openapi.yaml and types.Alert.Validate of Alertmanager 0.28; template.Data for the webhook;
strfmt.DateTime of go-openapi for the forms of a time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Final, Literal

import msgspec

from alerting.errors import PermanentFailure

ZERO: Final = datetime.min.replace(tzinfo=UTC)
"""Go's zero time: in a body it means that no time was given."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LONG: Final = 2048
"""Characters of an address from which on it is not remembered."""
_FINER: Final = re.compile(r"(\.\d{6})\d+")
# What ParseRequestURI of Go takes: a path, or a scheme and something; a host has no spaces.
_URI: Final = re.compile(r"\*|/.*|[A-Za-z][A-Za-z0-9+.-]*:(?://[^\s/?#]*(?:[/?#].*)?|(?!//).*)", re.DOTALL)
_NO_URI: Final = re.compile(r"[\x00-\x1f\x7f]|%(?![0-9A-Fa-f]{2})")


class Fault(StrEnum):
    """What is wrong with a body as a whole."""

    UNREADABLE = "unreadable"  # no JSON, or another type than the field has
    MISSING = "missing"
    WRONG_FORM = "wrong form"
    TOO_FEW = "too few"


class BadBody(PermanentFailure):
    """Nothing of the body was taken; the reason names the field, `0.labels` being that of the first alert."""

    def __init__(self, fault: Fault, reason: str) -> None:
        super().__init__(reason)
        self.fault = fault


class PostedAlert(msgspec.Struct, rename="camel", gc=False):
    """One element of `POST /api/v2/alerts`. What is looked at only when it changed stays as it was written."""

    labels: msgspec.Raw = msgspec.Raw(b"null")
    annotations: msgspec.Raw = msgspec.Raw(b"null")
    starts_at: str | None = None
    ends_at: str | None = None
    generator_url: str | None = msgspec.field(name="generatorURL", default=None)


class WebhookAlert(msgspec.Struct, rename="camel"):
    """One alert of a webhook payload."""

    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    annotations: dict[str, str] | None = None
    starts_at: str | None = None
    ends_at: str | None = None
    generator_url: str | None = msgspec.field(name="generatorURL", default=None)


class Webhook(msgspec.Struct, rename="camel"):
    """A webhook payload, as far as it says what the alerts do not say themselves."""

    version: str
    alerts: list[WebhookAlert]


_posted: Final = msgspec.json.Decoder(list[PostedAlert] | None)
_webhook: Final = msgspec.json.Decoder(Webhook)
_pairs: Final = msgspec.json.Decoder(dict[str, str])
_pairs_or_null: Final = msgspec.json.Decoder(dict[str, str | None] | None)
_PLACE: Final = re.compile(r" - at `(?:key in )?\$\.?([^`]*)`$")
_STEP: Final = re.compile(r"\[(\d+|\.\.\.)\]")


def read_posted(body: bytes) -> list[PostedAlert]:
    """The alerts of a request to API v2. Raises BadBody."""
    if not body:
        raise BadBody(Fault.MISSING, "alerts in body is required")
    try:
        return _posted.decode(body) or []
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise BadBody(
            Fault.UNREADABLE, f'parsing alerts body from "" failed, because {in_words(wrong, body)}'
        ) from wrong


def read_webhook(body: bytes) -> list[WebhookAlert]:
    """The alerts of a webhook payload, version 4. Raises BadBody."""
    if not body:
        raise BadBody(Fault.MISSING, "the body is empty; send a webhook payload of Alertmanager")
    try:
        payload = _webhook.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise BadBody(Fault.UNREADABLE, f"this is no webhook payload: {in_words(wrong, body)}") from wrong
    if payload.version != "4":
        raise BadBody(Fault.WRONG_FORM, f"version: {payload.version[:20]!r} is not known; version 4 is read")
    return payload.alerts


def read_pairs(written: msgspec.Raw, place: object, field: str) -> dict[str, str]:
    """Labels or annotations; null is an empty text. Raises BadBody that names the place and its field."""
    try:
        return _pairs.decode(written)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass  # null is rare: it, and what is wrong, is found out the slow way
    try:
        pairs = _pairs_or_null.decode(written) or {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        reason = f'parsing alerts body from "" failed, because {place}.{field}: {in_words(wrong, bytes(written))}'
        raise BadBody(Fault.UNREADABLE, reason) from wrong
    return {name: value or "" for name, value in pairs.items()}


def in_words(wrong: Exception, body: bytes) -> str:
    """What a decoder complains of, the place first: `0.startsAt: Expected `str`, got `int``."""
    if isinstance(wrong, RecursionError):
        return "it is nested too deep"
    try:
        body.decode()
    except UnicodeDecodeError as other:
        return f"byte {other.start} is no UTF-8"
    text = str(wrong)
    place = _PLACE.search(text)
    if place is None:
        return text[:300]
    spot = _STEP.sub(r".\1", place[1]).lstrip(".")
    return f"{spot[:100] or 'the body'}: {text[: place.start()][:300]}"


LATEST: Final = datetime(9000, 1, 1, tzinfo=UTC)
"""Later times count as this one, which leaves room to reckon with them: the calendar ends with the year 9999."""


def time_of(text: str | None, place: object, field: str) -> datetime:
    """A time of a body, ZERO when none is given. Raises BadBody that names the place and its field."""
    if text is None:
        return ZERO
    try:
        return _moment(text)
    except (ValueError, OverflowError) as wrong:
        reason = f'parsing alerts body from "" failed, because {place}.{field}: {text[:40]!r} is no time'
        raise BadBody(Fault.UNREADABLE, reason) from wrong


@lru_cache(maxsize=4096)
def _moment(text: str) -> datetime:
    # strfmt reads an empty text as the epoch, and a time without a zone as UTC.
    if not text:
        return _EPOCH
    if not text[:1].isdigit() or not text.isascii():
        raise ValueError(text)
    at = datetime.fromisoformat(_FINER.sub(r"\1", text))
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    return min(at, LATEST)


def is_uri(text: str) -> bool:
    """Whether go-openapi takes it for a `format: uri`."""
    return _is_uri(text) if len(text) < _LONG else _looks_like_uri(text)


def _looks_like_uri(text: str) -> bool:
    return not text or (_URI.fullmatch(text) is not None and _NO_URI.search(text) is None)


_is_uri: Final = lru_cache(maxsize=2048)(_looks_like_uri)


def problem_of(
    labels: Mapping[str, str], annotations: Mapping[str, str], starts_at: datetime, ends_at: datetime | None
) -> str | None:
    """Why this alert can't be taken, in Alertmanager's words; None when it can."""
    if ends_at is not None and ends_at < starts_at:
        return "start time must be before end time"
    if not labels:
        return "at least one label pair required"
    if "" in labels:
        return 'invalid label set: invalid name ""'
    if "" in annotations:
        return 'invalid annotations: invalid name ""'
    return None
