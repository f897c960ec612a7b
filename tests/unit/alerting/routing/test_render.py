"""What is shown of a configuration means what the configuration means."""

from dataclasses import replace
from datetime import timedelta

from alerting.routing.config import RoutingConfig, WebhookReceiver
from alerting.routing.load import default_routing, parse_routing
from alerting.routing.render import SECRET, render_config, render_matching_tree, render_tree

TEXT = """
global: {resolve_timeout: 1m}
route:
  receiver: chat
  group_by: [alertname, é]
  group_wait: 500ms
  routes:
  - matchers: [severity="page", '"a b"=~"x|y"', 'q="\\"\\n"']
    receiver: hook
    continue: true
    repeat_interval: 1h
    mute_time_intervals: [night, never]
    active_time_intervals: [year]
    routes:
    - match_re: {team: s.*}
      group_by: ['...']
      receiver: chat
    - matchers: [team=pay]
receivers:
- name: chat
  chat_configs: [{channel: ops}, {channel: '#dev', send_resolved: false}]
- name: hook
  webhook_configs: [{url: 'https://user:secret@x/', max_alerts: 3, timeout: 1m30s, send_resolved: false}]
- name: nobody
inhibit_rules:
- source_matchers: [a=b]
  target_matchers: ['c!~"d"']
  equal: [x, é]
- target_match: {a: b}
time_intervals:
- name: night
  time_intervals:
  - times: [{start_time: '22:00', end_time: '24:00'}, {start_time: '00:00', end_time: '06:05'}]
    weekdays: ['monday:friday', Sunday]
    days_of_month: ['-3:-1', 1]
    months: [1, 'march:13', december]
    years: ['2020:2022', 2030]
    location: Europe/Berlin
- name: never
  time_intervals: [{times: []}, {weekdays: [], months: []}]
- name: year
"""


def bare(config: RoutingConfig) -> RoutingConfig:
    """Without the texts it was read from and without what is secret."""
    receivers = {
        name: replace(
            receiver,
            integrations=tuple(
                replace(one, url="http://x") if isinstance(one, WebhookReceiver) else one
                for one in receiver.integrations
            ),
        )
        for name, receiver in config.receivers.items()
    }
    return replace(config, receivers=receivers, text="", warnings=())


def test_what_is_shown_reads_back_as_the_same_configuration() -> None:
    config = parse_routing("x.yml", TEXT)
    shown = render_config(config)
    assert "user:secret" not in shown
    assert bare(parse_routing("y.yml", shown.replace(f"url: {SECRET}", "url: http://x"))) == bare(config)


def test_the_routing_without_a_file_can_be_shown_too() -> None:
    config = default_routing("ops")
    assert bare(parse_routing("y.yml", render_config(config).replace(f"url: {SECRET}", "url: http://x"))) == bare(
        config
    )
    assert config.route.group_wait == timedelta(0)


def test_the_tree_is_drawn_as_amtool_draws_it() -> None:
    route = parse_routing("x.yml", TEXT).route
    assert render_tree(route) == (
        ".\n"
        "└── default-route  receiver: chat\n"
        '    └── {"a b"=~"x|y",q="\\"\\n",severity="page"}  continue: true  receiver: hook\n'
        '        ├── {team=~"^(?:s.*)$"}  receiver: chat\n'
        '        └── {team="pay"}  receiver: hook'
    )


def test_only_what_labels_reach_is_drawn() -> None:
    route = parse_routing("x.yml", TEXT).route
    assert render_matching_tree(route, {}) == ".\n└── default-route  receiver: chat"
    labels = {"severity": "page", "a b": "x", "q": '"\n', "team": "pay"}
    assert render_matching_tree(route, labels) == (
        '.\n└── default-route\n    └── {"a b"=~"x|y",q="\\"\\n",severity="page"}\n'
        '        └── {team="pay"}  receiver: hook'
    )
