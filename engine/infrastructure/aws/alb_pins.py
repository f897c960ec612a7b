"""A second listener rule for requests that carry a pin: all of them go to the group of the version in flight.

It is the placement's rule with one condition more, at the next lower priority. Tags say whose it is. Conditions by
the guide of the Application Load Balancer, "Condition types for listener rules".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from engine.catalog import Placement
from engine.errors import PermanentFailure
from engine.infrastructure.aws import names
from engine.infrastructure.aws.alb_rule import Rule, forwarding, weights_in
from engine.infrastructure.aws.client import Aws
from engine.infrastructure.aws.ecs_fleet import chunks, where
from engine.infrastructure.aws.failures import Absent
from engine.infrastructure.flights import cookie_pattern
from engine.strategy_specs import Pin
from engine.targets import EcsTarget

_TAG: Final = "pilothouse:rule"
_TAGGED_A_CALL: Final = 20
_CONFIGS: Final = {"path-pattern": "PathPatternConfig", "host-header": "HostHeaderConfig"}
_PERCENT: Final = 100

Told = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """The rule as it should be."""

    conditions: tuple[Told, ...]
    actions: tuple[Told, ...]

    def is_(self, told: Told) -> bool:
        """Whether a rule is like this."""
        alike = sorted(map(repr, plain(told["Conditions"]))) == sorted(map(repr, self.conditions))
        return alike and _steps(told["Actions"]) == _steps(self.actions)


class Pins:
    """Reads and writes the rule for pinned requests of a placement. Only placements whose strategy has a pin ask."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    async def has(self, place: Placement, rule: Rule, pin: Pin, group: str) -> bool:
        """Whether requests that carry the pin go to this target group."""
        wanted = wanted_rule(rule, pin, group)
        return any(wanted.is_(one) for one in before(await self._listed(place), rule))

    async def write(self, place: Placement, rule: Rule, pin: Pin, group: str | None) -> None:
        """Send those who carry the pin to this group; for None there is no rule for them any more.

        Raises PermanentFailure when no priority is free just before the placement's own rule.
        """
        listed = await self._listed(place)
        ours = await self._ours(place, listed)
        if group is None:
            await self._drop(place, ours)
            return
        wanted = wanted_rule(rule, pin, group)
        kept = next((one for one in before(ours, rule) if wanted.is_(one)), None)
        changed = next(iter(before(ours, rule)), None) if kept is None else None
        if changed is not None:
            await self._modify(place, changed, wanted)
        await self._drop(place, [one for one in ours if one not in (kept, changed)])
        if kept is None and changed is None:
            await self._create(place, wanted, free_priority(place, listed, rule))

    async def _listed(self, place: Placement) -> Sequence[Told]:
        """All rules of the listener that have a priority."""
        target = place.on(EcsTarget)
        listener = target.rule.replace(":listener-rule/", ":listener/").rpartition("/")[0]
        about = f"the rules of listener {listener}"
        rules = await self._aws.all(where(target), "elbv2", "DescribeRules", about, "Rules", ListenerArn=listener)
        return [one for one in rules if not one.get("IsDefault")]

    async def _ours(self, place: Placement, listed: Sequence[Told]) -> list[Told]:
        target, marks = place.on(EcsTarget), _tags(place)
        arns = [one["RuleArn"] for one in listed if weights_in(one["Actions"]).keys() <= {*target.target_groups}]
        tagged: set[str] = set()
        for some in chunks([arn for arn in arns if arn != target.rule], _TAGGED_A_CALL):
            answer = await self._ask(place, "DescribeTags", ResourceArns=some)
            tagged |= {
                one["ResourceArn"]
                for one in answer["TagDescriptions"]
                if marks.items() <= {tag["Key"]: tag.get("Value", "") for tag in one["Tags"]}.items()
            }
        return [one for one in listed if one["RuleArn"] in tagged]

    async def _create(self, place: Placement, wanted: Wanted, priority: int) -> None:
        listener = place.on(EcsTarget).rule.replace(":listener-rule/", ":listener/").rpartition("/")[0]
        tags = [{"Key": key, "Value": value} for key, value in _tags(place).items()]
        values = {"ListenerArn": listener, "Priority": priority, "Tags": tags}
        await self._ask(place, "CreateRule", **values, **_body(wanted))

    async def _modify(self, place: Placement, rule: Told, wanted: Wanted) -> None:
        await self._ask(place, "ModifyRule", RuleArn=rule["RuleArn"], **_body(wanted))

    async def _drop(self, place: Placement, rules: Sequence[Told]) -> None:
        for one in rules:
            try:
                await self._ask(place, "DeleteRule", RuleArn=one["RuleArn"])
            except Absent:
                continue  # somebody else was faster

    async def _ask(self, place: Placement, operation: str, **values: Any) -> Mapping[str, Any]:
        target = place.on(EcsTarget)
        about = f"the pinned requests of listener rule {target.rule}"
        return await self._aws.ask(where(target), "elbv2", operation, about, **values)


def wanted_rule(rule: Rule, pin: Pin, group: str) -> Wanted:
    """The placement's rule for those who carry the pin, with one group and without stickiness to a group."""
    actions = forwarding(rule.actions, {group: _PERCENT})
    loose = {"TargetGroupStickinessConfig": {"Enabled": False}}
    alone = [
        {**one, "ForwardConfig": {**one["ForwardConfig"], **loose}} if one["Type"] == "forward" else one
        for one in actions
    ]
    return Wanted((*plain(rule.conditions), _condition(pin)), tuple(alone))


def before(rules: Sequence[Told], rule: Rule) -> list[Told]:
    """Those that come before a rule."""
    return [one for one in rules if int(one["Priority"]) < rule.priority]


def free_priority(place: Placement, listed: Sequence[Told], rule: Rule) -> int:
    """The priority just before the rule's, so that no other rule changes its place. Raises PermanentFailure."""
    free = rule.priority - 1
    holder = next((one["RuleArn"] for one in listed if int(one["Priority"]) == free), None)
    if free >= 1 and holder is None:
        return free
    why = f"{holder} has priority {free}" if holder else "it has the first priority of all"
    raise PermanentFailure(
        f"There is no free priority before listener rule {place.on(EcsTarget).rule} for requests that carry the pin: "
        f"{why}.",
        f"Give the rule a priority with the one before it free, such as {rule.priority + 10}.",
    )


def plain(conditions: Sequence[Told]) -> tuple[Told, ...]:
    """Conditions in the one form that may be given back: AWS tells some values twice, and takes them only once."""
    return tuple(_plain(one) for one in conditions)


def _plain(condition: Told) -> Told:
    filled = {key: value for key, value in condition.items() if value}
    values, config = filled.pop("Values", None), _CONFIGS.get(condition["Field"], "")
    if values and config not in filled:
        filled[config] = {"Values": values}
    return {key: _filled(value) for key, value in sorted(filled.items())}


def _filled(config: Any) -> Any:
    return {key: value for key, value in sorted(config.items()) if value} if isinstance(config, dict) else config


def _condition(pin: Pin) -> Told:
    if pin.kind == "header":
        config = {"HttpHeaderName": pin.name, "Values": [pin.value]}
    else:
        config = {"HttpHeaderName": "Cookie", "RegexValues": [cookie_pattern(pin)]}
    return _plain({"Field": "http-header", "HttpHeaderConfig": config})


def _steps(actions: Sequence[Told]) -> list[tuple[str, frozenset[str]]]:
    """What is done in which order, and where a forward goes."""
    ordered = sorted(actions, key=lambda one: int(one.get("Order", 0)))
    return [(one["Type"], frozenset(weights_in([one]))) for one in ordered]


def _body(wanted: Wanted) -> dict[str, Any]:
    return {"Conditions": list(wanted.conditions), "Actions": list(wanted.actions)}


def _tags(place: Placement) -> dict[str, str]:
    return {names.SERVICE: place.service, names.ENVIRONMENT: place.environment, _TAG: "pins"}
