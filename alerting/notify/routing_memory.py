"""Remembers which routes and group keys label sets have: many alerts differ in labels that no route asks for. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from alerting.notify.group import group_id
from alerting.routing.tree import ALL_LABELS, Route, group_key, matching

MOST: Final = 50_000  # remembered answers; more begin anew
Values = tuple[str | None, ...]


class Place(NamedTuple):
    """A group that an alert belongs in: its id, its route and its key."""

    id: str
    route: Route
    key: str


class Routing:
    """A routing tree that is asked often."""

    def __init__(self, root: Route) -> None:
        self._root = root
        self._asked = tuple(sorted({matcher.name for route in root.walk() for matcher in route.matchers}))
        grouping = {name for route in root.walk() for name in route.group_by}
        self._deciding = None if ALL_LABELS in grouping else tuple(sorted({*self._asked, *grouping}))
        self._places: dict[Values, Sequence[Place]] = {}
        self._routes: dict[Values, Sequence[Route]] = {}
        self._keys: dict[tuple[str, Values], str] = {}

    def routes(self, labels: Mapping[str, str]) -> Sequence[Route]:
        """See `matching`: only the labels that some matcher names decide."""
        values = tuple(map(labels.get, self._asked))
        found = self._routes.get(values)
        if found is None:
            if len(self._routes) >= MOST:
                self._routes.clear()
            found = self._routes[values] = matching(self._root, labels)
        return found

    def places(self, labels: Mapping[str, str]) -> Sequence[Place]:
        """Where an alert with these labels belongs: one group for every route that matches."""
        if self._deciding is None:
            return self._places_of(labels)
        values = tuple(map(labels.get, self._deciding))
        found = self._places.get(values)
        if found is None:
            if len(self._places) >= MOST:
                self._places.clear()
            found = self._places[values] = self._places_of(labels)
        return found

    def _places_of(self, labels: Mapping[str, str]) -> Sequence[Place]:
        keys = ((route, self.key(route, labels)) for route in self.routes(labels))
        return tuple(Place(group_id(route, key), route, key) for route, key in keys)

    def key(self, route: Route, labels: Mapping[str, str]) -> str:
        """See `group_key`: only the labels that the route groups by decide."""
        if ALL_LABELS in route.group_by:
            return group_key(route, labels)
        values = (route.id, tuple(map(labels.get, route.group_by)))
        found = self._keys.get(values)
        if found is None:
            if len(self._keys) >= MOST:
                self._keys.clear()
            found = self._keys[values] = group_key(route, labels)
        return found
