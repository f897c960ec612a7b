"""What the app is sent, over Socket Mode or HTTP alike: one port, with Slack's repeats for events."""

import asyncio
import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal, Protocol

from bot.workspace.config import WorkspaceConfig
from bot.workspace.model import Json

log = logging.getLogger(__name__)

Kind = Literal["events_api", "interactive", "slash_commands"]


@dataclass(frozen=True, slots=True)
class Parcel:
    """One payload on its way to the app; `attempt` and `reason` tell of a repeat."""

    kind: Kind
    payload: Json
    attempt: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a parcel. `body` is the ack's own content; `ms` the time to the ack.

    `error` is "" or Slack's code: operation_timeout (no ack in time), dispatch_failed (not delivered or refused).
    """

    error: str = ""
    body: Json = field(default_factory=dict)
    ms: int = 0
    unreachable: bool = False

    @property
    def ok(self) -> bool:
        """Whether the app acked in time."""
        return not self.error

    def report(self) -> Json:
        """The delivery as the page is told of it."""
        return {"ok": self.ok, "ms": self.ms, **({"error": self.error} if self.error else {})}


class Carrier(Protocol):
    """A way to the app."""

    @property
    def connected(self) -> bool: ...

    async def carry(self, parcel: Parcel) -> Answer:
        """Deliver one payload and wait for its ack, at most the ack timeout. Never raises for the app's faults."""
        ...

    async def reachable(self) -> None:
        """Return as soon as the app can be reached."""
        ...


class Deliverer:
    """Asks the app and waits (commands, interactions), or tells it and repeats in the background (events)."""

    def __init__(self, config: WorkspaceConfig, carrier: Carrier, retries: Sequence[timedelta]) -> None:
        self._config = config
        self._carrier = carrier
        self._retries = retries
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def connected(self) -> bool:
        """Whether the app can be reached right now."""
        return self._carrier.connected

    async def ask(self, kind: Kind, payload: Json) -> Answer:
        """Deliver a command or an interaction, once: Slack does not repeat those."""
        return await self._carrier.carry(Parcel(kind, payload))

    def tell(self, event: Json) -> None:
        """Deliver an event, with repeats until it is acked or Slack would give up."""
        task = asyncio.create_task(self._insist(self._wrapped(event)), name=f"event {event['type']}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Stop telling. What the app has not acked is given up."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _insist(self, payload: Json) -> None:
        answer = await self._carrier.carry(Parcel("events_api", payload))
        for attempt, pause in enumerate(self._retries, 1):
            if answer.ok:
                return
            await self._pause(pause, until_reachable=answer.unreachable)
            reason = "timeout" if answer.error == "operation_timeout" else "http_error"
            answer = await self._carrier.carry(Parcel("events_api", payload, attempt, reason))
        if not answer.ok:
            log.info("Event %s was given up: the app did not ack it (%s)", payload["event_id"], answer.error)

    async def _pause(self, pause: timedelta, *, until_reachable: bool) -> None:
        """Wait; if there was no connection at all, only until there is one."""
        if not until_reachable:
            await asyncio.sleep(pause.total_seconds())
            return
        try:
            async with asyncio.timeout(pause.total_seconds()):
                await self._carrier.reachable()
        except TimeoutError:
            log.debug("No app to tell after %s", pause)

    def _wrapped(self, event: Json) -> Json:
        keys, team = self._config.credentials, self._config.team_id
        who = {
            "enterprise_id": None,
            "team_id": team,
            "user_id": keys.bot_user,
            "is_bot": True,
            "is_enterprise_install": False,
        }
        return {
            "token": "workspace",
            "team_id": team,
            "api_app_id": keys.app_id,
            "event": event,
            "type": "event_callback",
            "event_id": f"Ev{secrets.token_hex(5).upper()}",
            "event_time": int(float(event.get("event_ts") or 0)),
            "authorizations": [who],
            "is_ext_shared_channel": False,
            "event_context": secrets.token_hex(12),
        }
