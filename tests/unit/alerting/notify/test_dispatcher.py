"""From alert to notification in virtual time."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace

from alerting.errors import PermanentFailure, TemporaryFailure
from alerting.routing.config import InhibitRule, Receiver, WebhookReceiver
from alerting.routing.intervals import TimeInterval
from tests.fakes import virtual_time
from tests.fakes.dispatch import Scene, config, equal, minutes, route, seconds

Now = Callable[[], datetime]
PLAIN = config(route())


def play(story: Callable[[Scene], Awaitable[None]], setting: object = PLAIN) -> Scene:
    """Run a story from start to end in virtual time."""

    async def main(now: Now) -> Scene:
        scene = await Scene(now, setting).start()  # type: ignore[arg-type]
        await story(scene)
        await scene.kill()
        return scene

    return virtual_time.run(main)


async def after(time: timedelta) -> None:
    await asyncio.sleep(time.total_seconds())


def elapsed(scene: Scene) -> list[float]:
    return [round((at - virtual_time.START).total_seconds(), 3) for at in scene.team.times]


def test_a_group_waits_for_company_and_tells_changes_at_its_interval() -> None:
    async def story(scene: Scene) -> None:
        await scene.fire(instance="a")
        await after(seconds(10))
        b = await scene.fire(instance="b")
        await after(seconds(25))
        await scene.fire(instance="c")
        await scene.resolve(b)
        await after(minutes(10))

    scene = play(story)
    assert scene.team.told() == [("first", ["a", "b"], []), ("new alerts fire", ["a", "c"], ["b"])]
    assert elapsed(scene) == [30, 330]


def test_a_group_that_grows_is_not_written_again() -> None:
    async def story(scene: Scene) -> None:
        writes = []
        for name in "abc":
            await scene.fire(instance=name)
            await after(seconds(2))
            writes.append((await scene.database.records.changes("groups", after=0))[0])
        await after(seconds(60))
        writes.append((await scene.database.records.changes("groups", after=0))[0])
        # Once when it is made, later when it is told; its members are not kept with it.
        assert writes[0] == writes[1] == writes[2] < writes[3]

    assert play(story).team.told() == [("first", ["a", "b", "c"], [])]


def test_an_old_alert_does_not_wait() -> None:
    async def story(scene: Scene) -> None:
        one = await scene.fire(instance="a")
        await scene.store.take([replace(one, starts_at=scene.now() - minutes(1), updated_at=scene.now())])
        await after(seconds(1))

    assert elapsed(play(story)) == [0]


def test_what_fires_on_is_repeated() -> None:
    async def story(scene: Scene) -> None:
        await scene.fire(instance="a")
        await after(timedelta(hours=9))

    scene = play(story)
    assert [told[0] for told in scene.team.told()] == ["first", "repeat interval passed", "repeat interval passed"]
    assert elapsed(scene) == [30, 30 + 14700, 30 + 29400]


def test_the_end_of_all_is_told_once_and_the_group_is_forgotten() -> None:
    async def story(scene: Scene) -> None:
        one = await scene.fire(instance="a")
        await after(minutes(1))
        await scene.resolve(one)
        await after(minutes(10))
        assert not scene.dispatcher.groups()
        await scene.fire(instance="a")
        await after(minutes(1))

    scene = play(story)
    assert scene.team.told() == [("first", ["a"], []), ("all resolved", [], ["a"]), ("first", ["a"], [])]
    assert elapsed(scene) == [30, 330, 690]


def test_an_alert_that_is_not_told_again_ends_by_itself() -> None:
    async def story(scene: Scene) -> None:
        await scene.fire(instance="a", lasts=minutes(3))
        await after(minutes(6))

    assert play(story).team.told() == [("first", ["a"], []), ("all resolved", [], ["a"])]


def test_nobody_hears_of_an_alert_that_ended_before_it_was_told() -> None:
    async def story(scene: Scene) -> None:
        one = await scene.fire(instance="a")
        await after(seconds(5))
        await scene.resolve(one)
        await after(minutes(10))
        assert not scene.dispatcher.groups()

    assert play(story).team.told() == []


def test_an_end_under_a_silence_is_told_when_the_silence_ends() -> None:
    async def story(scene: Scene) -> None:
        one = await scene.fire(instance="a")
        await after(minutes(1))
        scene.hush.silences["quiet"] = (equal("instance", "a"),)
        await scene.resolve(one)
        await after(timedelta(hours=20))
        assert len(scene.team.heard) == 1
        del scene.hush.silences["quiet"]
        await after(minutes(5))

    assert play(story).team.told() == [("first", ["a"], []), ("all resolved", [], ["a"])]


def test_an_end_under_a_silence_is_owed_even_after_tellings_without_it() -> None:
    async def story(scene: Scene) -> None:
        one, other = await scene.fire(instance="a"), await scene.fire(instance="b")
        await after(minutes(1))
        scene.hush.silences["quiet"] = (equal("instance", "a"),)
        await after(timedelta(hours=5))
        await scene.resolve(one)
        await scene.resolve(other)
        await after(minutes(6))
        del scene.hush.silences["quiet"]
        await after(minutes(6))
        assert not scene.dispatcher.groups()

    assert play(story).team.told() == [
        ("first", ["a", "b"], []),
        ("repeat interval passed", ["b"], []),
        ("all resolved", [], ["b"]),
        ("all resolved", [], ["a"]),
    ]


def test_an_alert_silenced_all_along_is_never_told() -> None:
    async def story(scene: Scene) -> None:
        scene.hush.silences["quiet"] = (equal("instance", "a"),)
        one = await scene.fire(instance="a")
        await after(minutes(1))
        await scene.resolve(one)
        await after(minutes(5))
        scene.hush.silences.clear()
        await after(minutes(10))
        assert not scene.dispatcher.groups()

    assert play(story).team.told() == []


def test_one_alert_inhibits_another_while_it_fires() -> None:
    rule = InhibitRule((equal("alertname", "Datacenter"),), (equal("alertname", "Down"),), ("site",))

    async def story(scene: Scene) -> None:
        source = await scene.fire("Datacenter", site="x", instance="dc")
        await scene.fire(site="x", instance="a")
        await scene.fire(site="y", instance="b")
        await after(minutes(1))
        assert [scene.dispatcher.status_of(one).inhibited_by for one in scene.store.all()] == [
            (),
            (source.fingerprint,),
            (),
        ]
        await scene.resolve(source)
        await after(minutes(6))

    told = play(story, config(route(), inhibit_rules=(rule,))).team.told()
    assert sorted(told[:2]) == [("first", ["b"], []), ("first", ["dc"], [])]
    assert sorted(told[2:]) == [("all resolved", [], ["dc"]), ("new alerts fire", ["a", "b"], [])]


def test_a_route_is_mute_in_its_times() -> None:
    muted = route(mute_time_intervals=("morning",))
    intervals = {"morning": (TimeInterval(times=((9 * 60, 10 * 60),)),)}

    async def story(scene: Scene) -> None:
        await scene.fire(instance="a")
        await after(minutes(30))
        assert scene.dispatcher.groups()[0].muted_by == ("morning",)
        await after(minutes(40))

    scene = play(story, config(muted, time_intervals=intervals))
    assert scene.team.told() == [("first", ["a"], [])]
    assert elapsed(scene) == [3630]


def test_a_route_speaks_only_in_its_active_times() -> None:
    muted = route(active_time_intervals=("later",))
    intervals = {"later": (TimeInterval(times=((10 * 60, 11 * 60),)),)}

    async def story(scene: Scene) -> None:
        await scene.fire(instance="a")
        await after(minutes(70))

    assert elapsed(play(story, config(muted, time_intervals=intervals))) == [3630]


def test_who_wants_no_ends_hears_none() -> None:
    quiet = config(route(), receivers={"team": Receiver("team", (WebhookReceiver("http://x", send_resolved=False),))})

    async def story(scene: Scene) -> None:
        one, other = await scene.fire(instance="a"), await scene.fire(instance="b")
        await after(minutes(1))
        await scene.resolve(one)
        await after(minutes(5))
        await scene.resolve(other)
        await after(minutes(5))
        assert not scene.dispatcher.groups()
        await scene.fire(instance="a")
        await after(minutes(1))

    assert play(story, quiet).team.told() == [("first", ["a", "b"], []), ("first", ["a"], [])]


def test_a_failing_receiver_is_tried_with_growing_pauses_and_nothing_is_lost() -> None:
    async def story(scene: Scene) -> None:
        scene.team.broken = TemporaryFailure("the webhook answered 500")
        await scene.fire(instance="a")
        await after(timedelta(hours=1))
        (failing,) = scene.dispatcher.failing()
        assert (failing.receiver, failing.last_error) == ("team", "the webhook answered 500")
        assert 31 > (failing.since - virtual_time.START).total_seconds() >= 30
        scene.team.broken = None
        await after(minutes(2))
        assert not scene.dispatcher.failing()

    scene = play(story)
    assert scene.team.told() == [("first", ["a"], [])]
    pauses = [(b - a).total_seconds() for a, b in zip(scene.team.tries, scene.team.tries[1:], strict=False)]
    assert 0.25 <= pauses[0] <= 0.75
    assert max(pauses) <= 90


def test_a_receiver_that_names_a_time_is_left_alone_until_then() -> None:
    async def story(scene: Scene) -> None:
        scene.team.failures.append(TemporaryFailure("429", retry_after=minutes(7)))
        await scene.fire(instance="a")
        await after(minutes(20))

    scene = play(story)
    assert [round((at - virtual_time.START).total_seconds()) for at in scene.team.tries] == [30, 450]
    assert scene.team.told() == [("first", ["a"], [])]


def test_a_refusal_is_not_repeated_before_the_next_flush() -> None:
    async def story(scene: Scene) -> None:
        scene.team.failures.append(PermanentFailure("the webhook answered 400"))
        await scene.fire(instance="a")
        await after(minutes(6))

    scene = play(story)
    assert [round((at - virtual_time.START).total_seconds()) for at in scene.team.tries] == [30, 330]


def test_a_fault_in_telling_one_receiver_ends_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    async def story(scene: Scene) -> None:
        scene.team.failures.append(KeyError("channel"))
        await scene.fire(instance="a")
        await scene.fire("Slow", instance="b")
        await after(minutes(1))
        assert len(scene.team.heard) == 1
        await after(minutes(6))

    assert sorted(play(story).team.told()) == [("first", ["a"], []), ("first", ["b"], [])]
    assert "nobody foresaw" in caplog.text


def test_one_receiver_that_hangs_keeps_nobody_waiting() -> None:
    both = config(
        route(),
        receivers={"team": Receiver("team", (WebhookReceiver("http://x"), WebhookReceiver("http://y")))},
    )

    async def story(scene: Scene) -> None:
        hanging, well = scene.listeners["team"]
        hanging.hangs = True
        one = await scene.fire("Down", instance="a")
        await scene.fire("Slow", instance="b")
        await after(minutes(1))
        assert len(well.heard) == 2
        await scene.resolve(one)
        await after(minutes(5))
        assert len(well.heard) == 3
        await after(minutes(55))
        assert scene.dispatcher.failing()[0].target.index == 0
        hanging.hangs = False
        await after(minutes(6))
        assert sorted(hanging.told()) == [("first", ["b"], [])]
        assert len(well.heard) == 3

    play(story, both)


def test_a_group_goes_on_where_a_restart_found_it() -> None:
    async def story(scene: Scene) -> None:
        await scene.fire(instance="a")
        await after(seconds(10))
        await scene.kill()
        await after(seconds(10))
        await scene.start()
        await after(minutes(1))
        await scene.fire(instance="b")
        await scene.kill()
        await after(minutes(2))
        await scene.start()
        await after(minutes(6))

    scene = play(story)
    assert scene.team.told() == [("first", ["a"], []), ("new alerts fire", ["a", "b"], [])]
    assert elapsed(scene) == [30, 330]


def test_a_restart_between_telling_and_knowing_repeats_the_key() -> None:
    async def story(scene: Scene) -> None:
        await scene.fire(instance="a")
        await after(seconds(29))
        kept = scene.database.records._values.copy()
        log = scene.database.log._events.copy()
        await after(seconds(5))
        await scene.kill()
        # What was written with and after the telling is lost.
        scene.database.records._values = kept
        scene.database.log._events = log
        await scene.start()
        await after(minutes(10))

    scene = play(story)
    assert scene.team.told() == [("first", ["a"], [])]
    assert len(scene.team.repeated) == 1


def test_an_alert_lives_on_while_nobody_listened() -> None:
    async def story(scene: Scene) -> None:
        await scene.fire(instance="a", lasts=minutes(4))
        await after(minutes(1))
        await scene.kill()
        await after(minutes(30))
        await scene.start()
        await after(minutes(2))
        assert len(scene.team.heard) == 1
        await after(minutes(7))

    assert play(story).team.told() == [("first", ["a"], []), ("all resolved", [], ["a"])]


def test_every_telling_is_listed_with_its_reason() -> None:
    async def story(scene: Scene) -> None:
        scene.team.failures.append(PermanentFailure("the webhook answered 400", "correct it"))
        one = await scene.fire(instance="a")
        await after(minutes(6))
        await scene.resolve(one)
        await after(minutes(6))
        listed = [(event.type, event.data["reason"]) for event in await scene.database.log.read("notifications")]
        assert listed == [
            ("NotificationFailed", "first"),
            ("NotificationSent", "first"),
            ("NotificationSent", "all resolved"),
        ]

    play(story)


def test_another_configuration_keeps_what_was_told() -> None:
    child = route('{}/{alertname="Slow"}', "other", matchers=(equal("alertname", "Slow"),), group_wait=timedelta(0))
    more = config(route(routes=(child,)))

    async def story(scene: Scene) -> None:
        await scene.fire(instance="a")
        await scene.fire("Slow", instance="b")
        await after(minutes(1))
        await scene.dispatcher.reconfigure(more)
        await after(seconds(1))
        assert scene.listeners["other"][0].told() == [("first", ["b"], [])]
        await scene.fire(instance="c")
        await after(minutes(6))

    scene = play(story)
    assert sorted(scene.team.told()[:2]) == [("first", ["a"], []), ("first", ["b"], [])]
    assert scene.team.told()[2:] == [("new alerts fire", ["a", "c"], [])]
    assert elapsed(scene)[2] == 330


def test_a_mended_receiver_is_told_at_once() -> None:
    mended = config(route(), receivers={"team": Receiver("team", (WebhookReceiver("http://mended"),))})

    async def story(scene: Scene) -> None:
        scene.team.broken = TemporaryFailure("the wrong address")
        await scene.fire(instance="a")
        await after(minutes(1))
        scene.team.broken = None
        await scene.dispatcher.reconfigure(mended)
        await after(seconds(1))
        assert scene.team.told() == [("first", ["a"], [])]
        assert scene.dispatcher.failing() == []

    play(story)


def shifting(by: timedelta, *, at: timedelta) -> Callable[[Now], Now]:
    """A clock that is set by so much at that time."""
    when = virtual_time.START + at
    return lambda now: lambda: now() + by if now() >= when else now()


def play_with_clock(story: Callable[[Scene], Awaitable[None]], clock: Callable[[Now], Now]) -> Scene:
    async def main(now: Now) -> Scene:
        scene = await Scene(clock(now), PLAIN).start()
        await story(scene)
        await scene.kill()
        return scene

    return virtual_time.run(main)


def test_a_clock_that_is_set_forward_ends_no_alert() -> None:
    async def story(scene: Scene) -> None:
        await scene.fire(instance="a", lasts=minutes(20))
        await after(minutes(15))
        assert len(scene.team.heard) == 1
        await after(minutes(10))

    scene = play_with_clock(story, shifting(timedelta(hours=2), at=minutes(5)))
    assert scene.team.told() == [("first", ["a"], []), ("all resolved", [], ["a"])]


def test_a_clock_that_is_set_back_keeps_nobody_waiting() -> None:
    async def story(scene: Scene) -> None:
        await scene.fire(instance="a")
        await after(seconds(70))
        await scene.fire(instance="b")
        await after(minutes(5))

    scene = play_with_clock(story, shifting(-timedelta(hours=2), at=minutes(1)))
    assert scene.team.told() == [("first", ["a"], []), ("new alerts fire", ["a", "b"], [])]
