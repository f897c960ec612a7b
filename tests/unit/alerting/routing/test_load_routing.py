"""A configuration in Alertmanager's format is read, or refused with everything that is wrong with it."""

from datetime import timedelta
from pathlib import Path

import pytest

from alerting.routing.config import ChatReceiver, InhibitRule, WebhookReceiver
from alerting.routing.load import RoutingWrong, default_routing, load_routing, parse_routing, read_routing
from alerting.routing.parse_matcher import parse_matchers
from alerting.routing.tree import matching

BASE = "route: {receiver: a}\nreceivers: [{name: a}]\n"


def problems(text: str, policies: set[str] | None = None) -> list[str]:
    with pytest.raises(RoutingWrong) as wrong:
        parse_routing("am.yml", text, policies)
    return [str(problem) for problem in wrong.value.problems]


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "alertmanager.yml"
    path.write_text(
        """
global: {resolve_timeout: 1m}
route:
  receiver: chat
  group_by: [alertname]
  routes:
  - match: {severity: page}
    receiver: pager
    group_wait: 0s
    active_time_intervals: [office]
receivers:
- name: chat
  slack_configs: [{channel: '#ops'}]
- name: pager
  chat_configs: [{channel: incidents, policy: primary}]
  webhook_configs: [{url: 'https://example.org/hook', max_alerts: 5, timeout: 1m30s}]
inhibit_rules:
- source_match: {severity: page}
  target_matchers: ['severity=~"warn|info"']
  equal: [service]
mute_time_intervals: [{name: office, time_intervals: [{weekdays: ['monday:friday']}]}]
"""
    )
    config = load_routing(path, {"primary"})
    assert config.receivers["chat"].integrations == (ChatReceiver("ops"),)
    chat, hook = config.receivers["pager"].integrations
    assert chat == ChatReceiver("incidents", "primary")
    assert hook == WebhookReceiver("https://example.org/hook", max_alerts=5, timeout=timedelta(seconds=90))
    assert config.inhibit_rules == (
        InhibitRule(parse_matchers("severity=page"), parse_matchers('severity=~"warn|info"'), ("service",)),
    )
    assert config.resolve_timeout == timedelta(minutes=1)
    assert config.route.routes[0].active_time_intervals == ("office",)
    assert config.policies == {"primary"}
    assert config.text == path.read_text()
    assert config.warnings == ()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "am.yml:1:1: no route provided in config"),
        ("receivers: []", "am.yml:1:1: no route provided in config"),
        ("route: {}", "am.yml:1:8: route: root route must specify a default receiver"),
        ("route: {receiver: b}", 'am.yml:1:19: route.receiver: undefined receiver "b" used in route'),
        (BASE + "extra: 1", "am.yml:3:1: field extra not found in type configuration"),
        (BASE + "route: {}", 'am.yml:3:1: mapping key "route" already defined at line 1'),
        ("route: [", "am.yml:2:1: yaml: did not find expected node content"),
        (BASE.replace("}\n", ", matchers: [a=b]}\n", 1), "route.matchers: root route must not have any matchers"),
        (BASE.replace("}\n", ", match_re: {a: b}}\n", 1), "route.match_re: root route must not have any matchers"),
        (BASE.replace("}\n", ", continue: true}\n", 1), "route.continue: cannot have continue in root route"),
        (
            BASE.replace("}\n", ", mute_time_intervals: [x]}\n", 1),
            "route.mute_time_intervals: root route must not have any mute time intervals",
        ),
        (BASE.replace("}\n", ", group_interval: 0s}\n", 1), "route.group_interval: group_interval cannot be zero"),
        (BASE.replace("}\n", ", repeat_interval: 0s}\n", 1), "route.repeat_interval: repeat_interval cannot be zero"),
        (BASE.replace("}\n", ", group_wait: 5}\n", 1), 'route.group_wait: not a valid duration string: "5"'),
        (BASE.replace("}\n", ", group_by: [a, a]}\n", 1), 'route.group_by[1]: duplicated label "a" in group_by'),
        (BASE.replace("}\n", ", group_by: [a, '...']}\n", 1), "route.group_by: cannot have wildcard group_by"),
        (BASE.replace("}\n", ", group_by: a}\n", 1), "route.group_by: expected a list of string"),
        (BASE.replace("}\n", ", routes: [{receiver: x}]}\n", 1), 'route.routes[0].receiver: undefined receiver "x"'),
        (
            BASE.replace("}\n", ", routes: [{active_time_intervals: [x]}]}\n", 1),
            'route.routes[0].active_time_intervals[0]: undefined time interval "x" used in route',
        ),
        (
            BASE.replace("}\n", ", routes: [{matchers: ['a=~\"(\"']}]}\n", 1),
            "am.yml:1:43: route.routes[0].matchers[0]: bad matcher 'a=~\"(\"': column 4: '(' is no regular expression",
        ),
        (BASE.replace("}\n", ", routes: [{match: {1a: b}}]}\n", 1), 'invalid label name "1a"'),
        (BASE.replace("}\n", ", routes: [{continue: 'true'}]}\n", 1), "continue: expected true or false"),
        (BASE.replace("}\n", ", routes: [{severity: page}]}\n", 1), "field severity not found in type route"),
        (BASE + "global: {resolve_timeout: soon}", 'global.resolve_timeout: not a valid duration string: "soon"'),
        (BASE + "inhibit_rules: [{equal: ['']}]", 'inhibit_rules[0].equal[0]: invalid label name ""'),
        (BASE + "time_intervals: [{name: a}, {name: a}]", 'time_intervals[1]: time interval "a" is not unique'),
        (BASE + "time_intervals: [{}]", "time_intervals[0]: missing name in time interval"),
        (BASE.replace("{name: a}", "{name: a}, {name: a}"), 'notification config name "a" is not unique'),
        (BASE.replace("{name: a}", "{name: a}, {}"), "receivers[1]: missing name in receiver"),
        ("a: &a [*a]\n" + BASE, "an anchor's value contains itself"),
    ],
)
def test_each_refusal_names_what_and_where(text: str, told: str) -> None:
    found = problems(text)
    assert any(told in problem for problem in found), found
    assert all(problem.startswith("am.yml:") for problem in found)


def test_all_problems_are_told_at_once_and_in_order() -> None:
    found = problems("route: {receiver: x, group_wait: y}\nreceivers: [{name: a, webhook_configs: [{}]}]\nz: 1")
    assert [problem.split(":")[1] for problem in found] == ["1", "1", "2", "3"]


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(RoutingWrong, match="cannot be read: No such file"):
        load_routing(tmp_path / "none.yml")
    (tmp_path / "latin.yml").write_bytes(b"a: \xff")
    with pytest.raises(RoutingWrong, match="invalid UTF-8 at byte 3"):
        load_routing(tmp_path / "latin.yml")


def test_aliases_do_not_grow_without_bound() -> None:
    lines = ["x0: &x0 {receiver: a}"]
    lines += [f"x{n}: &x{n} {{routes: [*x{n - 1}, *x{n - 1}]}}" for n in range(1, 40)]
    found = problems("\n".join([*lines, "route: *x39", "receivers: [{name: a}]"]))
    assert "aliases written out" in found[0]


def test_labels_and_keys_may_be_utf_8() -> None:
    route = parse_routing(
        "am.yml",
        'route: {receiver: a, group_by: [é], routes: [{matchers: [\'"a b"="c"\', é=~"x.*"]}]}\nreceivers: [{name: a}]',
    ).route
    assert route.routes[0].key == '{}/{"a b"="c",é=~"x.*"}'
    assert matching(route, {"a b": "c", "é": "xy"}) == [route.routes[0]]


def test_several_documents_are_not_passed_over_in_silence() -> None:
    assert "only the first document" in str(read_routing("am.yml", BASE + "---\na: b").warnings[0])


def test_without_a_file_everything_goes_to_one_channel() -> None:
    config = default_routing("ops", "primary")
    assert config.receivers[config.route.receiver].integrations == (ChatReceiver("ops", "primary"),)
    assert matching(config.route, {"a": "b"}) == [config.route]
    assert config.policies == {"primary"}
