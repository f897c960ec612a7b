"""A listener rule for pinned requests. The test reads the listener's rules as the load balancer does."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from typing import Any

import pytest

from engine.catalog import Version
from engine.errors import PermanentFailure, TemporaryFailure
from engine.infrastructure.aws.alb_pins import plain
from engine.infrastructure.aws.client import Aws
from engine.infrastructure.aws.ecs_fleet import where
from engine.ports import Instance, InstanceHealth
from engine.strategy_specs import Pin, StrategySpec
from engine.targets import EcsTarget
from tests.fakes.aws_shop import EcsShop, ecs_shop

V1, V2 = Version("v1"), Version("v2")
HEADER, COOKIE = Pin("header", "X-Try", "new"), Pin("cookie", "try", "v2.0")
CARRIED = {HEADER: {"x-try": "new"}, COOKIE: {"cookie": "a=b; try=v2.0"}}
NEAR = {HEADER: {"x-try": "newer"}, COOKIE: {"cookie": "retry=v2.0; try=v2x0"}}
PINS = pytest.mark.parametrize("pin", [HEADER, COOKIE], ids=["header", "cookie"])


@asynccontextmanager
async def pinned_shop(pin: Pin) -> AsyncIterator[tuple[EcsShop, list[Instance]]]:
    """A shop with a task of v1 and one of v2, which came last."""
    async with ecs_shop() as shop:
        shop.place = replace(shop.place, strategy=StrategySpec("careful", "canary", pin=pin))
        for version in (V1, V2):
            await shop.platform.manager.start(shop.place, version, [1])
        for _ in range(30):
            instances = list(await shop.platform.manager.observe(shop.place))
            if {one.health for one in instances} == {InstanceHealth.HEALTHY}:
                break
        yield shop, instances


async def ask(shop: EcsShop, operation: str, **values: Any) -> Mapping[str, Any]:
    found: Mapping[str, Any] = await shop.aws.ask(
        where(shop.place.on(EcsTarget)), "elbv2", operation, "the rules", **values
    )
    return found


def listener(shop: EcsShop) -> str:
    return shop.place.on(EcsTarget).rule.replace(":listener-rule/", ":listener/").rpartition("/")[0]


async def rules(shop: EcsShop) -> list[dict[str, Any]]:
    """The rules with a priority, in their order."""
    found = (await ask(shop, "DescribeRules", ListenerArn=listener(shop)))["Rules"]
    return sorted((one for one in found if not one["IsDefault"]), key=lambda one: int(one["Priority"]))


async def pins(shop: EcsShop) -> list[dict[str, Any]]:
    return [one for one in await rules(shop) if one["RuleArn"] != shop.place.on(EcsTarget).rule]


async def answering(shop: EcsShop, headers: Mapping[str, str]) -> dict[str, int]:
    """The weights by version that a request with these headers gets: the first rule that fits."""
    blue, green = shop.place.on(EcsTarget).target_groups
    named = {green: "v1", blue: "v2"}  # the first version takes the group without traffic
    fitting = next(one for one in await rules(shop) if all(fits(condition, headers) for condition in one["Conditions"]))
    groups = fitting["Actions"][-1]["ForwardConfig"]["TargetGroups"]
    return {named[one["TargetGroupArn"]]: one["Weight"] for one in groups if one["Weight"]}


def fits(condition: Mapping[str, Any], headers: Mapping[str, str]) -> bool:
    if condition["Field"] != "http-header":
        return True
    config = condition["HttpHeaderConfig"]
    value = headers.get(config["HttpHeaderName"].lower(), "")
    alike = any(fnmatch(value.lower(), one.lower()) for one in config.get("Values") or ())
    return alike or any(re.search(one, value) for one in config.get("RegexValues") or ())


async def ready(shop: EcsShop) -> list[str]:
    reading = await shop.platform.shifter.read(shop.place)
    return [one.removeprefix("shop-production-") for one in reading.ready]


@PINS
async def test_who_carries_the_pin_gets_the_new_version_whatever_the_weights(pin) -> None:
    async with pinned_shop(pin) as (shop, instances):
        for weights in ({V1: 100}, {V1: 90, V2: 10}, {V2: 100}):
            await shop.platform.shifter.configure(shop.place, instances, weights)
            assert await answering(shop, CARRIED[pin]) == {V2: 100}
            assert await answering(shop, NEAR[pin]) == weights
            assert await answering(shop, {}) == weights
            reading = await shop.platform.shifter.read(shop.place)
            assert (reading.weights, len(reading.ready)) == (weights, 2)


@PINS
@pytest.mark.parametrize("left", [V1, V2])
async def test_the_rule_is_gone_once_one_version_is_left(pin, left) -> None:
    async with pinned_shop(pin) as (shop, instances):
        await shop.platform.shifter.configure(shop.place, instances, {V1: 50, V2: 50})
        assert len(await pins(shop)) == 1
        alone = [one for one in instances if one.version == left]
        await shop.platform.shifter.configure(shop.place, alone, {left: 100})
        assert await pins(shop) == []
        assert await answering(shop, CARRIED[pin]) == {left: 100}


@PINS
async def test_telling_it_again_writes_nothing(pin) -> None:
    async with pinned_shop(pin) as (shop, instances):
        await shop.platform.shifter.configure(shop.place, instances, {V1: 100})
        before, calls = await rules(shop), dict(shop.cloud.calls)
        await shop.platform.shifter.configure(shop.place, instances, {V1: 100})
        assert await rules(shop) == before
        for operation in ("CreateRule", "ModifyRule", "DeleteRule"):
            assert shop.cloud.calls[operation] == calls.get(operation, 0)


async def drop(shop: EcsShop, rule: Mapping[str, Any]) -> None:
    await ask(shop, "DeleteRule", RuleArn=rule["RuleArn"])


async def turn(shop: EcsShop, rule: Mapping[str, Any]) -> None:
    green = {"Type": "forward", "TargetGroupArn": shop.place.on(EcsTarget).target_groups[1]}
    await ask(shop, "ModifyRule", RuleArn=rule["RuleArn"], Actions=[green])


async def loosen(shop: EcsShop, rule: Mapping[str, Any]) -> None:
    config = {"HttpHeaderName": "X-Other", "Values": ["1"]}
    conditions = [{"Field": "http-header", "HttpHeaderConfig": config}]
    await ask(shop, "ModifyRule", RuleArn=rule["RuleArn"], Conditions=conditions)


async def move(shop: EcsShop, rule: Mapping[str, Any]) -> None:
    await ask(shop, "SetRulePriorities", RulePriorities=[{"RuleArn": rule["RuleArn"], "Priority": 400}])


@pytest.mark.parametrize("hand", [drop, turn, loosen, move])
@PINS
async def test_a_rule_that_somebody_changed_is_missed_and_set_right(pin, hand: Callable[..., Any]) -> None:
    async with pinned_shop(pin) as (shop, instances):
        await shop.platform.shifter.configure(shop.place, instances, {V1: 100})
        (rule,) = await pins(shop)
        await hand(shop, rule)
        assert await ready(shop) == ["v1-1"]
        again = shop.again()  # as another process would, knowing nothing
        await again.shifter.configure(shop.place, instances, {V1: 100})
        assert (await answering(shop, CARRIED[pin]), len(await pins(shop))) == ({V2: 100}, 1)
        assert await ready(shop) == ["v1-1", "v2-1"]


async def test_a_rule_made_by_a_call_whose_answer_was_lost_is_found() -> None:
    async with pinned_shop(HEADER) as (shop, instances):
        shop.cloud.lose("CreateRule")
        with pytest.raises(TemporaryFailure):
            await shop.platform.shifter.configure(shop.place, instances, {V1: 100})
        await shop.platform.shifter.configure(shop.place, instances, {V1: 100})
        assert len(await pins(shop)) == 1


async def test_rules_of_others_stay_and_a_priority_that_they_hold_is_told() -> None:
    async with pinned_shop(HEADER) as (shop, instances):
        blue = {"Type": "forward", "TargetGroupArn": shop.place.on(EcsTarget).target_groups[0]}
        config = {"HttpHeaderName": "X-Try", "Values": ["new"]}
        conditions = [{"Field": "http-header", "HttpHeaderConfig": config}]
        values = {"ListenerArn": listener(shop), "Conditions": conditions, "Actions": [blue]}
        (other,) = (await ask(shop, "CreateRule", Priority=9, **values))["Rules"]
        with pytest.raises(PermanentFailure, match="no free priority before listener rule") as refused:
            await shop.platform.shifter.configure(shop.place, instances, {V1: 100})
        assert other["RuleArn"] in refused.value.reason
        assert "such as 20" in refused.value.remedy
        await shop.platform.shifter.configure(shop.place, instances[:1], {V1: 100})
        assert [one["RuleArn"] for one in await pins(shop)] == [other["RuleArn"]]


async def test_a_login_before_the_forward_holds_for_pinned_requests_too() -> None:
    async with pinned_shop(HEADER) as (shop, instances):
        target = shop.place.on(EcsTarget)
        login = {"Type": "authenticate-cognito", "Order": 1, "AuthenticateCognitoConfig": {}}
        names = ("UserPoolArn", "UserPoolClientId", "UserPoolDomain")
        login["AuthenticateCognitoConfig"] = {
            name: f"arn:aws:cognito-idp:us-east-1:123456789012:userpool/{name}" for name in names
        }
        forward = {"Type": "forward", "Order": 2, "TargetGroupArn": target.target_groups[0]}
        await ask(shop, "ModifyRule", RuleArn=target.rule, Actions=[login, forward])
        await shop.platform.shifter.configure(shop.place, instances, {V1: 100})
        (rule,) = await pins(shop)
        assert [one["Type"] for one in rule["Actions"]] == ["authenticate-cognito", "forward"]


@pytest.mark.parametrize(
    ("told", "form"),
    [
        ({"Field": "path-pattern", "Values": ["/*"]}, {"PathPatternConfig": {"Values": ["/*"]}}),
        (
            {"Field": "path-pattern", "Values": ["/a"], "PathPatternConfig": {"Values": ["/a"], "RegexValues": []}},
            {"PathPatternConfig": {"Values": ["/a"]}},
        ),
        (
            {"Field": "host-header", "Values": [], "HostHeaderConfig": {"RegexValues": ["^a$"]}},
            {"HostHeaderConfig": {"RegexValues": ["^a$"]}},
        ),
    ],
)
def test_conditions_are_given_back_in_one_form(told, form) -> None:
    assert plain([told]) == ({"Field": told["Field"], **form},)


# Killed in between

WRITES = ("TagResource", "RegisterTargets", "DeregisterTargets", "CreateRule", "ModifyRule", "DeleteRule")


class Killed(BaseException):
    """The end of a process, which nothing catches."""


@dataclass(slots=True)
class Reaper:
    """Kills at one moment: 1 is before the first write, 2 after it, 3 before the second, and so on."""

    at: int = 0
    moments: int = 0

    def pass_by(self) -> None:
        self.moments += 1
        if self.moments == self.at:
            raise Killed


@pytest.fixture
def reaper(monkeypatch: pytest.MonkeyPatch) -> Reaper:
    made, call = Reaper(), Aws.ask

    async def watched(aws: Aws, at: Any, api: str, operation: str, about: str, /, **values: Any) -> Any:
        if operation not in WRITES:
            return await call(aws, at, api, operation, about, **values)
        made.pass_by()
        answer = await call(aws, at, api, operation, about, **values)
        made.pass_by()
        return answer

    monkeypatch.setattr(Aws, "ask", watched)
    return made


async def take_up(shop: EcsShop, named: Sequence[Instance], weights: Mapping[Version, int]) -> None:
    """As a strategy of another process does it: tell the router until it reads back just this."""
    ids, shifter = {one.id for one in named}, shop.again().shifter
    for _ in range(10):
        reading = await shifter.read(shop.place)
        if (reading.weights, set(reading.ready)) == (weights, ids):
            return
        await shifter.configure(shop.place, named, weights)
    raise AssertionError("the router does not come to it")


@pytest.mark.parametrize("end", [None, V1, V2], ids=["preview", "abort", "promotion"])
async def test_a_kill_at_any_moment_ends_as_without_it(reaper: Reaper, end: Version | None) -> None:
    async with pinned_shop(HEADER) as (shop, instances):
        after = ([one for one in instances if end in (None, one.version)], {end or V1: 100})
        before = (instances if end else instances[:1], {V1: 100})
        at, left, ends = 0, True, []
        while left:
            await take_up(shop, *before)
            reaper.at, reaper.moments = at, 0
            with suppress(Killed):
                await shop.again().shifter.configure(shop.place, *after)
            at, left, reaper.at = at + 1, reaper.moments >= at, 0
            await take_up(shop, *after)
            ends.append([await answering(shop, headers) for headers in ({}, CARRIED[HEADER])])
            assert len(await pins(shop)) == (0 if end else 1)
        assert len(ends) > 5
        assert all(one == ends[0] for one in ends)
