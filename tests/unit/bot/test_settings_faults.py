"""Every way we could think of to break pilothouse.yaml, and the line and field that is told."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.settings import SettingsWrong, load_settings
from bot.settings.domain import to_catalog, to_people, to_policies, to_rotations

DEMO = Path("examples/demo/pilothouse.yaml")

GOOD = """\
people:
  ada: {name: Ada, slack: T1/U1, roles: {"*": approver}}
  ben: {name: Ben, slack: T1/U2, roles: {"*": deployer}}
environments:
  production: {approvals: 1}
strategies:
  careful:
    kind: canary
    steps: [{weight: 10, dwell: 1m}, {weight: 100, dwell: 1m}]
    gates:
      - {name: errors, kind: query, query: 'sum(errors{service="{service}"})', below: 5%}
services:
  shop:
    local: {artifact: "releases/{version}.json", command: ["{python}", shop.py]}
    environments:
      production: {port: 9480, strategy: careful}
policies:
  primary: {steps: [{after: 0s, page: ["schedule:primary", "person:ada"]}]}
schedules:
  primary: {people: [ada, ben], starts: 2026-01-05T09:00:00Z}
"""


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "PROMETHEUS_URL", "SLACK_API_URL", "PILOTHOUSE_PORT", "PILOTHOUSE_HOST"):
        monkeypatch.delenv(name, raising=False)


def problems(tmp_path: Path, text: str | bytes) -> list[str]:
    file = tmp_path / "pilothouse.yaml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(SettingsWrong) as wrong:
        load_settings(file)
    return str(wrong.value).replace(f"{tmp_path}/", "").splitlines()


def changed(**changes: Any) -> str:
    """GOOD with values put at dotted places (`__` for a dot)."""
    document = yaml.safe_load(GOOD)
    for place, value in changes.items():
        *around, last = place.split("__")
        node = document
        for name in around:
            node = node[int(name)] if isinstance(node, list) else node[name]
        node[int(last) if isinstance(node, list) else last] = value
    return yaml.safe_dump(document, sort_keys=False)


def test_the_good_file_is_good(tmp_path: Path) -> None:
    file = tmp_path / "pilothouse.yaml"
    file.write_text(GOOD)
    settings = load_settings(file)
    assert settings.file.strategies["careful"].steps[0].dwell == timedelta(minutes=1)
    assert settings.file.strategies["careful"].gates[0].below == 0.05
    to_catalog(settings), to_people(settings.file)
    to_policies(settings.file), to_rotations(settings.file)


def test_the_demo_is_good() -> None:
    assert load_settings(DEMO).file.services["shop"]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("people:", "pepole:", "pilothouse.yaml:1: pepole: there is no setting 'pepole'. Did you mean 'people'?"),
        (
            "approvals: 1",
            "aprovals: 1",
            "pilothouse.yaml:5: environments.production.aprovals: there is no setting 'aprovals'. Did you mean",
        ),
        (
            "approvals: 1",
            "approvals: some",
            "pilothouse.yaml:5: environments.production.approvals: has to be a whole number, not 'some'",
        ),
        (
            "approvals: 1",
            "approvals: 11",
            "pilothouse.yaml:5: environments.production.approvals: has to be at most 10, not 11",
        ),
        ("dwell: 1m}, {", "dwell: 90}, {", "strategies.careful.steps.0.dwell: has to be a duration such as 30s"),
        ("dwell: 1m}, {", "dwell: 1 minute}, {", "has to be a duration such as 30s, 5m or 1h30m"),
        ("dwell: 1m}, {", "dwell: ١m}, {", "has to be a duration such as 30s, 5m or 1h30m"),
        ("dwell: 1m}, {", "dwell: 99999999999w}, {", "strategies.careful.steps.0.dwell: is longer than a year"),
        ("below: 5%", "below: .nan", "gates.0.below: has to be a number such as 0.05, or a percentage such as 5%"),
        ("below: 5%", "below: nan%", "gates.0.below: has to be a number such as 0.05"),
        ("below: 5%", "below: .inf", "gates.0.below: has to be a number such as 0.05"),
        ("below: 5%", "below: five%", "gates.0.below: has to be a number such as 0.05"),
        ("below: 5%", "below: true", "gates.0.below: has to be a number such as 0.05"),
        ("below: 5%", "below: 5%, above: 2", "gates.0: a query gate needs exactly one of `below` and `above`"),
        ("{name: errors, kind: query", "{name: e, kind: health", "gates.0.query: belongs to another kind of gate"),
        ("sum(errors", "sum((errors", "gates.0.query: is no PromQL"),
        (
            "weight: 10,",
            "weight: 100,",
            "strategies.careful.steps: its weights 100, 100 do not rise; order the steps by rising weight",
        ),
        ("weight: 10,", "weight: 0,", "strategies.careful.steps.0.weight: has to be at least 1, not 0"),
        (
            "kind: canary",
            "kind: cannery",
            "careful.kind: has to be 'canary', 'rolling', 'blue-green' or 'recreate', not 'cannery'",
        ),
        ("kind: canary", "kind: recreate", "careful.steps: steps means nothing to a recreate strategy; leave it out"),
        ("kind: canary", "kind: canary\n    approval: true", "careful.approval: approval means nothing to a canary"),
        (
            "kind: canary",
            "kind: canary\n    pin: {kind: header, name: x y, value: a}",
            "careful.pin.name: has to be the name of a header or a cookie",
        ),
        (
            "kind: canary",
            "kind: canary\n    pin: {kind: cookie, name: x, value: a;b}",
            "careful.pin.value: has to be up to 200 plain characters",
        ),
        ("port: 9480", "port: 70000", "services.shop.environments.production.port: has to be at most 65535, not 70000"),
        ("port: 9480", "port: 8080", "production.port: port 8080 is taken by another part of this file"),
        ("port: 9480, ", "", "services.shop.environments.production.port: is missing; it says where the proxy"),
        ("strategy: careful", "strategy: carful", "there is no strategy 'carful'. Did you mean 'careful'?"),
        ("production: {port", "prod: {port", "there is no environment 'prod'. Did you mean 'production'?"),
        ("releases/{version}.json", "releases/app", "services.shop.local.artifact: has to hold {version}"),
        ("slack: T1/U2", "slack: T1/U1", "people.ben.slack: T1/U1 is given to two people"),
        ("slack: T1/U2", "slack: '@ben'", "people.ben.slack: has to be TEAM/USER"),
        ("  ben: {name: Ben", "  Ben: {name: Ben", "people.Ben: has to be 1 to 40 lower-case letters"),
        ("  ben: {name: Ben", "  system: {name: Ben", "people.system: 'system' is what Pilothouse calls itself"),
        ('"*": approver', '"*": boss', "people.ada.roles.*: has to be 'viewer', 'deployer', 'approver' or 'admin'"),
        ('"*": approver', "produktion: viewer", "there is no environment 'produktion'. Did you mean 'production'?"),
        ('"person:ada"', '"person:adda"', "there is no person 'adda'. Did you mean 'ada'?"),
        ('"person:ada"', '"ada"', "policies.primary.steps.0.page.1: has to be schedule:NAME"),
        ("people: [ada, ben]", "people: []", "schedules.primary.people: needs at least 1"),
        ("people: [ada, ben]", "people: [eve]", "schedules.primary.people.0: there is no person 'eve'"),
        ("starts: 2026-01-05T09:00:00Z", "starts: 2026-01-05T09:00:00", "schedules.primary.starts: needs a time zone"),
        ("starts: 2026-01-05T09:00:00Z", "starts: 0001-01-05T09:00:00Z", "starts: has to be a day of this century"),
        ("starts: 2026-01-05T09:00:00Z", "starts: 2026-13-45", "'2026-13-45' can't be read as timestamp"),
        ("starts: 20", "timezone: Mars/Base, starts: 20", "schedules.primary.timezone: there is no time zone"),
        (
            "starts: 20",
            "handoff: 9am, starts: 20",
            "schedules.primary.handoff: has to be a time of day such as '09:00'",
        ),
        ("environments:\n  production", "environments:\n\tproduction", "pilothouse.yaml:5: is not valid YAML"),
        ("environments:\n", "environments:\n  production: {}\n", "the key 'production' stands here twice"),
        ("people:", "channels: {deploys: '#deploys'}\npeople:", "channels.deploys: has to be a channel's name"),
        ("people:", "channels: {deploys: ''}\npeople:", "channels.deploys: has to be at least 1 characters long"),
        ("people:", "prometheus: localhost\npeople:", "prometheus: has to be an address such as https://example.com"),
        ("people:", "data: ~nobody-here/x\npeople:", "data: there is no home folder ~nobody-here"),
        ("people:", 'data: "a\\0b"\npeople:', "data: holds a character that no path may hold"),
        ("people:", "http: nowhere\npeople:", "http: has to be a mapping of settings, not 'nowhere'"),
        ("people:", "rules: rules.yaml\npeople:", "rules: has to be a list, not 'rules.yaml'"),
        ("people:", "1: one\npeople:", "pilothouse.yaml:1: 1: there is no setting '1'"),
        ("people:", "_cli_parse_args: true\npeople:", "_cli_parse_args: there is no setting '_cli_parse_args'"),
        ("people:", "tour: !!bool maybe\npeople:", "'maybe' can't be read as bool"),
        ("people:", "tour: !!python/name:os.system x\npeople:", "could not determine a constructor"),
        (
            "people:",
            "slack_bot_token: xoxb-" + "12345678-abcdefgh\npeople:",
            "as SLACK_BOT_TOKEN",
        ),
        (
            "people:",
            "pool: {min_connections: 9, max_connections: 2}\npeople:",
            "pool.min_connections: min_connections, 9, can't",
        ),
        ("people:", "pool: {max_connections: 0}\npeople:", "pool.max_connections: has to be at least 1"),
        ("people:", "pool: {max_connections: 1001}\npeople:", "pool.max_connections: has to be at most 1000"),
        ("people:", "http: {host: ''}\npeople:", "http.host: has to be an address to listen on"),
        ("people:", "http: {host: not a host}\npeople:", "http.host: has to be an address to listen on"),
        ("people:", "http: {host: 127.0.0.256}\npeople:", "http.host: has to be an address to listen on"),
        ("people:", "http: {host: 'http://x'}\npeople:", "http.host: has to be an address to listen on"),
        (
            "approvals: 1",
            "approvals: 2",
            "pilothouse.yaml:5: environments.production.approvals: 2 have to agree, and 1 may",
        ),
        (
            'ben: {name: Ben, slack: T1/U2, roles: {"*": deployer}}',
            "ben: {name: Ben, slack: T1/U2}",
            "and 0 may approve beside",
        ),
        ("kind: canary", f"kind: canary\n    max_surge: 1{'0' * 30}", "careful.max_surge: has to be at most 100"),
        ("name: Ada", 'name: "A\\nB"', "people.ada.name: has to be one line of visible characters; U+000A is none"),
        ("name: errors", 'name: "e\\u2028f"', "gates.0.name: has to be one line of visible characters; U+2028"),
        ("local:", 'description: "\\u202eabc"\n    local:', "services.shop.description: has to be one line"),
        ("local:", 'channel: "a\\u200bb"\n    local:', "services.shop.channel: has to be one line"),
        ("{version}.json", "{version}/{nope}", "local.artifact: {nope} stands for nothing here. Known: {version}."),
        ("shop.py]", '"--port={prot}"]', "local.command.1: {prot} stands for nothing here. Did you mean {port}?"),
        ("shop.py]", '"{nope}"]', "local.command.1: {nope} stands for nothing here. Known: {artifact}, {here}"),
        ("shop.py]", '-c, "exec x {prot}"]', "local.command.2: {prot} stands for nothing here"),
        ("{service}", "{servce}", "gates.0.query: {servce} stands for nothing here. Did you mean {service}?"),
        ('sum(errors{service="{service}"})', '"text"', "gates.0.query: has to give one number, and gives a string"),
        ('sum(errors{service="{service}"})', "errors[5m]", "gates.0.query: has to give one number, and gives a matrix"),
        ("people:", f"http: {{port: {'9' * 5000}}}\npeople:", "can't be read as int"),
    ],
)
def test_a_fault_is_told_with_its_place(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in GOOD
    found = problems(tmp_path, GOOD.replace(old, new, 1))
    assert any(told in line for line in found), found
    assert all(line.startswith("pilothouse.yaml:") for line in found), found


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("shop.py]", 'sh, -c, "echo ${HOME} | awk \'{print}\'; exec {python}", "${PORT}", "{}", "{1}"]'),
        ('{service="{service}"}', '{service="{service}",path=~"/users/{id}/[a-z]{2,3}"}'),
        ("people:", "http: {host: '::1'}\npeople:"),
        ("people:", "http: {host: ops-1.example.com}\npeople:"),
        ("people:", "pool: {min_connections: 2, max_connections: 2}\npeople:"),
        ("name: Ada", "name: 'علی\u200cرضا 👩\u200d🚀'"),
        ("approvals: 1", "approvals: 1, four_eyes: false"),
        ("local:", "description: >-\n      Two lines\n      folded to one.\n    local:"),
        (
            '[{after: 0s, page: ["schedule:primary", "person:ada"]}]',
            "[{after: 5m, page: [person:ada]}, {after: 0s, page: [person:ben]}]",
        ),
    ],
)
def test_what_only_looks_like_a_fault(tmp_path: Path, old: str, new: str) -> None:
    assert old in GOOD
    file = tmp_path / "pilothouse.yaml"
    file.write_text(GOOD.replace(old, new, 1))
    assert load_settings(file)


def test_every_fault_is_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = GOOD.replace("T1/U2", "nobody").replace("9480", "many").replace("careful:\n", "careful:\n    colour: red\n")
    lines = [int(line.split(":")[1]) for line in problems(tmp_path, text)]
    assert lines == [3, 8, 17]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty; say at least who may use Pilothouse"),
        (b"# nothing but a comment\n", "is empty; say at least who may use Pilothouse"),
        (b"---\n", "is empty; say at least who may use Pilothouse"),
        (b"just text", "has to be a mapping of settings at its top level"),
        (b"- a\n- list\n", "has to be a mapping of settings at its top level"),
        (b"a: 1\n---\nb: 2\n", "is not valid YAML"),
        (b"a: \xff\xfe\n", "pilothouse.yaml:1: is no UTF-8 text: byte 0xff"),
        (b"\x7fELF\x02\x01\x01\x00\x00", "is not valid YAML"),
        (b"a: [" * 2000, "is not valid YAML: "),
        (b"#" * (1024 * 1024 + 1), "is larger than 1024 KiB"),
    ],
)
def test_what_is_no_settings_file(tmp_path: Path, content: bytes, told: str) -> None:
    assert any(told in line for line in problems(tmp_path, content))


def test_a_billion_laughs_and_a_snake_that_eats_itself_end_at_once(tmp_path: Path) -> None:
    laughs = "a0: &a0 [lol]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))
    told = "aliases repeat themselves, or stand for more than any settings file holds"
    assert told in problems(tmp_path, laughs)[0]
    assert told in problems(tmp_path, "a: &a [*a]\n")[0]
    assert told in problems(tmp_path, "a: &a {b: *a}\n")[0]


def test_anchors_and_merges_may_be_used(tmp_path: Path) -> None:
    text = GOOD.replace("approvals: 1}", "approvals: 1}\n  staging: &calm {approvals: 0}\n  test: {<<: *calm}")
    file = tmp_path / "pilothouse.yaml"
    file.write_text(text)
    assert load_settings(file).file.environments["test"].approvals == 0


@pytest.mark.parametrize("place", ["nowhere.yaml", "."])
def test_a_file_that_is_none(tmp_path: Path, place: str) -> None:
    with pytest.raises(SettingsWrong, match=r"there is no such file|can't be read: Is a directory"):
        load_settings(tmp_path / place)


def test_no_variable_slips_into_a_field(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATA", "HTTP", "TOUR", "PEOPLE", "PROMETHEUS", "RULES", "CHANNELS"):
        monkeypatch.setenv(name, "/from/the/environment")
    file = tmp_path / "pilothouse.yaml"
    file.write_text(GOOD)
    settings = load_settings(file)
    assert "/from/the/environment" not in repr(settings)


def test_secrets_are_in_no_repr_and_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {
        "SLACK_BOT_TOKEN": "xoxb-1-hidden",
        "SLACK_APP_TOKEN": "xapp-1-hidden",
        "SLACK_SIGNING_SECRET": "hidden-secret",
        "DATABASE_URL": "postgresql://me:hidden@db/x",
    }
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    file = tmp_path / "pilothouse.yaml"
    file.write_text(GOOD)
    settings = load_settings(file)
    assert settings.environment.slack_bot_token == "xoxb-1-hidden"
    assert "hidden" not in repr(settings)
    assert "hidden" not in str(settings.environment)
    leaked = problems(tmp_path, GOOD.replace("slack: T1/U2", "slack: xoxb-" + "123456789-aBcDeFgHiJkL"))
    assert "aBcDeFgHiJkL" not in "".join(leaked)


def test_a_wrong_variable_is_named_and_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "pilothouse.yaml"
    file.write_text(GOOD)
    monkeypatch.setenv("PILOTHOUSE_PORT", "hidden-http")
    monkeypatch.setenv("SLACK_API_URL", "hidden-slack")
    monkeypatch.setenv("PILOTHOUSE_LOG", "hidden-loud")
    monkeypatch.setenv("PILOTHOUSE_HOST", "hidden host")
    with pytest.raises(SettingsWrong) as wrong:
        load_settings(file)
    assert "environment: PILOTHOUSE_PORT: has to be a whole number" in str(wrong.value)
    assert "environment: PILOTHOUSE_HOST: has to be an address to listen on" in str(wrong.value)
    assert "environment: SLACK_API_URL: has to be an address" in str(wrong.value)
    assert "environment: PILOTHOUSE_LOG: has to be debug, info, warning, error or critical" in str(wrong.value)
    assert "hidden" not in str(wrong.value)


def test_an_empty_variable_is_as_good_as_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "pilothouse.yaml"
    file.write_text(GOOD)
    monkeypatch.setenv("PILOTHOUSE_PORT", "")
    monkeypatch.setenv("SLACK_API_URL", "")
    settings = load_settings(file)
    assert settings.port == 8080
    assert settings.environment.slack_api_url == "https://slack.com/api/"


def test_the_tables_hold_together(tmp_path: Path) -> None:
    """`changed` is what the properties build on."""
    assert any("approvals" in line for line in problems(tmp_path, changed(environments__production__approvals=-1)))
