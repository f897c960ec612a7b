"""What the operators and Prometheus are told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bot.chat.operators import QUIET, Operators
from bot.chat.queue import Item, Post
from bot.web.meters import Meters
from engine.commands import Actor, Deploy, Request, Response
from engine.failures import Failure
from tests.fakes.clock import VirtualClock

START = datetime(2026, 1, 1, tzinfo=UTC)
REQUEST = Request("r1", START, "chat", Actor("slack", "U1", "T1"), Deploy("shop", "v2", "production"))


class Sent:
    """An outbox that only remembers."""

    def __init__(self) -> None:
        self.items: list[tuple[str, Item]] = []

    def send(self, channel: str, item: Item) -> None:
        self.items.append((channel, item))


async def test_operators_are_told_once_in_a_while() -> None:
    clock, sent = VirtualClock(START), Sent()
    operators = Operators(sent, "incidents", now=clock)  # type: ignore[arg-type]
    failure = Failure("The disk is full.", "Make room.", "PermanentFailure", "critical")
    await operators.notify(REQUEST, failure)
    await operators.notify(REQUEST, failure)
    clock.advance(QUIET + timedelta(seconds=1))
    await operators.notify(REQUEST, failure)
    assert [channel for channel, _ in sent.items] == ["#incidents", "#incidents"]
    first, second = (item for _, item in sent.items)
    assert isinstance(first, Post)
    assert "The disk is full." in first.message.text
    assert first.key != second.key


def test_requests_are_counted_by_verdict() -> None:
    meters = Meters()
    meters.passed(REQUEST, Response("r1", START, ok=True))
    meters.passed(REQUEST, Response("r2", START, ok=False, kind="Denied"))
    page = meters.page({"pilothouse_alerts_firing": 2}).decode()
    assert 'pilothouse_requests_total{command="Deploy",source="chat",verdict="ok"} 1.0' in page
    assert 'pilothouse_requests_total{command="Deploy",source="chat",verdict="Denied"} 1.0' in page
    assert "pilothouse_alerts_firing 2.0" in page
