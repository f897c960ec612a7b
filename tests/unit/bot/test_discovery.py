"""What Prometheus is told to scrape."""

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

from bot.web.discovery import Discovery
from engine.catalog import (
    Catalog,
    Environment,
    EnvironmentName,
    HealthCheck,
    Placement,
    Service,
    ServiceName,
    Version,
)
from engine.errors import TemporaryFailure
from engine.ports import Instance, InstanceHealth, InstanceId
from engine.strategy_specs import StrategySpec
from engine.targets import ContainerTarget, LambdaTarget, Target

PRODUCTION = EnvironmentName("production")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Platforms:
    def __init__(self) -> None:
        self.away: set[str] = set()
        self.address = "127.0.0.1:8000"

    async def observe(self, place: Placement) -> list[Instance]:
        if place.service in self.away:
            raise TemporaryFailure("The cluster does not answer.")
        id_ = InstanceId(f"{place.service}-production-v1-1")
        at = (self.address, 1, NOON, InstanceHealth.HEALTHY)
        return [Instance(id_, place.service, PRODUCTION, Version("v1"), *at)]

    async def metrics(self) -> list[str]:
        return ["127.0.0.1:9000"]


def discovery(platforms: Platforms) -> Discovery:
    services = [
        _service("cart", ContainerTarget("cart:{version}", 80, 81)),
        _service("shop", ContainerTarget("shop:{version}", 80, 82)),
        _service("mail", LambdaTarget("mail", "live", "mail:{version}", "eu-west-1")),
    ]
    catalog = Catalog({one.name: one for one in services}, {PRODUCTION: Environment(PRODUCTION)})
    ground, engine = SimpleNamespace(catalog=lambda: catalog), SimpleNamespace(platforms=platforms)
    return Discovery(ground, engine)  # type: ignore[arg-type]


def _service(name: str, target: Target) -> Service:
    place = Placement(ServiceName(name), PRODUCTION, target, HealthCheck(), StrategySpec("all", "rolling"))
    return Service(place.service, "", "deploys", {PRODUCTION: replace(place)})


async def services(one: Discovery) -> list[str]:
    return [group["labels"].get("service", "the proxy") for group in await one.targets()]


async def test_a_platform_that_is_away_keeps_its_targets_and_hides_nobody_elses() -> None:
    platforms = Platforms()
    found = discovery(platforms)
    assert await services(found) == ["cart", "shop", "the proxy"]
    platforms.away.add("cart")
    assert await services(found) == ["cart", "shop", "the proxy"]
    assert await services(discovery(platforms)) == ["shop", "the proxy"]


async def test_what_has_no_address_yet_is_no_target() -> None:
    platforms = Platforms()
    platforms.address = ""
    assert await services(discovery(platforms)) == ["the proxy"]
