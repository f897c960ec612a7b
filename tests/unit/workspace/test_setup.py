"""How a workspace is set up: manifest, people file, rates, typed words."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.workspace import load_manifest
from bot.workspace.config import ConfigError, load_people, random_config
from bot.workspace.manifest import ManifestError, parse_manifest
from bot.workspace.model import Channel, State, User
from bot.workspace.rates import Bucket, Meter, Rate, Rates, take
from bot.workspace.words import as_command, as_message

MANIFEST = """
display_information: {name: Parrot}
features:
  slash_commands: [{command: /echo, description: Again, usage_hint: words, should_escape: true}]
settings: {interactivity: {is_enabled: true}, event_subscriptions: {bot_events: [app_mention]}}
"""


def test_a_manifest_is_read(tmp_path: Path) -> None:
    path = tmp_path / "manifest.yml"
    path.write_text(MANIFEST)
    manifest = load_manifest(path)
    command = manifest.command("/echo")
    assert command is not None
    assert (command.usage_hint, command.should_escape) == ("words", True)
    assert manifest.bot_events == {"app_mention"}
    assert manifest.scopes == frozenset()
    assert manifest.interactivity
    assert not manifest.home_tab


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("features: [", "not readable as YAML"),
        ("- one", "a mapping with display_information"),
        ("features: 7", "features: must be a mapping"),
        ("features: {slash_commands: {}, shortcuts: 7}", "shortcuts: must be a list"),
        ("features: {slash_commands: [{description: x}]}", "every entry needs a command"),
        ("features: {slash_commands: [{command: echo}]}", "must start with /"),
        ("features: {shortcuts: [{name: a, callback_id: b, type: c}]}", "must be global or message"),
    ],
)
def test_a_broken_manifest_says_where(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "manifest.yml"
    path.write_text(text)
    with pytest.raises(ManifestError, match=said) as caught:
        load_manifest(path)
    assert str(path) in str(caught.value)


def test_people_are_read(tmp_path: Path) -> None:
    path = tmp_path / "people.yaml"
    path.write_text(
        "team: {id: T1, name: Zoo}\n"
        "people: [{name: ada, id: U1, real_name: Ada L, email: a@b.c, tz: Asia/Tokyo}, {name: bob, guest: true}]\n"
        "channels: [yard, {name: barn, topic: Hay, with_bot: false}]\n"
        "groups: [{id: S1, handle: keepers, users: [U1]}]\n"
    )
    config = random_config(**load_people(path))
    assert (config.team_id, config.team_name) == ("T1", "Zoo")
    assert [(one.id, one.guest) for one in config.people] == [("U1", False), ("U0BOB", True)]
    assert [(one.name, one.with_bot) for one in config.channels] == [("yard", True), ("barn", False)]
    assert config.groups[0].users == ("U1",)


@pytest.mark.parametrize("text", ["people: [", "people: [{id: U1}]", "[]", "channels: [{colour: red}]", "people: 7"])
def test_a_broken_people_file_says_which(tmp_path: Path, text: str) -> None:
    path = tmp_path / "people.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"people\.yaml"):
        load_people(path)


@given(st.lists(st.floats(min_value=0, max_value=5), max_size=40), st.integers(1, 5))
def test_a_bucket_never_gives_more_than_its_rate(pauses: list[float], burst: int) -> None:
    rate, bucket, now, given_out = Rate(1.0, burst), None, 0.0, 0
    for pause in pauses:
        now += pause
        bucket, wait = take(bucket, rate, now)
        given_out += wait == 0
        assert 0 <= wait <= 1
    assert given_out <= now + burst


def test_one_channel_does_not_slow_another() -> None:
    meter = Meter(Rates({"post": Rate(1, 1, per_channel=True)}))
    assert [meter.wait("post", channel, 0.0) for channel in ("a", "b", "a")] == [0, 0, 1]
    assert meter.wait("post", "a", 1.0) == 0
    assert take(Bucket(0, 0), Rate(0.5, 1), 0.0)[1] == 2
    assert Meter(None).wait("post", "a", 0.0) == 0


STATE = State(users={"U1": User("U1", "ada", "Ada")}, channels={"C1": Channel("C1", "deploys", "U1", 0)})


@pytest.mark.parametrize(
    ("typed", "message", "command"),
    [
        ("1 < 2 & 3 > 2", "1 &lt; 2 &amp; 3 &gt; 2", "1 &lt; 2 &amp; 3 &gt; 2"),
        ("hi @ada, see #deploys.", "hi <@U1>, see <#C1|deploys>.", "hi <@U1|ada>, see <#C1|deploys>."),
        ("<@U1> and <b>", "<@U1> and &lt;b&gt;", "<@U1> and &lt;b&gt;"),
        ("@here ada@ada @nobody #1", "<!here> ada@ada @nobody #1", "<!here> ada@ada @nobody #1"),
        ("*bold* _it_ `code` :eyes:", "*bold* _it_ `code` :eyes:", "*bold* _it_ `code` :eyes:"),
    ],
)
def test_typed_words_become_slacks(typed: str, message: str, command: str) -> None:
    assert as_message(typed, STATE) == message
    assert as_command(typed, STATE) == command


@given(st.text())
def test_typed_words_never_smuggle_markup(typed: str) -> None:
    rest: Any = as_message(typed, STATE)
    for token in ("<@U1>", "<#C1|deploys>", "<!here>", "<!channel>", "<!everyone>"):
        rest = rest.replace(token, "")
    assert "<http" not in rest


def test_an_empty_manifest_is_a_quiet_app() -> None:
    assert parse_manifest({}).commands == ()
