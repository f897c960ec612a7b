"""Matchers survive being written and read, and no configuration whatever brings the reader down."""

import copy
import json
from collections.abc import Callable
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from alerting.routing.convert import convert
from alerting.routing.load import read_routing
from alerting.routing.matcher import Matcher, Op, format_matchers
from alerting.routing.parse_matcher import MatcherWrong, parse_matcher, parse_matchers
from alerting.routing.render import render_config

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
names = words.filter(bool)
plain = st.builds(Matcher, names, st.sampled_from([Op.EQUAL, Op.NOT_EQUAL]), words)
patterns = st.builds(Matcher, names, st.sampled_from(Op), st.sampled_from(["a|b", ".*", r"\d+", 'x"y', "a,b", "{a}"]))
pieces = st.sampled_from([*"ab\\\"{}=!~, '\n\té", "\\x41", '="', "=~"])
texts = st.lists(pieces, max_size=14).map("".join)


@given(st.lists(plain | patterns, max_size=4))
def test_matchers_that_are_written_read_back_as_themselves(given_matchers: list[Matcher]) -> None:
    assert list(parse_matchers(format_matchers(given_matchers))) == given_matchers


@given(plain | patterns)
def test_so_does_one_alone(matcher: Matcher) -> None:
    text = str(matcher)
    if not text.startswith("{"):
        assert parse_matcher(text) == matcher


@given(texts | words)
def test_a_text_is_read_or_refused_with_its_column(text: str) -> None:
    for parse in (parse_matcher, parse_matchers):
        assert 1 <= column_of_fault(parse, text) <= len(text) + 1


def column_of_fault(parse: Callable[[str], object], text: str) -> int:
    """1 when there is none."""
    try:
        parse(text)
    except MatcherWrong as wrong:
        return wrong.column
    return 1


BASE: dict[str, Any] = {
    "global": {"resolve_timeout": "5m", "http_config": {"follow_redirects": True}},
    "route": {
        "receiver": "a",
        "group_by": ["alertname", "x"],
        "group_wait": "10s",
        "routes": [
            {
                "matchers": ["a=b", 'c=~"d|e"'],
                "receiver": "b",
                "continue": True,
                "mute_time_intervals": ["night"],
                "routes": [{"match": {"a": "b"}, "match_re": {"c": "d.*"}, "group_by": ["..."]}],
            },
        ],
    },
    "receivers": [
        {"name": "a", "slack_configs": [{"channel": "#a"}], "email_configs": [{"to": "x"}]},
        {
            "name": "b",
            "chat_configs": [{"channel": "ops", "policy": "p"}],
            "webhook_configs": [
                {
                    "url": "http://localhost/",
                    "max_alerts": 3,
                    "timeout": "10s",
                    "http_config": {
                        "basic_auth": {"username": "u"},
                        "http_headers": {"X-A": {"values": ["1"], "files": ["none"]}},
                    },
                }
            ],
        },
    ],
    "inhibit_rules": [{"source_matchers": ["a=b"], "target_match_re": {"c": "d"}, "equal": ["x", "y"]}],
    "mute_time_intervals": [{"name": "night", "time_intervals": [{"months": ["may:june"]}]}],
    "time_intervals": [
        {
            "name": "day",
            "time_intervals": [
                {
                    "times": [{"start_time": "08:00", "end_time": "24:00"}],
                    "weekdays": ["monday:friday"],
                    "days_of_month": ["1:5", "-3:-1"],
                    "years": ["2020:2030"],
                    "location": "Europe/Berlin",
                }
            ],
        }
    ],
}


def places(value: object) -> list[tuple[Any, Any]]:
    """Every key of every mapping and every index of every list, with what it lies in."""
    pairs: list[tuple[Any, Any]] = []
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            pairs += [(value, key), *places(value[key])]
    return pairs


scalars = st.none() | st.booleans() | st.integers() | st.sampled_from(["", "a", "b", "0s", "1:2:3", "<secret>"]) | words
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(words, inner, max_size=2), max_leaves=4
)


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_any_change_of_a_file_is_read_or_refused_with_its_place(data: st.DataObject) -> None:
    document = copy.deepcopy(BASE)
    for _ in range(data.draw(st.integers(1, 2))):
        holder, key = data.draw(st.sampled_from(places(document)))
        if data.draw(st.booleans()):
            holder[key] = data.draw(values)
        else:
            del holder[key]
    check(json.dumps(document) if data.draw(st.booleans()) else yaml.safe_dump(document, allow_unicode=True))


@settings(deadline=None)
@given(st.text(st.sampled_from(list("[]{}:,-?&*!|>'\"%@` \n\tab1#")) | st.characters(), max_size=40))
def test_any_text_is_read_or_refused_with_its_place(text: str) -> None:
    check(text)
    check(f"route: {{receiver: a}}\nreceivers: [{{name: a}}]\n{text}")


def check(text: str) -> None:
    read = read_routing("am.yml", text, {"p"})
    for problem in (*read.problems, *read.lacks, *read.warnings):
        assert str(problem).startswith(f"am.yml:{problem.line}:{problem.column}: ")
        assert problem.line >= 1
        assert problem.column >= 1
        assert problem.message
    if not read.problems:
        assert read_routing("shown.yml", render_config(read.config)).config.route == read.config.route
    done = convert("am.yml", text, "ops")
    assert bool(done.text) is not bool(done.problems)
    if done.text:
        new = read_routing("new.yml", done.text)
        assert not new.problems
        assert new.config.route == read.config.route
        assert new.config.receivers.keys() == read.config.receivers.keys()
