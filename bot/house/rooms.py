"""The running product, as all its rooms together."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field

from bot.chat.assembly import Listening, Speaking
from bot.clock.clockwork import Clockwork
from bot.clock.duties import Duties
from bot.clock.membership import Membership
from bot.clock.reload import Reloader
from bot.house.alerting_half import Alerting
from bot.house.engine_half import Engine
from bot.house.ground import Ground
from bot.house.triggering import Triggering
from bot.inputs.slack.socket import Socket
from bot.readings.now import Readings
from bot.tour import Tour
from bot.watch.troubles import Troubles
from bot.web.meters import Meters
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
