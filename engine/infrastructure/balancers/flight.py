"""Which of a placement's versions is the new one. Pure.

The port tells only weights, and these do not say it: a canary ends with all of the traffic, and the version it
replaced stays named with none. The order in which versions came does.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from engine.catalog import Version
from engine.infrastructure.balancers.orders import Route


def following(known: Sequence[Version], route: Route) -> Route:
    """The route with the versions it names in the order they came, after one that knew `known`.

    Of versions first named at once, as after the loss of all memory, the one with the most traffic was there before.
    """
    named = {member.version for member in route.members} | {name for name, share in route.weights.items() if share > 0}
    order = dict.fromkeys((*(one.version for one in route.members), *route.weights))
    fresh = [version for version in order if version in named and version not in known]
    fresh.sort(key=lambda version: -route.weights.get(version, 0))
    kept = [version for version in known if version in named]
    return msgspec.structs.replace(route, known=(*kept, *fresh))


def in_flight(route: Route) -> Version | None:
    """The version that came last beside others; None when there is only one, or none."""
    return route.known[-1] if len(route.known) > 1 else None


def previewed(route: Route) -> Version | None:
    """The version in flight while it is told no share of the traffic."""
    version = in_flight(route)
    return version if version is not None and not route.weights.get(version, 0) else None
