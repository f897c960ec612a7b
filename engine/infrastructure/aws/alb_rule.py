"""A listener rule's forward weights: read, and written without touching anything else of the rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.catalog import Placement
from engine.errors import PermanentFailure
from engine.infrastructure.aws.client import Aws
from engine.infrastructure.aws.ecs_fleet import where
from engine.targets import EcsTarget

WEIGHT_LIMIT = 999  # of one target group, by the API's reference


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as it is: weights by target group, those of strangers too, actions and conditions as AWS tells them.

    Of the rules of a listener that fit a request the one with the lowest `priority` counts.
    """

    weights: Mapping[str, int]
    actions: tuple[Mapping[str, Any], ...]
    conditions: tuple[Mapping[str, Any], ...] = ()
    priority: int = 0


class Rules:
    """Reads and writes the rule of a placement."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    async def read(self, place: Placement) -> Rule:
        """The rule now. Raises PermanentFailure when it does not exist or does not forward."""
        target = place.on(EcsTarget)
        about = f"listener rule {target.rule}"
        answer = await self._aws.ask(where(target), "elbv2", "DescribeRules", about, RuleArns=[target.rule])
        rules = answer.get("Rules", ())
        if not rules:
            raise PermanentFailure(f"There is no {about}.", "Check `rule` in the settings.")
        return _rule(target, rules[0])

    async def join(self, place: Placement) -> None:
        """Have both target groups in the rule: ECS takes no group without a load balancer, and none is checked."""
        target, rule = place.on(EcsTarget), await self.read(place)
        if not set(target.target_groups) <= rule.weights.keys():
            await self._write(place, rule, {**dict.fromkeys(target.target_groups, 0), **rule.weights})

    async def write(self, place: Placement, weights: Mapping[str, int]) -> None:
        """Forward to our two groups with these weights and to nobody else; nothing is sent when it does already.

        Raises PermanentFailure when a weight is beyond what a rule takes: not every endpoint refuses it.
        """
        if any(not 0 <= weight <= WEIGHT_LIMIT for weight in weights.values()):
            raise PermanentFailure(f"A rule takes weights of 0 to {WEIGHT_LIMIT}, not {sorted(weights.values())}.")
        rule = await self.read(place)
        full = {**dict.fromkeys(place.on(EcsTarget).target_groups, 0), **weights}
        if rule.weights != full:
            await self._write(place, rule, full)

    async def _write(self, place: Placement, rule: Rule, weights: Mapping[str, int]) -> None:
        target = place.on(EcsTarget)
        actions = forwarding(rule.actions, weights)
        about = f"listener rule {target.rule}"
        await self._aws.ask(where(target), "elbv2", "ModifyRule", about, RuleArn=target.rule, Actions=actions)


def forwarding(actions: Sequence[Mapping[str, Any]], weights: Mapping[str, int]) -> list[Mapping[str, Any]]:
    """A rule's actions with other weights; those before the forward, such as a login, stay."""
    return [_forwarding(one, weights) if one["Type"] == "forward" else one for one in actions]


def weights_in(actions: Sequence[Mapping[str, Any]]) -> Mapping[str, int]:
    """The weights by target group of a rule's forward; none where it has none."""
    forward = next((one for one in actions if one.get("Type") == "forward"), None)
    return _weights(forward) if forward else {}


def _rule(target: EcsTarget, told: Mapping[str, Any]) -> Rule:
    actions = tuple(told.get("Actions", ()))
    forward = next((one for one in actions if one.get("Type") == "forward"), None)
    if told.get("IsDefault"):
        raise PermanentFailure(
            f"{target.rule} is the default rule of its listener, whose weights cannot be set as a rule's.",
            "Make a rule with the path pattern /* and name that in the settings.",
        )
    if forward is None:
        raise PermanentFailure(
            f"Listener rule {target.rule} forwards to no target group.",
            "Give it a forward action to the two target groups of the settings.",
        )
    return Rule(_weights(forward), actions, tuple(told.get("Conditions", ())), int(told["Priority"]))


def _weights(action: Mapping[str, Any]) -> dict[str, int]:
    groups = action.get("ForwardConfig", {}).get("TargetGroups", ())
    if not groups and action.get("TargetGroupArn"):
        return {action["TargetGroupArn"]: 1}
    return {group["TargetGroupArn"]: int(group.get("Weight", 1)) for group in groups}


def _forwarding(action: Mapping[str, Any], weights: Mapping[str, int]) -> Mapping[str, Any]:
    """The action with other weights; a single TargetGroupArn beside several groups is refused by AWS."""
    kept = {key: value for key, value in action.items() if key != "TargetGroupArn"}
    groups = [{"TargetGroupArn": group, "Weight": weight} for group, weight in weights.items()]
    return {**kept, "ForwardConfig": {**action.get("ForwardConfig", {}), "TargetGroups": groups}}
