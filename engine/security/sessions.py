"""Signing in to the web pages: a one-time link from chat, then a session that lasts while it is used."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from engine.deployments.deployment import PersonId
from engine.errors import Unauthenticated
from engine.security.tokens import hash_secret
from storage.claims import Claims
from storage.codec import JSON, decode_time, encode_time
from storage.records import Records

SIGN_INS: Final = "signin"
SESSIONS: Final = "sessions"
CODE_LASTS: Final = timedelta(minutes=5)
SESSION_LASTS: Final = timedelta(hours=12)
_SLIDES_EVERY: Final = timedelta(minutes=5)  # a write for each page would be a load for nothing
_REMEDY: Final = "Ask for a new link in chat with `/ops board`."


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser of a person, until `expires`."""

    person: PersonId
    began: datetime
    expires: datetime

    @property
    def subject(self) -> str:
        """What an Actor of kind "token" carries as its user."""
        return f"{self.person}/browser"


class Sessions:
    """Gives codes, turns each into a session once, recognises sessions. Only hashes are kept."""

    def __init__(self, records: Records, claims: Claims) -> None:
        self._records = records
        self._claims = claims

    async def new_code(self, person: PersonId, *, at: datetime) -> str:
        """A code for a sign-in link, good once within five minutes. Those that expired are removed in passing."""
        code = secrets.token_urlsafe(32)
        value: JSON = {"person": person, "expires": encode_time(at + CODE_LASTS)}
        expired = await self._expired(SIGN_INS, at)
        await self._records.put_many(SIGN_INS, {hash_secret(code): value}, at=at, delete=expired)
        return code

    async def redeem(self, code: str, *, at: datetime) -> tuple[str, Session]:
        """The text of a new session for the cookie, and the session. Raises Unauthenticated on a bad code."""
        key = hash_secret(code)
        found = await self._records.get(SIGN_INS, key)
        if found is None or at >= decode_time(found["expires"]):
            raise Unauthenticated("This sign-in link is used up or too old.", _REMEDY)
        # Of two browsers that open the link at once, one gets in.
        if not await self._claims.claim(f"signin:{key}", now=at, ttl=CODE_LASTS):
            raise Unauthenticated("This sign-in link is used up or too old.", _REMEDY)
        await self._records.delete(SIGN_INS, key)
        return await self._begin(PersonId(found["person"]), at)

    async def _begin(self, person: PersonId, at: datetime) -> tuple[str, Session]:
        text = secrets.token_urlsafe(32)
        session = Session(person, at, at + SESSION_LASTS)
        expired = await self._expired(SESSIONS, at)
        await self._records.put_many(SESSIONS, {hash_secret(text): _value(session)}, at=at, delete=expired)
        return text, session

    async def verify(self, text: str, *, at: datetime) -> Session:
        """Whose session this is; its end moves on with its use. Raises Unauthenticated."""
        key = hash_secret(text)
        found = await self._records.get(SESSIONS, key)
        session = None if found is None else _session(found)
        if session is None or at >= session.expires:
            raise Unauthenticated("You are not signed in.", _REMEDY)
        return await self._slide(key, session, at)

    async def _slide(self, key: str, session: Session, at: datetime) -> Session:
        if at + SESSION_LASTS - session.expires < _SLIDES_EVERY:
            return session
        longer = Session(session.person, session.began, at + SESSION_LASTS)
        await self._records.put(SESSIONS, key, _value(longer), at=at)
        return longer

    async def end(self, text: str) -> None:
        """Sign out. A session that has ended already is left alone."""
        await self._records.delete(SESSIONS, hash_secret(text))

    async def _expired(self, collection: str, at: datetime) -> list[str]:
        kept = await self._records.all(collection)
        return [key for key, value in kept.items() if at >= decode_time(value["expires"])]


def _value(session: Session) -> JSON:
    return {
        "person": session.person,
        "began": encode_time(session.began),
        "expires": encode_time(session.expires),
    }


def _session(value: JSON) -> Session:
    return Session(PersonId(value["person"]), decode_time(value["began"]), decode_time(value["expires"]))
