"""How the number of expressions in a query follows what they cost."""

from collections.abc import Callable

from alerting.rules.width import LADDER, Width


def run(width: Width, cost: Callable[[int], float], times: int = 3000) -> list[int]:
    """The sizes used, one query after the other; `cost` is seconds for a query of a size."""
    sizes = []
    for _ in range(times):
        sizes.append(width.size)
        width.answered(width.size, cost(width.size))
    return sizes


def test_starts_at_fifty() -> None:
    assert Width().size == 50


def test_grows_where_larger_costs_less() -> None:
    width = Width()
    sizes = run(width, lambda size: 0.01 + 0.0001 * size)
    assert 100 in sizes
    assert sizes[-1] == 100


def test_shrinks_where_smaller_costs_less_and_seldom_tries_otherwise() -> None:
    sizes = run(Width(), lambda size: 0.00001 * size * size)
    assert sizes.count(100) == 0
    assert sizes[-1] <= 10


def test_stays_where_nothing_is_gained() -> None:
    sizes = run(Width(), lambda size: 0.001 * size)
    assert sizes.count(50) > len(sizes) * 0.9


def test_queries_that_are_not_full_say_nothing() -> None:
    width = Width()
    for _ in range(1000):
        width.answered(20, 1.0)
    assert width.size == 50


def test_takes_fewer_when_together_they_are_too_much() -> None:
    width = Width()
    width.refused(50)
    assert width.size == 25
    assert 50 not in run(width, lambda size: 0.01 + 0.0001 * size, times=1000)
    assert 50 in run(width, lambda size: 0.01 + 0.0001 * size, times=10_000)


def test_never_leaves_the_ladder() -> None:
    width = Width()
    for size in (1, 2, 50, 25, 10, 5, 2, 1):
        width.refused(size)
        assert width.size in LADDER
    assert width.size == 1
