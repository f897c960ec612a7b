"""The rule of an HTTPRoute for requests that carry a pin, which sends them to the version in flight. Pure.

https://gateway-api.sigs.k8s.io/reference/spec/: of rules that fit by host, path and method alike, the one with more
header matches counts. What a regular expression may be, and whether a gateway takes any, is the gateway's own matter.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from engine.catalog import Version
from engine.errors import PermanentFailure
from engine.infrastructure.flights import cookie_pattern
from engine.infrastructure.kubernetes.kinds import Json
from engine.infrastructure.kubernetes.route import our_rule, pins_at, pins_rule
from engine.strategy_specs import Pin
from engine.targets import KubernetesTarget

_EVERYTHING: Final = ({"path": {"type": "PathPrefix", "value": "/"}},)  # what a rule without matches stands for


@dataclass(frozen=True, slots=True)
class Pinned:
    """Where pinned requests go: the Service of the version in flight."""

    pin: Pin
    service: str


def header_of(pin: Pin) -> dict[str, str]:
    """What a request has to carry, as a match of a header."""
    if pin.kind == "header":
        return {"type": "Exact", "name": pin.name, "value": pin.value}
    return {"type": "RegularExpression", "name": "Cookie", "value": cookie_pattern(pin)}


def note_of(pinned: Pinned | None) -> str | None:
    """The annotation by which the rule is known again; None drops it."""
    return json.dumps(header_of(pinned.pin), sort_keys=True) if pinned else None


def rules_with(
    route: Json, target: KubernetesTarget, names: Mapping[str, Version], rule: Json, pinned: Pinned | None
) -> list[Json]:
    """The route's rules with `rule` as ours and, just before it, the one for pinned requests, or none of that.

    Raises PermanentFailure when our rule asks for that header already.
    """
    ours, pins = our_rule(route, target, names), pins_at(route, target, names)
    mine = [rule] if pinned is None else [_pins(rule, target, pinned), rule]
    rules: Sequence[Json] = route["spec"]["rules"]
    return [
        one
        for index, there in enumerate(rules)
        for one in (mine if index == ours else () if index == pins else (there,))
    ]


def same(before: Sequence[Json], after: Sequence[Json]) -> bool:
    """Whether these rules are the same, but for names, which some clusters do not keep and nothing here changes."""
    return [_nameless(one) for one in before] == [_nameless(one) for one in after]


def is_pinned(route: Json, target: KubernetesTarget, names: Mapping[str, Version], pinned: Pinned) -> bool:
    """Whether the route has just the rule that these pinned requests need."""
    rules: Sequence[Json] = route["spec"]["rules"]
    rule = rules[our_rule(route, target, names)]
    known = any(ref.get("name") == pinned.service for ref in rule.get("backendRefs") or ())
    return known and same(rules, rules_with(route, target, names, rule, pinned))


def _pins(rule: Json, target: KubernetesTarget, pinned: Pinned) -> dict[str, Any]:
    """Our rule for requests that carry the pin too: all to one version, with the same filters and timeouts."""
    ref = next(one for one in rule["backendRefs"] if one["name"] == pinned.service)
    kept = {key: value for key, value in rule.items() if key != "sessionPersistence"}
    matches = [_narrowed(one, target, pinned.pin) for one in rule.get("matches") or _EVERYTHING]
    return {**kept, "name": pins_rule(target), "matches": matches, "backendRefs": [{**ref, "weight": 1}]}


def _narrowed(match: Json, target: KubernetesTarget, pin: Pin) -> Json:
    asked, header = match.get("headers") or [], header_of(pin)
    if any(one["name"].lower() == header["name"].lower() for one in asked):
        raise PermanentFailure(
            f"The rule of HTTPRoute {target.route} that is split between versions asks for the header "
            f"{header['name']} already, and a request cannot be pinned by the same one.",
            "Pin by another header in the strategy, or take the match out of the rule.",
        )
    return {**match, "headers": [*asked, header]}


def _nameless(rule: Json) -> Json:
    return {key: value for key, value in rule.items() if key != "name"}
