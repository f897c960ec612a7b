from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from alerting.rules.schedule import SLOT, offset, turn

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(("seconds", "grid"), [(1, 1), (5, 1), (10, 2), (15, 3), (25, 5), (60, 5), (300, 5)])
def test_groups_lie_on_a_grid_and_fill_its_places(seconds: int, grid: int) -> None:
    places = Counter(offset(("rules.yml", f"group {n}"), timedelta(seconds=seconds)) // SLOT for n in range(2000))
    assert all(place % grid == 0 and 0 <= place < seconds for place in places)
    assert len(places) == seconds // grid
    assert max(places.values()) < 2 * 2000 * grid / seconds + 20


@pytest.mark.parametrize("interval", [timedelta(seconds=n) for n in (1, 7, 15, 60)] + [timedelta(seconds=1.5)])
def test_every_turn_comes_once(interval: timedelta) -> None:
    turns = [turn(START + n * SLOT, ("f", "g"), interval) for n in range(180)]
    numbers = [number for number in turns if number is not None]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert abs(len(numbers) - 180 * SLOT / interval) <= 1


def test_every_replica_finds_the_same_place() -> None:
    assert offset(("rules.yml", "a"), timedelta(minutes=1)) == 40 * SLOT
