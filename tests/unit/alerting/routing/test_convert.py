"""An Alertmanager's configuration is taken over, and what has no counterpart is named."""

import pytest

from alerting.routing.config import ChatReceiver
from alerting.routing.convert import convert
from alerting.routing.load import parse_routing

TEXT = """# kept by the team
global:
  smtp_from: x
  resolve_timeout: 1m
templates: ['*.tmpl']
route:
  receiver: ops
  routes:
  - matchers: ['severity="page"']
    receiver: &p pager
  - matchers: [team=shop]
    receiver: shop
receivers:
- name: ops
  slack_configs:
  - {channel: '#ops', title: hi, send_resolved: off}
  - {channel: '#dev'}
- name: *p
  pagerduty_configs: [{service_key: x}]
  slack_configs: [{channel: '#ops'}]
- {name: shop, email_configs: [{to: a@b}], webhook_configs: [{url: 'http://x/'}]}
- name: unused
  email_configs: [{to: a@b}]
"""


def test_slacks_receivers_become_chat_receivers() -> None:
    done = convert("am.yml", TEXT, "fallback")
    assert (done.problems, done.left) == ((), ())
    config = parse_routing("new.yml", done.text)
    told = {name: receiver.integrations for name, receiver in config.receivers.items()}
    assert told["ops"] == (ChatReceiver("ops", send_resolved=False), ChatReceiver("dev"))
    assert config.resolve_timeout.seconds == 60
    assert [route.receiver for route in config.route.walk()] == ["ops", "pager", "shop"]
    assert "smtp" not in done.text
    assert "templates" not in done.text


def test_a_channel_is_told_in_place_of_what_is_lost() -> None:
    done = convert("am.yml", TEXT, "#fallback")
    config = parse_routing("new.yml", done.text)
    assert config.receivers["pager"].integrations == (
        ChatReceiver("ops"),
        ChatReceiver("fallback"),
    )
    assert ChatReceiver("fallback") in config.receivers["shop"].integrations
    assert len(config.receivers["shop"].integrations) == 2
    assert [str(loss).partition(": ")[0] for loss in done.lost] == ["am.yml:19:23", "am.yml:21:32"]
    assert any(str(note).startswith("am.yml:23:19: ") for note in done.notes)


def test_a_pager_that_a_channel_replaces_is_named() -> None:
    (told,) = convert("am.yml", TEXT, "fallback").unpaged
    assert str(told) == (
        'am.yml:19:3: receiver "pager" paged by pagerduty_configs: nobody is paged until its chat_configs name a policy'
    )
    assert convert("am.yml", TEXT).unpaged == ()  # it stays and is refused
    with_policy = TEXT.replace("  slack_configs: [{channel: '#ops'}]", "  chat_configs: [{channel: a, policy: night}]")
    assert convert("am.yml", with_policy, "fallback").unpaged == ()


@pytest.mark.parametrize(
    ("kind", "pages"), [("opsgenie", True), ("victorops", True), ("pushover", True), ("telegram", False)]
)
def test_what_pages(kind: str, pages: bool) -> None:
    unused = "{name: b, opsgenie_configs: [{}]}"
    text = f"route: {{receiver: a}}\nreceivers: [{{name: a, {kind}_configs: [{{}}]}}, {unused}]"
    assert bool(convert("am.yml", text, "c").unpaged) is pages


def test_without_a_channel_what_is_lost_stays_and_is_not_served() -> None:
    done = convert("am.yml", TEXT)
    assert [str(fault).partition("]: ")[2][:16] for fault in done.left] == ["pagerduty_config", "email_configs ha"]
    assert "email_configs" in done.text


def test_slacks_receivers_without_a_channel_of_ours_stay_too() -> None:
    text = "route: {receiver: a}\nreceivers: [{name: a, slack_configs: [{channel: '#{{ .x }}'}, {channel: b}]}]"
    done = convert("am.yml", text)
    assert len(done.lost) == len(done.left) == 1
    assert "{{ .x }}" in done.text
    chat = convert("am.yml", text, "c")
    assert parse_routing("x.yml", chat.text).receivers["a"].integrations == (
        ChatReceiver("b"),
        ChatReceiver("c"),
    )


def test_a_configuration_without_losses_is_taken_over_whole() -> None:
    text = "route: {receiver: a}\nreceivers: [{name: a, chat_configs: [{channel: b}], slack_configs: [{channel: c}]}]"
    done = convert("am.yml", text)
    assert (done.problems, done.lost, done.left) == ((), (), ())
    told = parse_routing("x.yml", done.text).receivers["a"].integrations
    assert told == (ChatReceiver("b"), ChatReceiver("c"))


def test_what_does_not_change_stays_as_it_is_written() -> None:
    done = convert("am.yml", TEXT.replace("&p ", "").replace("*p", "pager"), "fallback")
    assert (
        done.text
        == """# kept by the team
global:
  resolve_timeout: 1m
route:
  receiver: ops
  routes:
  - matchers: ['severity="page"']
    receiver: pager
  - matchers: [team=shop]
    receiver: shop
receivers:
- name: ops
  chat_configs:
  - channel: ops
    send_resolved: off
  - channel: dev
- name: pager
  chat_configs:
  - channel: ops
  - channel: fallback
- {name: shop, webhook_configs: [{url: 'http://x/'}], chat_configs: [{channel: fallback}]}
- name: unused
  chat_configs:
  - channel: fallback
"""
    )


@pytest.mark.parametrize(
    "text",
    [
        "{templates: [x], route: {receiver: a}, receivers: [{name: a, slack_configs: [{channel: b}]}]}",
        "receivers:\n- &x {name: a, slack_configs: [{channel: b}]}\nroute: {receiver: a}\n",
        "receivers: [{name: a, slack_configs: &x [{channel: b}]}, {name: b, slack_configs: *x}]\nroute: {receiver: a}",
        "\ufeffreceivers:\n- name: a\n  slack_configs: [{channel: b}]\nroute: {receiver: a}\n",
        "receivers:\r\n- name: a\r\n  slack_configs:\r\n  - channel: b\r\n  # c\r\nroute:\r\n  receiver: a\r\n",
        "receivers:\n- slack_configs:\n  - channel: b\n    text: |\n      # x\n  name: a\nroute: {receiver: a}\n---\nb",
        "global: {smtp_from: é😀}\nroute: {receiver: a}\nreceivers: [{name: a, slack_configs: [{channel: b}]}]",
    ],
)
def test_whatever_way_it_is_written_it_is_converted(text: str) -> None:
    done = convert("am.yml", text)
    assert (done.problems, done.left) == ((), ())
    assert "slack" not in done.text
    assert parse_routing("x.yml", done.text).receivers["a"].integrations == (ChatReceiver("b"),)


def test_a_wrong_file_is_not_converted() -> None:
    for text in ("", "route: {}", "receivers: [null]\nroute: {receiver: a}", "a: ["):
        done = convert("am.yml", text)
        assert done.text == ""
        assert done.problems
