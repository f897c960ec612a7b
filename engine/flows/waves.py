"""What has to come before what: a dependency graph in layers. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from engine.errors import Invalid

Needs = Mapping[str, Collection[str]]
"""What each one needs, by name. What is needed and is no name itself is there already."""


def waves(needs: Needs) -> tuple[tuple[str, ...], ...]:
    """The names in layers: each after all that it needs, as early as that allows, within a layer in the order given.

    Raises Invalid naming the whole circle, when some wait for one another.
    """
    circle = find_circle(needs)
    if circle:
        told = " needs ".join(circle)
        raise Invalid(f"These wait for one another: {told}.", "Take one of these needs away.", field="depends_on")
    return tuple(_layers(needs))


def find_circle(needs: Needs) -> tuple[str, ...]:
    """The names of one circle, the first one again at its end; nothing when there is no circle."""
    left = set(needs) - {name for layer in _layers(needs) for name in layer}
    if not left:
        return ()
    at, path = next(name for name in needs if name in left), list[str]()
    while at not in path:
        path.append(at)
        at = next(name for name in needs[at] if name in left)  # whoever is left waits for one that is left
    return (*path[path.index(at) :], at)


def within(needs: Needs, chosen: Collection[str]) -> dict[str, tuple[str, ...]]:
    """What each of the chosen needs of the others that are chosen, also by way of those that are not.

    Raises Invalid naming the whole circle, when some of what is needed wait for one another.
    """
    reached = {name: _reached(needs, name) for name in chosen}
    concerned = set(chosen).union(*reached.values())
    waves({name: needed for name, needed in needs.items() if name in concerned})
    return {name: tuple(one for one in chosen if one in reached[name]) for name in chosen}


def _layers(needs: Needs) -> list[tuple[str, ...]]:
    """As many layers as can be made; what is part of a circle, or needs one, is in none."""
    left = dict(needs)
    layers = []
    while layer := tuple(name for name, needed in left.items() if not any(one in left for one in needed)):
        layers.append(layer)
        left = {name: needed for name, needed in left.items() if name not in layer}
    return layers


def _reached(needs: Needs, start: str) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        new = set(needs.get(waiting.pop(), ())) - found
        found |= new
        waiting += new
    return found
