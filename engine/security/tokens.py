"""Bearer tokens for programs: shown once, kept only as a hash."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from engine.deployments.deployment import PersonId
from engine.errors import Invalid, NotFound, Unauthenticated
from storage.codec import JSON, decode_time, encode_time
from storage.records import Records

COLLECTION: Final = "tokens"
_PREFIX: Final = "ph"
_BYTES: Final = 32
_USE_NOTED_EVERY: Final = timedelta(minutes=1)  # a write for each request would be a load for nothing
_REMEDY: Final = "Create a new one with `pilothouse token create`."


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token, never the token itself. `expires` None means it stays until it is revoked."""

    id: str
    name: str
    person: PersonId
    created: datetime
    last_used: datetime | None
    expires: datetime | None

    @property
    def subject(self) -> str:
        """What an Actor of kind "token" carries as its user."""
        return f"{self.person}/{self.name}"


def hash_secret(text: str) -> str:
    """SHA-256 in hexadecimal. Enough for 32 random bytes, which nobody can guess; a password would need more."""
    return hashlib.sha256(text.encode()).hexdigest()


class Tokens:
    """Creates, recognises and revokes tokens."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def create(
        self, person: PersonId, name: str, *, at: datetime, lifetime: timedelta | None = None
    ) -> tuple[str, Token]:
        """A new token of `person`: its text, which can never be shown again, and what is kept. Raises Invalid."""
        name = name.strip()
        if not 1 <= len(name) <= 60 or not name.isprintable() or "/" in name:
            raise Invalid("A token needs a name of 1 to 60 characters without `/`.", "Name its use.", field="name")
        token = Token(secrets.token_hex(4), name, person, at, None, None if lifetime is None else at + lifetime)
        text = f"{_PREFIX}_{token.id}_{secrets.token_urlsafe(_BYTES)}"
        await self._keep(token, hash_secret(text), at)
        return text, token

    async def verify(self, text: str, *, at: datetime) -> Token:
        """Whose token this is. Raises Unauthenticated when it is unknown, revoked or expired."""
        found = await self._records.get(COLLECTION, _id_of(text))
        # Compared even when nothing was found, so that the time taken tells nothing.
        kept = found["hash"] if found else ""
        if not hmac.compare_digest(hash_secret(text), kept) or found is None:
            raise Unauthenticated("This token is not known here.", _REMEDY)
        token = _token(_id_of(text), found)
        if token.expires is not None and at >= token.expires:
            raise Unauthenticated(f"The token {token.name!r} expired at {token.expires:%Y-%m-%d %H:%M} UTC.", _REMEDY)
        return await self._note_use(token, kept, at)

    async def _note_use(self, token: Token, kept: str, at: datetime) -> Token:
        if token.last_used is not None and at - token.last_used < _USE_NOTED_EVERY:
            return token
        used = replace(token, last_used=at)
        await self._keep(used, kept, at)
        return used

    async def revoke(self, token: str) -> Token:
        """End the token with this id. Raises NotFound."""
        found = await self._records.get(COLLECTION, token)
        if found is None:
            raise NotFound(f"There is no token {token!r}.", "`pilothouse token list` shows them.", field="token")
        await self._records.delete(COLLECTION, token)
        return _token(token, found)

    async def all(self) -> list[Token]:
        """Every token, the oldest first."""
        kept = await self._records.all(COLLECTION)
        return sorted((_token(key, value) for key, value in kept.items()), key=lambda token: token.created)

    async def _keep(self, token: Token, kept: str, at: datetime) -> None:
        value: JSON = {
            "hash": kept,
            "name": token.name,
            "person": token.person,
            "created": encode_time(token.created),
            "last_used": _text(token.last_used),
            "expires": _text(token.expires),
        }
        await self._records.put(COLLECTION, token.id, value, at=at)


def _id_of(text: str) -> str:
    parts = text.split("_", 2)
    return parts[1] if len(parts) == 3 and parts[0] == _PREFIX else ""


def _text(at: datetime | None) -> str | None:
    return None if at is None else encode_time(at)


def _time(text: str | None) -> datetime | None:
    return None if text is None else decode_time(text)


def _token(key: str, value: JSON) -> Token:
    return Token(
        key,
        value["name"],
        PersonId(value["person"]),
        decode_time(value["created"]),
        _time(value["last_used"]),
        _time(value["expires"]),
    )
