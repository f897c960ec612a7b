"""Receivers: ours, those we share with Alertmanager, and those that have no counterpart."""

from base64 import b64encode
from pathlib import Path

import pytest

from alerting.errors import TemporaryFailure
from alerting.routing.config import ChatReceiver, RoutingConfig, WebhookReceiver
from alerting.routing.load import parse_routing, read_routing
from alerting.routing.load_receivers import UNKNOWN_HERE
from alerting.routing.secret_files import refreshed


def text(receiver: str, *, used: bool = True, extra: str = "") -> str:
    return f"route: {{receiver: {'a' if used else 'b'}}}\nreceivers: [{{name: b}}, {{name: a, {receiver}}}]\n{extra}"


def webhook(config: RoutingConfig) -> WebhookReceiver:
    found = config.receivers["a"].integrations[0]
    assert isinstance(found, WebhookReceiver)
    return found


@pytest.mark.parametrize(
    ("http", "headers"),
    [
        ("basic_auth: {username: u, password: p}", {"Authorization": f"Basic {b64encode(b'u:p').decode()}"}),
        ("authorization: {credentials: x}", {"Authorization": "Bearer x"}),
        ("authorization: {type: ApiKey, credentials: x}", {"Authorization": "ApiKey x"}),
        ("bearer_token: x", {"Authorization": "Bearer x"}),
        ("http_headers: {X-A: {values: [1, 2], secrets: [s]}}", {"X-A": "1, 2, s"}),
        ("follow_redirects: true, enable_http2: true", {}),
    ],
)
def test_a_webhook_says_who_calls(http: str, headers: dict[str, str]) -> None:
    config = f"webhook_configs: [{{url: 'http://x/', http_config: {{{http}}}}}]"
    assert webhook(parse_routing("x.yml", text(config))).headers == headers
    everywhere = text("webhook_configs: [{url: 'http://x/'}]", extra=f"global: {{http_config: {{{http}}}}}")
    assert webhook(parse_routing("x.yml", everywhere)).headers == headers


def test_secrets_in_files_are_read_anew(tmp_path: Path) -> None:
    config = """webhook_configs: [{url_file: url, http_config: {
      basic_auth: {username: u, password_file: word}, http_headers: {X-A: {files: [a]}}}}]"""
    for name, secret in (("url", "http://x/\n"), ("word", "p"), ("a", "1")):
        (tmp_path / name).write_text(secret)
    hook = webhook(parse_routing(str(tmp_path / "am.yml"), text(config)))
    assert hook.url == "http://x/"
    assert hook.headers == {"Authorization": f"Basic {b64encode(b'u:p').decode()}", "X-A": "1"}
    (tmp_path / "word").write_text("q")
    (tmp_path / "url").write_text("http://y/")
    assert refreshed(hook).url == "http://y/"
    assert refreshed(hook).headers["Authorization"] == f"Basic {b64encode(b'u:q').decode()}"
    (tmp_path / "url").unlink()
    with pytest.raises(TemporaryFailure, match="cannot be read: No such file"):
        refreshed(hook)


def test_a_secret_file_that_is_not_there_yet_is_a_warning(tmp_path: Path) -> None:
    config = "webhook_configs: [{url_file: gone, http_config: {bearer_token_file: gone}}]"
    read = read_routing(str(tmp_path / "am.yml"), text(config))
    assert (read.problems, read.lacks) == ((), ())
    assert ["gone cannot be read" in str(warning) for warning in read.warnings] == [True, True]


def test_secrets_are_not_shown() -> None:
    config = "webhook_configs: [{url: 'http://hide/', http_config: {basic_auth: {username: hide, password: hide}}}]"
    assert "hide" not in repr(parse_routing("x.yml", text(config)))


@pytest.mark.parametrize(
    ("receiver", "told"),
    [
        ("webhook_configs: [{}]", "webhook_configs[0]: one of url or url_file must be configured"),
        ("webhook_configs: [{url: 'http://x', url_file: y}]", "at most one of url & url_file must be configured"),
        ("webhook_configs: [{url: 'ftp://x'}]", 'url: unsupported scheme "ftp" for URL'),
        ("webhook_configs: [{url: 'http://'}]", "url: missing host for URL"),
        ("webhook_configs: [{url: 'http://[::1'}]", "url: it is no URL"),
        ("webhook_configs: [{url: 'http://x', timeout: 5}]", "timeout: not a duration: '5'"),
        ("webhook_configs: [{url: 'http://x', timeout: -5s}]", "timeout: not a duration: '-5s'"),
        ("webhook_configs: [{url: 'http://x', max_alerts: -1}]", "max_alerts: expected a whole number"),
        ("webhook_configs: [{url: 'http://x', send_resolved: 1}]", "send_resolved: expected true or false"),
        ("webhook_configs: [{url: 'http://x', colour: red}]", "field colour not found in type webhook_config"),
        ("webhook_configs: {url: 'http://x'}", "webhook_configs: expected a list of webhook_configs"),
        ("webhook_configs: ['http://x']", "webhook_configs[0]: expected the fields of one of webhook_configs"),
        (
            "webhook_configs: [{url: 'http://x', http_config: {bearer_token: a, basic_auth: {username: b}}}]",
            "at most one of basic_auth and bearer_token must be configured",
        ),
        (
            "webhook_configs: [{url: 'http://x', http_config: {authorization: {type: Basic}}}]",
            'authorization type cannot be set to "basic"',
        ),
        (
            "webhook_configs: [{url: 'http://x', http_config: {basic_auth: {password: a, password_file: b}}}]",
            "at most one of password & password_file must be configured",
        ),
        (
            "webhook_configs: [{url: 'http://x', http_config: {http_headers: {host: {values: [a]}}}}]",
            'setting header "host" is not allowed',
        ),
        ("chat_configs: [{}]", "chat_configs[0]: name the channel, as #ops"),
        ("chat_configs: [{channel: a, policy: x}]", 'policy: there is no escalation policy "x"; known: primary'),
        ("slack_configs: [{channel: a, chanel: b}]", "field chanel not found in type slack_config"),
        (
            "slack_configs: [{channel: a, api_url: 'http://x', api_url_file: y}]",
            "at most one of api_url & api_url_file",
        ),
    ],
)
def test_each_refusal_names_the_field(receiver: str, told: str) -> None:
    found = [str(problem) for problem in read_routing("x.yml", text(receiver), {"primary"}).problems]
    assert any(told in problem for problem in found), found


@pytest.mark.parametrize(
    ("receiver", "told"),
    [
        *(
            (f"{kind}: [{{to: x}}]", f"{kind} have no counterpart here, so nobody would be told")
            for kind in UNKNOWN_HERE
        ),
        ("slack_configs: [{}]", "no channel is named, so nobody would be told"),
        ("slack_configs: [{channel: '#{{ .GroupLabels.team }}'}]", "the channel is a template"),
        ("slack_configs: [{channel: '@ada'}]", "a person is no channel"),
        (
            "webhook_configs: [{url: 'http://x', http_config: {tls_config: {ca_file: x}}}]",
            "tls_config has no counterpart here, so calls would fail",
        ),
    ],
)
def test_what_has_no_counterpart_is_refused_where_it_is_used(receiver: str, told: str) -> None:
    used = read_routing("x.yml", text(receiver))
    assert used.problems == ()
    assert told in str(used.lacks[0])
    assert str(used.lacks[0]).startswith("x.yml:2:")
    unused = read_routing("x.yml", text(receiver, used=False))
    assert unused.lacks == ()
    assert any(told in str(warning) for warning in unused.warnings)


def test_slacks_looks_and_keys_are_not_needed_and_it_is_said() -> None:
    config = parse_routing(
        "x.yml", text("slack_configs: [{channel: '#a', title: x, api_url: 'http://x', send_resolved: no}]")
    )
    assert config.receivers["a"].integrations == (ChatReceiver("a", send_resolved=False),)
    assert [warning.partition("]: ")[2][:7] for warning in config.warnings] == ["api_url", "title: "]


def test_global_settings_of_others_have_no_effect_and_it_is_said() -> None:
    read = read_routing("x.yml", text("chat_configs: []", extra="global: {smtp_from: x}\ntemplates: ['*.tmpl']"))
    assert [str(warning) for warning in read.warnings] == [
        "x.yml:3:9: global: smtp_from: without effect here",
        "x.yml:4:12: templates: without effect here",
    ]
