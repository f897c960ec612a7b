"""How a silence is typed, and what is said when it is typed wrong."""

import contextlib
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerting.commands import ExpireSilence, SetSilence
from alerting.routing.matcher import Matcher, Op
from alerting.silences.silence import SilenceId
from bot.words import commands
from bot.words.commands import parse
from bot.words.grammar import Misunderstood, Vocabulary
from bot.words.silences import OpenSilenceForm, read_matchers, read_silence, written

WORDS = Vocabulary({"shop": ["staging"]}, ["staging"])
DOWN = Matcher("alertname", Op.EQUAL, "Down")
JOB = Matcher("job", Op.EQUAL, "a b")
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("text", "matchers"),
    [
        ("", ()),
        ("  ", ()),
        ("Down", (DOWN,)),
        ('Down job="a b"', (DOWN, JOB)),
        ('Down, job="a b"', (DOWN, JOB)),
        ('{alertname="Down",job="a b"}', (DOWN, JOB)),
        ('alertname="Down" job="a b"', (DOWN, JOB)),
        ('alertname = "Down"  job = "a b"', (DOWN, JOB)),
        ("alertname=“Down”", (DOWN,)),
        ('ALERTS{alertname="Down"}', (DOWN,)),
        ('ALERTS_FOR_STATE{alertname="Down"}', (DOWN,)),
        (
            'team!="x" job=~"a|b" env!~"c.*"',
            (Matcher("team", Op.NOT_EQUAL, "x"), Matcher("job", Op.REGEX, "a|b"), Matcher("env", Op.NOT_REGEX, "c.*")),
        ),
        ('job="a for 2h because b"', (Matcher("job", Op.EQUAL, "a for 2h because b"),)),
    ],
)
def test_matchers_as_people_write_them(text: str, matchers: tuple[Matcher, ...]) -> None:
    assert read_matchers(text) == matchers


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("severity:page", "can't read `severity:page` at its end"),
        ('job="a', 'at `"a`: \'"a\': missing end "'),
        ('job="a" team', "at its end: end of input: expected an operator"),
        ('job=~"("', "at `\"(\"`: '(' is no regular expression"),
        ("Down Slow", "can't read `Slow` at its end"),
        ("up == 0", "leave out what compares the value"),
        ('sum(rate(x{job="a"}[5m])) by (job)', "can't read"),
    ],
)
def test_what_is_wrong_and_where(text: str, reason: str) -> None:
    with pytest.raises(Misunderstood) as wrong:
        read_matchers(text)
    assert reason in wrong.value.reason


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("silence", OpenSilenceForm()),
        ("silence Down", OpenSilenceForm("Down")),
        ('silence {alertname="Down"}', OpenSilenceForm('{alertname="Down"}')),
        ("silence Down for 1h because upgrade", SetSilence((DOWN,), HOUR, "upgrade")),
        ("mute Down FOR 1h BECAUSE upgrade for 2h", SetSilence((DOWN,), HOUR, "upgrade for 2h")),
        ('silence Down job="a b" until resolved because "it" is known', SetSilence((DOWN, JOB), None, '"it" is known')),
        ("silence Down for 1d 12h because x", SetSilence((DOWN,), 36 * HOUR, "x")),
        ("silences", commands.ShowSilences()),
        ("unsilence 1234abcd", ExpireSilence(SilenceId("1234abcd"))),
        ("alerts", commands.ShowAlerts()),
        ('alerts Down job="a b"', commands.ShowAlerts((DOWN, JOB))),
    ],
)
def test_the_grammar_of_silences(line: str, command: object) -> None:
    assert parse(line, WORDS) == command


def test_blanks_in_quotes_stay() -> None:
    assert parse('alerts job="a  b"', WORDS) == commands.ShowAlerts((Matcher("job", Op.EQUAL, "a  b"),))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("silence Down for 1h", "Say why"),
        ("silence Down for 1h because", "Say why"),
        ("silence Down because x", "Say how long"),
        ("silence for 1h because x", "Say which alerts"),
        ("silence Down for soon because x", "`soon` is no duration"),
        ("silence Down for 0s because x", "longer than nothing"),
        ("silence Down for 9y because x", "at most a year"),
        ("silence Down until monday because x", "not until `monday`"),
        ('silence job=~".*" for 1h because x', "silence every alert"),
        ('silence job=~".*"', "silence every alert"),
        ("silence a:b", "can't read"),
        ("unsilence", "Name one silence"),
        ("silences now", "one word too many"),
        ("alerts a:b", "can't read"),
    ],
)
def test_what_is_missing(line: str, reason: str) -> None:
    with pytest.raises(Misunderstood) as wrong:
        parse(line, WORDS)
    assert reason in wrong.value.reason
    assert wrong.value.usage.startswith("/ops ")


NAMES = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,8}", fullmatch=True)
VALUES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="“”„‟″"), max_size=8)


@given(st.lists(st.builds(Matcher, NAMES, st.sampled_from([Op.EQUAL, Op.NOT_EQUAL]), VALUES), min_size=1, max_size=4))
def test_what_is_written_reads_back(matchers: list[Matcher]) -> None:
    if "==" not in written(matchers):
        assert read_matchers(written(matchers)) == tuple(matchers)


@settings(max_examples=300, deadline=None)
@given(
    st.text(max_size=60)
    | st.lists(
        st.sampled_from(
            ["for", "until", "because", "resolved", '"', "{", "}", "=", "=~", "a", "2h", ",", " ", "ALERTS{"]
        ),
        max_size=15,
    ).map("".join)
)
def test_whatever_is_typed_is_a_command_or_told(text: str) -> None:
    with contextlib.suppress(Misunderstood):
        assert isinstance(read_silence(text), OpenSilenceForm | SetSilence)
