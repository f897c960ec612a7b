"""Triggers and schedules in the settings file: what is wrong with them, and where their secrets come from."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.settings import SettingsWrong, load_settings
from bot.settings.domain import to_people
from bot.settings.read import Settings
from bot.settings.triggers import load_triggers, to_schedules
from engine.commands import Actor
from engine.security.identity import Directory
from engine.security.permissions import Permission, allowed

HUB = {
    "kind": "github",
    "secret_env": "SHOP_SECRET",
    "repository": "acme/shop",
    "workflow": "release",
    "branch": "main",
    "service": "shop",
    "environment": "production",
    "results": {"token_env": "SHOP_TOKEN"},
}
LAB = {**HUB, "kind": "gitlab", "repository": "acme/web/shop"} | {"results": {"token_env": "LAB_TOKEN"}}
del LAB["workflow"]
ANY = {"kind": "generic", "secret_env": "ANY_SECRET", "service": "shop", "environment": "production"}
NIGHTLY = {"cron": "0 3 * * *", "timezone": "Europe/Paris", "service": "shop", "environment": "production"}
SECRETS = {"SHOP_SECRET": "s" * 16, "ANY_SECRET": "a" * 40, "SHOP_TOKEN": "t", "LAB_TOKEN": "l"}


def loaded(room: Path, triggers: dict[str, Any], schedules: dict[str, Any] | None = None) -> Settings:
    file = {
        "people": {"ada": {"name": "Ada", "slack": "T1/U1", "roles": {"*": "admin"}}},
        "environments": {"production": {}, "staging": {}},
        "strategies": {"quick": {"kind": "rolling"}},
        "services": {
            "shop": {
                "local": {"artifact": "releases/{version}", "command": ["serve"]},
                "environments": {"production": {"port": 9480, "strategy": "quick"}},
            }
        },
        "triggers": triggers,
        "deploy_schedules": schedules or {},
    }
    path = room / "pilothouse.yaml"
    path.write_text(yaml.safe_dump(file, sort_keys=False))
    return load_settings(path)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


def test_triggers_get_their_secrets_and_addresses(tmp_path: Path) -> None:
    hub, lab, anybody = load_triggers(loaded(tmp_path, {"hub": HUB, "lab": LAB, "any": ANY}))
    assert (hub.secret, anybody.secret) == (SECRETS["SHOP_SECRET"], SECRETS["ANY_SECRET"])
    assert hub.results is not None
    assert (hub.results.url, hub.results.token) == ("https://api.github.com", "t")
    assert hub.results.context == "pilothouse/production"
    assert lab.results is not None
    assert lab.results.url == "https://gitlab.com/api/v4"
    assert SECRETS["SHOP_SECRET"] not in repr(hub)
    assert "token='t'" not in repr(hub)


@pytest.mark.parametrize("value", ["", "short"])
def test_a_secret_that_is_missing_or_short_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SHOP_SECRET", value)
    with pytest.raises(SettingsWrong) as wrong:
        load_triggers(loaded(tmp_path, {"hub": HUB}))
    assert "triggers.hub.secret_env: " in str(wrong.value)
    assert "SHOP_SECRET" in str(wrong.value)
    assert "short" not in str(wrong.value).replace("shorter", "")


def test_a_trigger_may_deploy_to_its_environment_and_nothing_else(tmp_path: Path) -> None:
    people = Directory(to_people(loaded(tmp_path, {"hub": HUB}).file))
    hub = people.authenticate(Actor("token", "hub"))
    assert allowed(hub, Permission.DEPLOY, "production")
    assert not allowed(hub, Permission.DEPLOY, "staging")
    assert not allowed(hub, Permission.APPROVE, "production")


@pytest.mark.parametrize(
    ("name", "trigger", "told"),
    [
        ("github", HUB, "triggers.github: /webhooks/github is an address of its own"),
        ("ada", HUB, "triggers.ada: 'ada' is a person already"),
        ("system", ANY, "triggers.system: 'system' is a person already"),
        ("hub", {**HUB, "service": "shpo"}, "triggers.hub.service: there is no service 'shpo'. Did you mean 'shop'?"),
        ("hub", {**HUB, "environment": "staging"}, "triggers.hub.environment: there is no environment of shop"),
        ("hub", {**HUB, "workflow": ""}, "triggers.hub.workflow: is missing; it is the `name` of the workflow"),
        ("hub", {**HUB, "branch": ""}, "triggers.hub.branch: is missing"),
        ("hub", {**HUB, "repository": "shop"}, "triggers.hub.repository: has to be OWNER/NAME, not 'shop'"),
        ("hub", {**HUB, "event": "deployment"}, "triggers.hub.workflow: means nothing to event deployment; remove it"),
        ("hub", {**HUB, "event": "push"}, "triggers.hub.event: has to be 'workflow_run' or 'deployment', not 'push'"),
        ("hub", {**HUB, "version": "{tag}"}, "triggers.hub.version: {tag} is nothing it could hold; there are {sha}"),
        ("hub", {**HUB, "version": "{payload.version}"}, "triggers.hub.version: {payload.version} is nothing"),
        ("hub", {**HUB, "secret_env": "my secret"}, "triggers.hub.secret_env: has to be the name of a variable"),
        ("hub", {**HUB, "secret": "x"}, "triggers.hub.secret: there is no setting 'secret'"),
        ("lab", {**LAB, "workflow": "x"}, "triggers.lab.workflow: means nothing to kind gitlab; remove it"),
        ("lab", {**LAB, "event": "deployment"}, "triggers.lab.event: means nothing to kind gitlab; remove it"),
        (
            "lab",
            {**LAB, "results": {"token_env": "A", "environment_url": "https://shop.example.com"}},
            "triggers.lab.results.environment_url: means nothing to kind gitlab",
        ),
        ("any", {**ANY, "version": "v1"}, "triggers.any.version: means nothing to kind generic"),
        ("any", {**ANY, "branch": "main"}, "triggers.any.branch: means nothing to kind generic"),
        ("any", {**ANY, "results": {"token_env": "A"}}, "triggers.any.results: nobody is known who could be told"),
    ],
)
def test_faults_of_triggers(tmp_path: Path, name: str, trigger: dict[str, Any], told: str) -> None:
    with pytest.raises(SettingsWrong) as wrong:
        loaded(tmp_path, {name: trigger})
    assert told in str(wrong.value)


@pytest.mark.parametrize(
    ("schedule", "told"),
    [
        ({**NIGHTLY, "cron": "daily"}, "deploy_schedules.nightly.cron: has 1 fields; write five"),
        ({**NIGHTLY, "cron": "0 0 30 2 *"}, "deploy_schedules.nightly.cron: never comes"),
        ({**NIGHTLY, "timezone": "Paris"}, "deploy_schedules.nightly.timezone: there is no time zone 'Paris'"),
        ({**NIGHTLY, "service": "x"}, "deploy_schedules.nightly.service: there is no service 'x'"),
        (
            {**NIGHTLY, "environment": "staging"},
            "deploy_schedules.nightly.environment: there is no environment of shop",
        ),
    ],
)
def test_faults_of_schedules(tmp_path: Path, schedule: dict[str, Any], told: str) -> None:
    with pytest.raises(SettingsWrong) as wrong:
        loaded(tmp_path, {}, {"nightly": schedule})
    assert told in str(wrong.value)


def test_a_schedule_has_its_clock(tmp_path: Path) -> None:
    (nightly,) = to_schedules(loaded(tmp_path, {}, {"nightly": NIGHTLY}).file)
    assert (nightly.version, str(nightly.cron.zone)) == ("latest", "Europe/Paris")
