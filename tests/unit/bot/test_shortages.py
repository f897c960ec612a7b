"""What one service lacks keeps that one from being deployed, and nobody else."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.house.fitness import Fitness
from bot.settings import SettingsWrong, load_settings
from bot.settings.domain import to_catalog
from bot.settings.shortages import Shortages
from engine.catalog import Placement
from engine.errors import NotNow, TemporaryFailure
from engine.infrastructure.platform import Ground
from engine.infrastructure.platforms import Platforms
from tests.fakes.clock import VirtualClock

FILE = """
environments: {staging: {}, production: {}}
strategies:
  plain: {kind: rolling}
  checked: {kind: rolling, gates: [{name: smoke, kind: hook, url: "http://ci/check", secret_env: NO_SUCH_SECRET}]}
services:
  shop:
    local: {artifact: "releases/{version}", command: ["true", "{port}"]}
    environments:
      staging: {port: 9481, strategy: plain}
      production: {port: 9480, strategy: checked}
  till:
    kubernetes: {name: till, image: "till:{version}", container_port: 80, route: till, kubeconfig: nowhere.yaml}
    environments:
      staging: {strategy: plain}
      production:
        strategy: plain
        kubernetes: {name: till, image: "till:{version}", container_port: 80, route: till, manifest: till.yaml}
  ledger:
    local: {artifact: "releases/{version}", command: ["true", "{port}"]}
    backup: {postgres: {url_env: NO_SUCH_URL}}
    environments:
      staging: {port: 9482, strategy: plain, backup: {command: {take: ["true", "{file}"], restore: ["true", "{file}"]}}}
      production: {port: 9483, strategy: plain}
"""
PLACE = "services.till.environments.production.kubernetes.manifest"
WRONG = {
    ("shop", "production"): "strategies.checked.gates.0.secret_env: NO_SUCH_SECRET is not set in the environment; set",
    ("till", "staging"): "services.till.kubernetes.kubeconfig: there is no file 'nowhere.yaml'; a relative path",
    ("till", "production"): f"{PLACE}: there is no file 'till.yaml'; a relative path",
    ("ledger", "production"): "services.ledger.backup: NO_SUCH_URL is not set in the environment; set it to the",
}
RIGHT = (("shop", "staging"), ("ledger", "staging"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "pilothouse.yaml"
    path.write_text(FILE)
    return path


@pytest.fixture
def shortages(path: Path) -> Shortages:
    return Shortages(load_settings(path, whole=False))


def test_a_whole_file_has_all_files_that_it_names(path: Path) -> None:
    with pytest.raises(SettingsWrong) as wrong:
        load_settings(path)
    told = [str(one) for one in wrong.value.problems]
    assert [WRONG["till", "staging"] in told[0], WRONG["till", "production"] in told[1]] == [True, True]
    assert all(line.startswith(f"{path}:") and line.split(":")[1].isdigit() for line in told)


def test_each_place_is_told_what_it_lacks_and_others_nothing(shortages: Shortages) -> None:
    for place, told in WRONG.items():
        assert told in shortages.of(*place)
        assert shortages.of(*place).count("pilothouse.yaml") == 1
    assert [shortages.of(*place) for place in RIGHT] == ["", ""]
    assert len(shortages.problems) == len(WRONG)


class Fine:
    """Premises that are."""

    def __init__(self) -> None:
        self.asked: list[Placement] = []

    async def check(self, place: Placement) -> None:
        self.asked.append(place)


async def test_a_deployment_of_what_lacks_something_is_refused_with_what_to_do(path: Path) -> None:
    settings = load_settings(path, whole=False)
    platforms = Fine()
    fitness = Fitness(Shortages(settings), platforms)
    for place in to_catalog(settings).placements():
        told = WRONG.get((place.service, place.environment))
        if told is None:
            await fitness.check(place)
            continue
        with pytest.raises(NotNow) as refused:
            await fitness.check(place)
        assert f"{place.service} in {place.environment} is misconfigured: " in refused.value.reason
        assert told in refused.value.reason
        assert refused.value.remedy == "Mend that and start Pilothouse again."
    assert [(one.service, one.environment) for one in platforms.asked] == list(RIGHT)


async def test_a_platform_without_its_files_is_not_asked_and_what_is_under_way_waits(path: Path) -> None:
    settings = load_settings(path, whole=False)
    shortages = Shortages(settings)
    platforms = Platforms(Ground(settings.data, VirtualClock()), lacks=shortages.blocks)
    catalog = to_catalog(settings)
    with pytest.raises(TemporaryFailure, match=r"till in staging is misconfigured: .*nowhere\.yaml"):
        await platforms.observe(catalog.placement("till", "staging"))
    assert await platforms.observe(catalog.placement("shop", "production")) == ()  # an unset variable is no hindrance
