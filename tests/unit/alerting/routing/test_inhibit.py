"""Alerts that others explain."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from alerting.routing.config import InhibitRule
from alerting.routing.inhibit import Inhibitor
from alerting.routing.matcher import all_match
from alerting.routing.parse_matcher import parse_matchers

NOW = datetime(2024, 5, 1, tzinfo=UTC)
RULE = InhibitRule(parse_matchers("severity=critical"), parse_matchers("severity=~warning|critical"), ("cluster",))
DOWN = {"alertname": "Down", "severity": "critical", "cluster": "a"}
SLOW = {"alertname": "Slow", "severity": "warning", "cluster": "a"}


def test_a_source_inhibits_targets_that_agree_in_the_equal_labels() -> None:
    rule = InhibitRule(parse_matchers("severity=critical"), parse_matchers("severity=warning"), ("cluster", "zone"))
    inhibitor = Inhibitor([rule])
    inhibitor.add("down", DOWN)
    assert inhibitor.inhibited_by(SLOW, NOW) == ("down",)
    assert inhibitor.inhibited_by(SLOW | {"zone": ""}, NOW) == ("down",), "a missing label is an empty one"
    assert inhibitor.inhibited_by(SLOW | {"cluster": "b"}, NOW) == ()
    assert inhibitor.inhibited_by(DOWN, NOW) == ()
    inhibitor.remove("down")
    assert inhibitor.inhibited_by(SLOW, NOW) == ()


def test_what_is_source_and_target_does_not_inhibit_its_like() -> None:
    inhibitor = Inhibitor([RULE])
    inhibitor.add("down", DOWN)
    inhibitor.add("other", DOWN | {"alertname": "Gone"})
    assert inhibitor.inhibited_by(DOWN, NOW) == ()
    assert inhibitor.inhibited_by(SLOW, NOW) == ("down",)


def test_every_source_of_a_set_is_looked_at() -> None:
    rule = InhibitRule(parse_matchers("severity=critical"), parse_matchers("team=shop"), ("cluster",))
    inhibitor = Inhibitor([rule])
    inhibitor.add("both", DOWN | {"team": "shop"})
    inhibitor.add("pure", DOWN)
    target = {"severity": "critical", "cluster": "a", "team": "shop"}
    assert inhibitor.inhibited_by(target, NOW) == ("pure",)


def test_a_source_that_is_over_inhibits_nothing() -> None:
    inhibitor = Inhibitor([RULE])
    inhibitor.add("down", DOWN, NOW)
    assert inhibitor.inhibited_by(SLOW, NOW) == ()
    assert inhibitor.inhibited_by(SLOW, NOW - timedelta(seconds=1)) == ("down",)
    inhibitor.add("down", DOWN)
    assert inhibitor.inhibited_by(SLOW, NOW) == ("down",)
    inhibitor.add("down", DOWN | {"severity": "info"})
    assert inhibitor.inhibited_by(SLOW, NOW) == ()


labels = st.dictionaries(st.sampled_from("abc"), st.sampled_from(["x", "y", ""]), max_size=3)
matchers = st.sampled_from(["a=x", "a=~x|y", "b!=x", "c=y", "b=~.+", ""]).map(parse_matchers)
rules = st.lists(
    st.builds(InhibitRule, matchers, matchers, st.lists(st.sampled_from("abc"), unique=True).map(tuple)), max_size=3
)
steps = st.lists(st.tuples(st.sampled_from("1234"), st.none() | labels), max_size=8)


@given(rules, steps, labels)
def test_it_agrees_with_looking_at_every_source(
    given_rules: list[InhibitRule], done: list[tuple[str, dict[str, str] | None]], asked: dict[str, str]
) -> None:
    inhibitor = Inhibitor(given_rules)
    firing: dict[str, dict[str, str]] = {}
    for fingerprint, found in done:
        firing.pop(fingerprint, None)
        if found is None:
            inhibitor.remove(fingerprint)
        else:
            inhibitor.add(fingerprint, found)
            firing[fingerprint] = found
    wanted = next((kept for rule in given_rules if (kept := _sources(rule, firing, asked))), set())
    told = set(inhibitor.inhibited_by(asked, NOW))
    assert told <= wanted
    assert bool(told) == bool(wanted)


def _sources(rule: InhibitRule, firing: Mapping[str, Mapping[str, str]], asked: Mapping[str, str]) -> set[str]:
    """As the rule is defined, without any index."""
    if not all_match(rule.target, asked):
        return set()
    twofold = all_match(rule.source, asked)
    return {
        fingerprint
        for fingerprint, found in firing.items()
        if all_match(rule.source, found)
        and all(found.get(name, "") == asked.get(name, "") for name in rule.equal)
        and not (twofold and all_match(rule.target, found))
    }
