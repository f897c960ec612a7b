"""Whatever happens between an alert and its receiver: nobody is left with a wrong belief, and nothing is told twice.

Stories run in virtual time. Each step comes at a moment that no group is flushed at, since it is one hundredth of a
second further off the whole second than the one before.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from alerting.errors import PermanentFailure, TemporaryFailure
from alerting.notify.notification import Reason
from alerting.routing.config import Receiver, RoutingConfig, WebhookReceiver
from alerting.routing.tree import Route
from storage.codec import JSON
from tests.fakes import virtual_time
from tests.fakes.dispatch import Listener, Scene, alert, config, equal, minutes, resolved, route
from tests.fakes.memory_storage import MemoryDatabase, MemoryRecords

Step = tuple[int, str, int]
ALERTS = [("Down", "a"), ("Down", "b"), ("Slow", "a"), ("Slow", "b"), ("Slow", "c")]
QUIET = TemporaryFailure("the webhook answered 500")
REFUSED = PermanentFailure("the webhook answered 400")

PLAIN = ["fire", "resolve", "hush", "speak", "reload"]
waits = st.integers(1, 500)


def steps(*kinds: str) -> st.SearchStrategy[list[Step]]:
    return st.lists(st.tuples(waits, st.sampled_from(kinds), st.integers(0, len(ALERTS) - 1)), max_size=14)


def setting() -> RoutingConfig:
    slow = route(
        '{}/{alertname="Slow"}',
        "slow",
        matchers=(equal("alertname", "Slow"),),
        group_by=("instance",),
        goes_on=True,
        repeat_interval=timedelta(hours=1),
    )
    every = route('{}/{alertname=~".+"}', "team", matchers=(equal("absent", ""),), repeat_interval=timedelta(hours=1))
    root = route(routes=(slow, every))
    two = (WebhookReceiver("http://x"), WebhookReceiver("http://y", send_resolved=False))
    return config(root, receivers={"team": Receiver("team", two), "slow": Receiver("slow", two[:1])})


class Freezing(MemoryRecords):
    """Records whose writes hang from some moment on, as in a process that is about to be killed."""

    frozen = False

    async def put_many(self, *args: Any, **more: Any) -> None:
        if self.frozen:
            await asyncio.Event().wait()
        await super().put_many(*args, **more)

    async def put(self, collection: str, key: str, value: JSON, *, at: datetime) -> None:
        await self.put_many(collection, {key: value}, at=at)


class Story:
    """Plays steps; crashes only when `mortal`."""

    def __init__(self, now: Callable[[], datetime], *, mortal: bool) -> None:
        database = MemoryDatabase(now)
        self.records = database.records = Freezing(database.bell)
        self.scene = Scene(now, setting(), database)
        self.mortal = mortal

    async def play(self, story: Sequence[Step]) -> None:
        await self.scene.start()
        for number, (wait, kind, which) in enumerate(story, 1):
            await self._until(wait, number)
            await getattr(self, f"_{kind}")(which)

    async def _until(self, wait: int, number: int) -> None:
        now = (self.scene.now() - virtual_time.START).total_seconds()
        await asyncio.sleep(int(now) + wait + number / 100 - now)

    async def _fire(self, which: int) -> None:
        name, instance = ALERTS[which]
        await self.scene.store.take([alert(self.scene.now(), name, instance=instance)])

    async def _resolve(self, which: int) -> None:
        name, instance = ALERTS[which]
        known = self.scene.store.get(alert(self.scene.now(), name, instance=instance).fingerprint)
        if known is not None and not known.resolved(self.scene.now()):
            await self.scene.store.take([resolved(known, self.scene.now())])

    async def _hush(self, which: int) -> None:
        self.scene.hush.silences["some"] = (equal("instance", "abc"[which % 3]),)

    async def _speak(self, which: int) -> None:
        self.scene.hush.silences.clear()

    async def _reload(self, which: int) -> None:
        await self.scene.dispatcher.reconfigure(setting())

    async def _fail(self, which: int) -> None:
        self._listener(which).broken = QUIET

    async def _refuse(self, which: int) -> None:
        self._listener(which).broken = REFUSED

    async def _hang(self, which: int) -> None:
        self._listener(which).hangs = True

    async def _heal(self, which: int) -> None:
        for listener in self.listeners():
            listener.broken, listener.hangs = None, False

    async def _crash(self, which: int) -> None:
        """Writes nothing for a while, then dies, and another takes over at once."""
        if self.mortal:
            self.records.frozen = True
        await asyncio.sleep(which * 9)
        if self.mortal:
            await self.scene.kill()
            self.records.frozen = False
            await self.scene.start()

    def listeners(self) -> list[Listener]:
        return [one for of_receiver in self.scene.listeners.values() for one in of_receiver]

    def _listener(self, which: int) -> Listener:
        return self.listeners()[which % len(self.listeners())]

    async def calm_down(self) -> None:
        await self._heal(0)
        await self._speak(0)
        await asyncio.sleep(minutes(20).total_seconds())


def told_by_group(listener: Listener) -> dict[str, list[tuple[Reason, frozenset[str], frozenset[str]]]]:
    told = defaultdict(list)
    for one in listener.heard:
        firing, resolved = (frozenset(a.fingerprint for a in alerts) for alerts in (one.firing, one.resolved))
        told[one.group].append((one.reason, firing, resolved))
    return dict(told)


def believed(listener: Listener) -> set[str]:
    """What fires, as someone thinks who only hears this. Who hears no ends cannot know."""
    firing: set[str] = set()
    for one in listener.heard:
        firing |= {alert.fingerprint for alert in one.firing}
        firing -= {alert.fingerprint for alert in one.resolved}
    return firing


def expected(story: Story, root: Route, receiver: str) -> set[str]:
    now = story.scene.now()
    return {
        one.fingerprint
        for one in story.scene.store.all()
        if not one.resolved(now) and (receiver == "team" or one.name == "Slow")
    }


def check(story: Story) -> None:
    for name, (loud, *_) in story.scene.listeners.items():
        assert believed(loud) == expected(story, story.scene.config.route, name)
    # Who hears no ends may hear the same alert begin twice.
    for listener in (one for one in story.listeners() if one.send_resolved):
        for told in told_by_group(listener).values():
            for before, after in pairwise(told):
                assert after[0] is Reason.REPEAT or before[1:] != after[1:]
        check_ends(listener)


def check_ends(listener: Listener) -> None:
    """Ends are a reason only when some of them are news."""
    known: set[tuple[str, str, datetime | None]] = set()
    for one in listener.heard:
        ends = {(one.group, alert.fingerprint, alert.ends_at) for alert in one.resolved}
        if one.reason in {Reason.NEW_RESOLVED, Reason.ALL_RESOLVED}:
            assert ends - known
        known |= ends


def run(script: Sequence[Step], *, mortal: bool) -> Story:
    async def main(now: Callable[[], datetime]) -> Story:
        story = Story(now, mortal=mortal)
        await story.play(script)
        await story.calm_down()
        await story.scene.kill()
        return story

    return virtual_time.run(main)


@settings(max_examples=40, deadline=None)
@example([(1, "fire", 0), (60, "hush", 0), (1, "resolve", 0), (400, "speak", 0)])
@example([(1, "fire", 0), (24, "crash", 1)])
@example([(1, "fire", 2), (1, "fire", 3), (60, "fail", 2), (1, "resolve", 2), (4500, "crash", 0)])
@given(steps(*PLAIN, "fail", "refuse", "hang", "heal", "crash"))
def test_in_the_end_everybody_knows_what_fires_and_nothing_was_told_twice(script: list[Step]) -> None:
    check(run(script, mortal=True))


@settings(max_examples=40, deadline=None)
@example([(1, "fire", 0), (10, "crash", 0), (60, "fire", 1), (60, "crash", 1)])
@example([(1, "fire", 0), (60, "fire", 1), (5, "resolve", 1), (5, "crash", 0)])
@given(steps(*PLAIN, "crash"))
def test_crashes_change_nothing_of_what_is_told(script: list[Step]) -> None:
    smooth, rough = run(script, mortal=False), run(script, mortal=True)
    for one, other in zip(smooth.listeners(), rough.listeners(), strict=True):
        assert told_by_group(one) == told_by_group(other)
        late = [abs(a - b) for a, b in zip(one.times, other.times, strict=True)]
        assert max(late, default=timedelta(0)) < timedelta(seconds=1)
