"""Work in slices: a large incident must not keep everything else waiting. Pure."""

from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

T = TypeVar("T")

AT_ONCE: Final = 500  # alerts, some ten milliseconds of work


def slices(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Yield the items, so many at once; whoever takes them gives way in between."""
    return (items[first : first + AT_ONCE] for first in range(0, len(items), AT_ONCE))
