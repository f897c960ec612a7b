"""Secrets of webhook receivers that are kept in files, so that they can be changed without a reload."""

from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from alerting.errors import TemporaryFailure
from alerting.routing.config import HeaderSource, Secret, WebhookReceiver

_LONGEST: Final = 65_536


def refreshed(receiver: WebhookReceiver) -> WebhookReceiver:
    """The receiver with what its files hold now. Raises TemporaryFailure when one cannot be read."""
    if not has_files(receiver):
        return receiver
    url = read_secret(Secret(file=receiver.url_file)) if receiver.url_file else receiver.url
    return replace(receiver, url=url, headers=read_headers(receiver.sources))


def has_files(receiver: WebhookReceiver) -> bool:
    """Whether a part of it is kept in a file."""
    return bool(receiver.url_file) or any(part.file for source in receiver.sources for part in source.parts)


def read_headers(sources: Iterable[HeaderSource]) -> Mapping[str, str]:
    """The headers; values of one name are joined by commas. Raises TemporaryFailure for a file."""
    headers: dict[str, str] = {}
    for source in sources:
        value = _value(source)
        headers[source.name] = f"{headers[source.name]}, {value}" if source.name in headers else value
    return headers


def _value(source: HeaderSource) -> str:
    parts = [read_secret(part) for part in source.parts]
    if source.scheme == "Basic":
        return f"Basic {b64encode(':'.join(parts).encode()).decode()}"
    return f"{source.scheme} {parts[0]}" if source.scheme else parts[0]


def read_secret(secret: Secret) -> str:
    """Its text; a file's without space around it. Raises TemporaryFailure when the file cannot be read."""
    if not secret.file:
        return secret.text
    try:
        with Path(secret.file).open(encoding="utf-8") as file:
            return file.read(_LONGEST).strip()
    except (OSError, UnicodeDecodeError) as wrong:
        reason = wrong.strerror if isinstance(wrong, OSError) else "it is no UTF-8 text"
        raise TemporaryFailure(
            f"the secret file {secret.file} cannot be read: {reason}", remedy="put the secret there and let us read it"
        ) from wrong
