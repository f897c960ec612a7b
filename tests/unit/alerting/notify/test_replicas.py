"""Replicas on one database: one dispatches, the others follow, and one of those takes over."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from alerting.notify.status import AlertState
from alerting.routing.config import InhibitRule
from tests.fakes import virtual_time
from tests.fakes.dispatch import Scene, config, equal, minutes, route, seconds

RULE = InhibitRule((equal("alertname", "Datacenter"),), (equal("alertname", "Down"),), ())
SETTING = config(route(), inhibit_rules=(RULE,))


async def follower(scene: Scene) -> Scene:
    """Another replica on the scene's database, with the scene's receivers and silences."""
    other = Scene(scene.now, SETTING, scene.database)
    other.listeners, other.hush = scene.listeners, scene.hush
    other.build()
    await other.dispatcher.load()
    return other


async def both_for(first: Scene, second: Scene, time: float) -> None:
    for _ in range(int(time)):
        await asyncio.sleep(1)
        await first.store.poll()
        await second.dispatcher.follow(second.now())


def test_a_follower_lists_what_the_other_tells_and_takes_over_from_it() -> None:
    async def main(now: Callable[[], datetime]) -> Scene:
        first = await Scene(now, SETTING).start()
        second = await follower(first)
        source = await second.fire("Datacenter", instance="dc")
        down = await second.fire(instance="a")
        await both_for(first, second, 60)
        for one in (first, second):
            assert [group.labels["alertname"] for group in one.dispatcher.groups()] == ["Datacenter", "Down"]
            assert one.dispatcher.status_of(down).state is AlertState.SUPPRESSED
        await first.resolve(source)
        await both_for(first, second, 400)
        assert [group.labels["alertname"] for group in second.dispatcher.groups()] == ["Down"]
        assert second.dispatcher.status_of(down).state is AlertState.ACTIVE
        await first.kill()
        await second.resolve(down)
        await second.start()
        await asyncio.sleep(minutes(10).total_seconds())
        await second.kill()
        return second

    told = virtual_time.run(main).team.told()
    assert told == [
        ("first", ["dc"], []),
        ("all resolved", [], ["dc"]),
        ("first", ["a"], []),
        ("all resolved", [], ["a"]),
    ]


def test_an_alert_that_another_replica_hears_on_does_not_end() -> None:
    async def main(now: Callable[[], datetime]) -> Scene:
        first = await Scene(now, SETTING).start()
        second = await follower(first)
        one = await second.fire(instance="a", lasts=minutes(2))
        for _ in range(20):
            await both_for(first, second, 30)
            assert second.store.touch(one.fingerprint, now() + minutes(2), now())
        await asyncio.sleep(seconds(1).total_seconds())
        await first.kill()
        return first

    assert virtual_time.run(main).team.told() == [("first", ["a"], [])]
