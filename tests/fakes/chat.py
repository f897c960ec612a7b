"""A chat platform in memory. It passes the same contract suite as the real one (tests/contracts/chat)."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from bot.chat.port import ChatAway, ChatBusy, ChatRefused, MessageRef
from bot.views.blocks import Message
from bot.workspace.limits import check_message, check_view

Trouble = Literal["ratelimited", "error", "hang", "drop", "drop_after"]
SECONDS_OF_PATIENCE = 30.0


@dataclass(slots=True)
class Written:
    """A message as it stands, with every text it ever had and when it got each."""

    channel: str
    ts: str
    thread: str
    broadcast: bool
    metadata: Mapping[str, Any]
    texts: list[str]
    at: list[datetime]


@dataclass(slots=True)
class _Order:
    method: str
    trouble: Trouble
    times: int
    retry_after: float
    channel: str


@dataclass(slots=True)
class FakePlatform:
    """`now` stamps messages; `order` makes the next calls fail as the workspace's Faults do."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    messages: list[Written] = field(default_factory=list)
    calls: list[tuple[str, str, datetime]] = field(default_factory=list)
    whispers: list[tuple[str, str, str, str]] = field(default_factory=list)
    homes: dict[str, Any] = field(default_factory=dict)
    opened: list[Mapping[str, Any]] = field(default_factory=list)
    accounts: dict[str, dict[str, Any]] = field(default_factory=dict)
    orders: list[_Order] = field(default_factory=list)
    archived: set[str] = field(default_factory=set)
    last: float = 0.0
    latency: float = 0.05  # seconds a call takes

    def order(
        self, method: str, trouble: Trouble, *, times: int = 1, retry_after: float = 1, channel: str = ""
    ) -> None:
        self.orders.append(_Order(method, trouble, times, retry_after, channel))

    def texts(self, channel: str, *, thread: str = "") -> list[str]:
        """What stands in a channel, or in a thread of it, in order."""
        return [one.texts[-1] for one in self.messages if one.channel == channel and one.thread == thread]

    async def post(
        self, channel: str, message: Message, *, metadata: Mapping[str, Any], thread: str = "", broadcast: bool = False
    ) -> MessageRef:
        async def post() -> MessageRef:
            self._known(channel)
            _check(message)
            self.last = max(self.now().timestamp(), self.last + 0.000001)
            ts = f"{self.last:.6f}"
            self.messages.append(Written(channel, ts, thread, broadcast, metadata, [message.text], [self.now()]))
            return MessageRef(channel, ts)

        ref: MessageRef = await self._call("post", channel, post)
        return ref

    async def update(self, ref: MessageRef, message: Message) -> None:
        async def update() -> None:
            _check(message, update=True)
            found = next((one for one in self.messages if (one.channel, one.ts) == (ref.channel, ref.ts)), None)
            if found is None:
                raise ChatRefused("message_not_found")
            found.texts.append(message.text)
            found.at.append(self.now())

        await self._call("update", ref.channel, update)

    async def find(
        self, channel: str, key: str, *, since: datetime, thread: str = ""
    ) -> tuple[str, Mapping[str, Any]] | None:
        async def find() -> tuple[str, Mapping[str, Any]] | None:
            self._known(channel)
            for one in self.messages:
                late = float(one.ts) >= since.timestamp()
                if one.channel == channel and one.thread == thread and one.metadata.get("key") == key and late:
                    return one.ts, one.metadata
            return None

        found: tuple[str, Mapping[str, Any]] | None = await self._call("find", channel, find)
        return found

    async def whisper(self, channel: str, user: str, message: Message, *, thread: str = "") -> None:
        async def whisper() -> None:
            self._known(channel)
            _check(message)
            self.whispers.append((channel, user, message.text, thread))

        await self._call("whisper", channel, whisper)

    async def home_team(self) -> str:
        return "T0"

    async def account(self, user: str) -> Mapping[str, Any]:
        async def account() -> Mapping[str, Any]:
            return self.accounts.get(user, {"id": user, "team_id": "T0"})

        found: Mapping[str, Any] = await self._call("account", "", account)
        return found

    async def open_view(self, trigger: str, view: Mapping[str, Any]) -> None:
        async def open_view() -> None:
            if check_view(dict(view), "modal"):
                raise ChatRefused("invalid_arguments")
            self.opened.append(view)

        await self._call("open_view", "", open_view)

    async def publish_home(self, user: str, view: Mapping[str, Any]) -> None:
        async def publish() -> None:
            if check_view(dict(view), "home"):
                raise ChatRefused("invalid_arguments")
            self.homes[user] = view

        await self._call("publish_home", "", publish)

    async def direct(self, user: str) -> str:
        return f"D-{user}"

    async def channel(self, name: str) -> str:
        async def channel() -> str:
            if name != name.lower() or " " in name:
                raise ChatRefused("invalid_name_specials")
            return f"C-{name}"

        found: str = await self._call("channel", f"C-{name}", channel)
        return found

    async def permalink(self, ref: MessageRef) -> str:
        return f"https://chat.example/{ref.channel}/{ref.ts}"

    def _known(self, channel: str) -> None:
        if not channel.startswith(("C-", "D-")):
            raise ChatRefused("channel_not_found")
        if channel in self.archived:
            raise ChatRefused("is_archived")

    async def _call(self, method: str, channel: str, work: Callable[[], Any]) -> Any:
        self.calls.append((method, channel, self.now()))
        await asyncio.sleep(self.latency)
        met = self._meet(method, channel)
        if met is None:
            return await work()
        match met.trouble:
            case "ratelimited":
                raise ChatBusy(timedelta(seconds=met.retry_after))
            case "hang":
                await asyncio.sleep(SECONDS_OF_PATIENCE)
            case "drop_after":
                await work()
        raise ChatAway(met.trouble)

    def _meet(self, method: str, channel: str) -> _Order | None:
        for order in self.orders:
            if order.method in ("*", method) and order.channel in ("", channel):
                order.times -= 1
                if order.times <= 0:
                    self.orders.remove(order)
                return order
        return None


def _check(message: Message, *, update: bool = False) -> None:
    refusal = check_message({"text": message.text, "blocks": list(message.blocks) or None}, update=update)
    if refusal:
        raise ChatRefused(refusal.error)
