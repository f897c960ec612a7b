"""When the Home tab is published: on opening, and again when something changed, for strangers as well."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.chat.home import LOOKING, MOST, HomeTab
from bot.readings.now import OnCallRow, Overview
from engine.commands import Actor
from tests.fakes.chat import FakePlatform
from tests.fakes.clock import VirtualClock
from tests.fakes.front import directory

ADA, EVE, GUS = Actor("slack", "U0ADA", "T0"), Actor("slack", "U0EVE", "T0"), Actor("slack", "U0GUEST", "T0")


class Readings:
    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.on_call: list[Any] = []

    async def waiting_for(self, *_: object) -> list[Any]:
        return []

    async def overview(self) -> Overview:
        return Overview(self.clock(), (), (), (), (), (), tuple(self.on_call))


class Trial:
    def __init__(self) -> None:
        self.clock = VirtualClock(datetime.fromisoformat("2026-01-05T09:00:00+00:00"))
        self.platform = FakePlatform(self.clock, latency=0)
        self.readings = Readings(self.clock)
        readings: Any = self.readings
        self.home = HomeTab(self.platform, readings, directory, lambda person: person, now=self.clock)

    def published(self) -> int:
        return [method for method, _, _ in self.platform.calls].count("publish_home")


@pytest.fixture
def trial() -> Trial:
    return Trial()


async def test_it_is_shown_on_every_opening_and_again_only_when_it_changed(trial: Trial) -> None:
    await trial.home.opened(ADA)
    for _ in range(5):
        trial.clock.advance(timedelta(seconds=3))
        await trial.home.refresh()
    assert trial.published() == 1
    trial.readings.on_call = [OnCallRow("primary", None, None, None)]
    await trial.home.refresh()
    assert trial.published() == 2
    await trial.home.opened(ADA)
    assert trial.published() == 3


async def test_strangers_and_guests_see_why_it_is_empty(trial: Trial) -> None:
    await trial.home.opened(EVE)
    assert "I do not know you" in str(trial.platform.homes["U0EVE"])
    await trial.home.opened(GUS, "guest")
    assert "Guests of the workspace may not" in str(trial.platform.homes["U0GUEST"])


async def test_who_looked_long_ago_is_left_alone(trial: Trial) -> None:
    await trial.home.opened(ADA)
    trial.clock.advance(LOOKING + timedelta(seconds=1))
    trial.readings.on_call = [OnCallRow("primary", None, None, None)]
    await trial.home.refresh()
    assert trial.published() == 1


async def test_a_home_that_slack_did_not_take_is_tried_again(trial: Trial) -> None:
    trial.platform.order("publish_home", "error")
    await trial.home.opened(ADA)
    assert "U0ADA" not in trial.platform.homes
    await trial.home.refresh()
    assert "U0ADA" in trial.platform.homes


async def test_only_the_last_lookers_are_remembered(trial: Trial) -> None:
    for number in range(MOST + 5):
        await trial.home.opened(Actor("slack", f"U{number}", "T0"))
    trial.platform.calls.clear()
    trial.platform.homes.clear()
    for look in trial.home._lookers.values():
        look.shown = None
    await trial.home.refresh()
    assert trial.published() == MOST
