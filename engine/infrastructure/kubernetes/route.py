"""An HTTPRoute's rule that is ours, its weights, and whether its gateways have taken them. Pure.

https://gateway-api.sigs.k8s.io/reference/spec/: a backendRef without a weight has 1; requests to a rule whose weights
are all 0 are answered 500; a condition holds for the generation it names.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from typing import Any, Final

from engine.catalog import Version
from engine.errors import PermanentFailure
from engine.infrastructure.kubernetes.kinds import Json
from engine.infrastructure.kubernetes.names import PIN
from engine.targets import KubernetesTarget

_NEEDED: Final = ("Accepted", "ResolvedRefs")


class Standing(StrEnum):
    """What the gateways say to the present generation of a route."""

    TAKEN = "taken"
    PENDING = "pending"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The worst that any gateway says, in its own words."""

    standing: Standing
    words: str = ""


def pins_rule(target: KubernetesTarget) -> str:
    """The name of the rule for requests that are pinned to a version by a header; the weights' rule is never it."""
    return f"{target.name}-pins"


def our_rule(route: Json, target: KubernetesTarget, names: Mapping[str, Version]) -> int:
    """Which of the route's rules holds our weights, from 0.

    The one called `<name>`, else the only one that sends to a Service of ours, else the only one there is. Raises
    PermanentFailure when that does not tell.
    """
    rules, pins = _rules(route), pins_at(route, target, names)
    open_to_us = [index for index in range(len(rules)) if index != pins]
    called = [index for index in open_to_us if rules[index].get("name") == target.name]
    ours = [index for index in open_to_us if any(is_ours(ref, target, names) for ref in _refs(rules[index]))]
    for found in (called, ours, open_to_us):
        if len(found) == 1:
            return found[0]
    raise PermanentFailure(
        f"HTTPRoute {target.route} in namespace {target.namespace} has {len(rules)} rules, and none is clearly ours.",
        f"Give the rule that is to be split between versions the name {target.name}.",
    )


def pins_at(route: Json, target: KubernetesTarget, names: Mapping[str, Version]) -> int | None:
    """Which of the route's rules is the one for pinned requests; None when there is none.

    A cluster that keeps no names of rules has it without: then it is the one for the header that the route's
    annotation says, to one Service of ours.
    """
    rules, header = _rules(route), _noted_header(route)
    called = (index for index, rule in enumerate(rules) if rule.get("name") == pins_rule(target))
    alike = (index for index, rule in enumerate(rules) if header is not None and _is_for(header, rule, names))
    return next(chain(called, alike), None)


def is_ours(ref: Json, target: KubernetesTarget, names: Mapping[str, Version]) -> bool:
    """Whether a backendRef is a version's Service, or the Service `service` that the route led to before us."""
    if ref.get("kind", "Service") != "Service" or ref.get("namespace", target.namespace) != target.namespace:
        return False
    return ref["name"] in names or (bool(target.service) and ref["name"] == target.service)


def weights_of(rule: Json, target: KubernetesTarget, names: Mapping[str, Version]) -> dict[Version, int]:
    """The percent each version gets by this rule. Together less than 100 while others get some."""
    refs = _refs(rule)
    total = sum(_weight(ref) for ref in refs)
    shares = {
        names[ref["name"]]: _weight(ref)
        for ref in refs
        if is_ours(ref, target, names) and ref["name"] in names and _weight(ref)
    }
    return {version: round(weight * 100 / total) for version, weight in shares.items()}


def with_weights(
    rule: Json, target: KubernetesTarget, names: Mapping[str, Version], shares: Mapping[Version, int]
) -> dict[str, Any]:
    """The rule with these percent, and 0 for our other Services; everything else in it stays as it is.

    Services without a share that `names` does not have are dropped. Raises PermanentFailure when another's backend
    has a weight: the percent would not be what they say.
    """
    others = [ref for ref in _refs(rule) if not is_ours(ref, target, names)]
    heavy = [ref["name"] for ref in others if _weight(ref)]
    if heavy:
        raise PermanentFailure(
            f"HTTPRoute {target.route} in namespace {target.namespace} also sends requests to {', '.join(heavy)}.",
            "Set their weight to 0, or name the Service that served before as `service` in the settings.",
        )
    before = {ref["name"]: ref for ref in _refs(rule) if is_ours(ref, target, names)}
    kept = [{**ref, "weight": 0} for name, ref in before.items() if name not in names]
    fresh = {"kind": "Service", "port": target.container_port}
    mine = [
        {**fresh, **before.get(name, {}), "name": name, "weight": shares.get(version, 0)}
        for name, version in sorted(names.items())
    ]
    return {**rule, "backendRefs": [*mine, *kept, *others]}


def verdict_of(route: Json) -> Verdict:
    """What the gateways that the route names say to its present generation."""
    told = [one for parent in _parents(route) for one in (_conditions(parent, route))]
    if not told:
        return Verdict(Standing.PENDING, "No gateway has said anything of it yet.")
    for standing in (Standing.REFUSED, Standing.PENDING):
        worst = [one for one in told if one.standing is standing]
        if worst:
            return worst[0]
    return Verdict(Standing.TAKEN)


def observed_generation(route: Json) -> int:
    """The generation that all its gateways have looked at; 0 before the first."""
    seen = [_generation(one) for parent in _parents(route) for one in parent.get("conditions") or ()]
    return min(seen, default=0)


def _noted_header(route: Json) -> Json | None:
    """The match of a header that our rule for pinned requests was last written with."""
    try:
        found = json.loads((route["metadata"].get("annotations") or {}).get(PIN, ""))
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _is_for(header: Json, rule: Json, names: Mapping[str, Version]) -> bool:
    matches, refs = rule.get("matches") or [], _refs(rule)
    asked = bool(matches) and all(header in (one.get("headers") or ()) for one in matches)
    return asked and "name" not in rule and len(refs) == 1 and refs[0].get("name") in names


def _rules(route: Json) -> list[Json]:
    found: list[Json] = (route.get("spec") or {}).get("rules") or []
    return found


def _conditions(parent: Json, route: Json) -> Sequence[Verdict]:
    held = {one["type"]: one for one in parent.get("conditions") or ()}
    return [_verdict(kind, held.get(kind), route["metadata"]["generation"]) for kind in _NEEDED]


def _verdict(kind: str, condition: Json | None, generation: int) -> Verdict:
    if condition is None or _generation(condition) < generation:
        return Verdict(Standing.PENDING, f"No gateway has taken its generation {generation} yet ({kind}).")
    if condition.get("status") == "True":
        return Verdict(Standing.TAKEN)
    said = ": ".join(part for part in (condition.get("reason", ""), condition.get("message", "")) if part)
    return Verdict(Standing.REFUSED, f"{kind} is {condition.get('status')}: {said.rstrip('.')}.")


def _generation(condition: Json) -> int:
    return int(condition.get("observedGeneration") or 0)


def _parents(route: Json) -> list[Json]:
    """The status of each gateway the route still names."""
    wanted = {ref.get("name") for ref in (route.get("spec") or {}).get("parentRefs") or ()}
    told: list[Json] = (route.get("status") or {}).get("parents") or []
    return [one for one in told if (one.get("parentRef") or {}).get("name") in wanted]


def _refs(rule: Json) -> list[Json]:
    found: list[Json] = rule.get("backendRefs") or []
    return found


def _weight(ref: Json) -> int:
    return int(ref.get("weight", 1))
