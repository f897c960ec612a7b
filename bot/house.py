"""The running product, as all its rooms together."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field

from bot.alerting_half import Alerting
from bot.chat.assembly import Listening, Speaking
from bot.clockwork import Clockwork
from bot.duties import Duties
from bot.engine_half import Engine
from bot.ground import Ground
from bot.inputs.slack.socket import Socket
from bot.membership import Membership
from bot.meters import Meters
from bot.readings import Readings
from bot.reload import Reloader
from bot.tour import Tour
from bot.triggering import Triggering
from bot.troubles import Troubles
from engine.durable_dbos import DbosDurable
from engine.orchestrator import Orchestrator

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Pilothouse:
    """The running product. Set `stop` to end it; `failure` says why when it ended itself."""

    ground: Ground
    engine: Engine
    alerting: Alerting
    readings: Readings
    orchestrator: Orchestrator
    speaking: Speaking
    listening: Listening
    durable: DbosDurable
    membership: Membership
    socket: Socket | None
    tour: Tour | None
    meters: Meters
    triggering: Triggering
    clockwork: Clockwork
    duties: Duties
    reloader: Reloader
    troubles: Troubles
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    failure: str = ""

    def give_up(self, why: str) -> None:
        """End the process because it must not act any more."""
        log.error("%s", why)
        self.failure = why
        self.stop.set()

    def fail(self, name: str, error: BaseException) -> None:
        """Something the house cannot do without has ended by an error."""
        log.error("%s failed", name, exc_info=error)
        self.give_up(f"{name} failed: {error}")
