"""A dispatcher on storage in memory, in virtual time, with receivers that only remember."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from alerting.alerts.alert import ReceivedAlert
from alerting.alerts.fingerprint import fingerprint
from alerting.alerts.store import AlertStore
from alerting.notify.dispatcher import Dispatcher
from alerting.notify.notification import Notification
from alerting.routing.config import Receiver, RoutingConfig, WebhookReceiver
from alerting.routing.matcher import Matcher, Op, all_match
from alerting.routing.tree import Route
from alerting.silences.silence import SilenceId
from tests.fakes.memory_storage import MemoryDatabase


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def route(key: str = "{}", receiver: str = "team", **more: object) -> Route:
    """A route that groups by `alertname`, with Alertmanager's default times."""
    return Route(key=key, id=key, receiver=receiver, **({"group_by": ("alertname",)} | more))  # type: ignore[arg-type]


def config(root: Route, **more: object) -> RoutingConfig:
    """A configuration with one webhook for every receiver of the tree."""
    receivers = {one.receiver: Receiver(one.receiver, (WebhookReceiver("http://x"),)) for one in root.walk()}
    return RoutingConfig(root, **({"receivers": receivers} | more))  # type: ignore[arg-type]


def equal(name: str, value: str) -> Matcher:
    return Matcher(name, Op.EQUAL, value)


def alert(
    now: datetime, name: str = "Down", *, ends_at: datetime | None = None, source: str = "api", **labels: str
) -> ReceivedAlert:
    """An alert that was told at `now`, and began then unless it is over."""
    named = {"alertname": name, **labels}
    return ReceivedAlert(named, {}, min(now, ends_at or now), ends_at, now, fingerprint(named), source)


def resolved(one: ReceivedAlert, now: datetime) -> ReceivedAlert:
    """The same alert, over."""
    return ReceivedAlert(one.labels, one.annotations, one.starts_at, now, now, one.fingerprint, one.source)


@dataclass(slots=True)
class Listener:
    """A receiver. It fails with what is in `failures` first, and hangs while `hangs`; a key is heard once."""

    now: Callable[[], datetime]
    send_resolved: bool = True
    heard: list[Notification] = field(default_factory=list)
    times: list[datetime] = field(default_factory=list)
    tries: list[datetime] = field(default_factory=list)
    failures: deque[Exception] = field(default_factory=deque)
    broken: Exception | None = None
    hangs: bool = False
    repeated: list[str] = field(default_factory=list)

    async def tell(self, notification: Notification) -> None:
        self.tries.append(self.now())
        if self.hangs:
            await asyncio.Event().wait()
        if self.failures:
            raise self.failures.popleft()
        if self.broken:
            raise self.broken
        if notification.key in {one.key for one in self.heard}:
            self.repeated.append(notification.key)
            return
        self.heard.append(notification)
        self.times.append(self.now())

    def told(self) -> list[tuple[str, list[str], list[str]]]:
        """Reason, firing and resolved alerts by `instance` (or name) of everything heard."""
        return [(one.reason.value, names(one.firing), names(one.resolved)) for one in self.heard]


def names(alerts: Sequence[ReceivedAlert]) -> list[str]:
    return sorted(one.labels.get("instance", one.name) for one in alerts)


@dataclass(slots=True)
class Hush:
    """Silences as matchers, in force until they are taken out."""

    silences: dict[str, tuple[Matcher, ...]] = field(default_factory=dict)

    def muted_by(self, labels: Mapping[str, str], now: datetime) -> Sequence[SilenceId]:
        return [SilenceId(name) for name, matchers in self.silences.items() if all_match(matchers, labels)]


class Scene:
    """Receivers, silences and a database outlive the dispatcher, which can be killed and started again."""

    def __init__(
        self, now: Callable[[], datetime], config: RoutingConfig, database: MemoryDatabase | None = None
    ) -> None:
        self.now = now
        self.config = config
        self.database = database or MemoryDatabase(now)
        self.hush = Hush()
        self.listeners: dict[str, list[Listener]] = {}
        self.store: AlertStore
        self.dispatcher: Dispatcher
        self._running: asyncio.Task[None] | None = None

    def tellers(self, receiver: Receiver) -> Sequence[Listener]:
        known = self.listeners.setdefault(receiver.name, [])
        for one in receiver.integrations[len(known) :]:
            known.append(Listener(self.now, send_resolved=one.send_resolved))
        return known

    @property
    def team(self) -> Listener:
        """The first integration of the receiver `team`."""
        return self.listeners["team"][0]

    def build(self) -> None:
        """A store and a dispatcher that know nothing yet."""
        self.store = AlertStore(self.database.records, now=self.now)
        self.dispatcher = Dispatcher(
            self.config,
            self.store,
            self.database.records,
            self.database.log,
            self.hush,
            self.tellers,
            now=self.now,
        )

    async def start(self) -> "Scene":
        """Load what the database has and run."""
        self.build()
        await self.dispatcher.load()
        self._running = asyncio.create_task(self.dispatcher.run(), name="dispatcher")
        return self

    async def kill(self) -> None:
        """End it as a crash does: nothing more is written."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    async def fire(self, name: str = "Down", *, lasts: timedelta | None = None, **labels: str) -> ReceivedAlert:
        now = self.now()
        one = alert(now, name, ends_at=now + lasts if lasts else None, **labels)
        await self.store.take([one])
        return one

    async def resolve(self, one: ReceivedAlert) -> None:
        await self.store.take([resolved(one, self.now())])
