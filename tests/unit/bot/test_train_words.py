"""How release trains are written, what the settings say of their order, and what is told when either is wrong."""

from pathlib import Path

import pytest
import yaml

from bot.settings import SettingsWrong, load_settings
from bot.settings.domain import to_catalog
from bot.words.commands import parse
from bot.words.grammar import Misunderstood, Vocabulary
from engine.commands import AbortTrain, ApproveTrain, DeployTrain, RejectTrain, TrainId

WORDS = Vocabulary(
    services={"shop": ["staging", "production"], "db": ["production"], "abort": ["production"]},
    environments=["staging", "production"],
)
ONE = Vocabulary(services={"shop": ["production"]}, environments=["production"])


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("train shop=v2 to production", DeployTrain((("shop", "v2"),), "production")),
        ("train shop=v2 production", DeployTrain((("shop", "v2"),), "production")),
        ("train shop=v2 db=v7=x to production", DeployTrain((("shop", "v2"), ("db", "v7=x")), "production")),
        ("train abort=v1 shop=v2 to production", DeployTrain((("abort", "v1"), ("shop", "v2")), "production")),
        (
            "train shop=v2 to production override customers cannot pay",
            DeployTrain((("shop", "v2"),), "production", "customers cannot pay"),
        ),
        ("train abort t-1", AbortTrain(TrainId("t-1"))),
        ("train Approve t-1", ApproveTrain(TrainId("t-1"))),
        ("train reject t-1", RejectTrain(TrainId("t-1"))),
    ],
)
def test_a_line_means_one_thing(line: str, command: object) -> None:
    assert parse(line, WORDS) == command


@pytest.mark.parametrize(
    ("line", "told", "suggestion"),
    [
        ("train", "Name services with versions", ""),
        ("train shop=v2", "Say where to: staging, production", ""),
        ("train shop=v2 to", "Say where to", ""),
        ("train shpo=v2 db=v1 to production", "no service `shpo`", "/ops train shop=v2 db=v1 to production"),
        ("train shop=v2 db=v1 to staging", "does not run in `staging`", ""),
        ("train shop=v2 to prodction", "no environment `prodction`", "/ops train shop=v2 to production"),
        ("train shop v2 to production", "`shop` is no service and version; write it as `shop=VERSION`", ""),
        ("train =v2 to production", "`=v2` is no service and version", ""),
        ("train shop= to production", "write it as `shop=VERSION`", ""),
        ("train shop=v2 shop=v3 to production", "`shop` is named twice", ""),
        ("train shop=v2 to production override", "An override needs a reason", ""),
        ("train abort", "Name one train", ""),
        ("train abort t-1 t-2", "Name one train", ""),
    ],
)
def test_what_is_wrong_is_told(line: str, told: str, suggestion: str) -> None:
    with pytest.raises(Misunderstood) as wrong:
        parse(line, WORDS)
    assert told in wrong.value.reason
    assert wrong.value.suggestion == suggestion
    assert "train SERVICE=VERSION" in wrong.value.usage


def test_the_only_environment_is_suggested() -> None:
    with pytest.raises(Misunderstood) as wrong:
        parse("train shop=v2", ONE)
    assert wrong.value.suggestion == "/ops train shop=v2 to production"


def settings(room: Path, **needs: list[str]) -> Path:
    services = {
        name: {
            "local": {"artifact": "releases/{version}.json", "command": ["serve"]},
            "environments": {"production": {"port": 9480 + number, "strategy": "quick"}},
            "depends_on": needed,
        }
        for number, (name, needed) in enumerate(needs.items())
    }
    file = {"environments": {"production": {}}, "strategies": {"quick": {"kind": "rolling"}}, "services": services}
    path = room / "pilothouse.yaml"
    path.write_text(yaml.safe_dump(file, sort_keys=False), encoding="utf-8")
    return path


def test_the_settings_say_what_comes_first(tmp_path: Path) -> None:
    catalog = to_catalog(load_settings(settings(tmp_path, web=["api"], api=["db"], db=[])))
    assert [one.depends_on for one in catalog.services.values()] == [("api",), ("db",), ()]


@pytest.mark.parametrize(
    ("needs", "told"),
    [
        ({"web": ["ap"], "api": []}, "services.web.depends_on.0: there is no service 'ap'. Did you mean 'api'?"),
        (
            {"a": ["b"], "b": ["c"], "c": ["a"]},
            "a depends on b depends on c depends on a: none of them could come first",
        ),
        ({"a": ["a"]}, "a depends on a: none of them"),
    ],
)
def test_an_order_that_cannot_be_is_told(tmp_path: Path, needs: dict[str, list[str]], told: str) -> None:
    with pytest.raises(SettingsWrong) as wrong:
        load_settings(settings(tmp_path, **needs))
    assert told in str(wrong.value)
