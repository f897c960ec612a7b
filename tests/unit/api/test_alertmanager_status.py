"""What Alertmanager's API tells of the installation, and what it hides."""

from __future__ import annotations

import yaml

from alerting.routing.load import parse_routing
from tests.unit.api.test_alertmanager_alerts import a_client

SECRETS = """
# a note with hunter2
global:
  slack_api_url: http://chat.example/hunter2
  http_config: {basic_auth: {username: ada, password: hunter2}, proxy_url: "http://ada:hunter2@proxy.example"}
route:
  receiver: ops
  group_by: ["..."]
  routes: [{receiver: hook, matchers: ['a="b"'], continue: true, mute_time_intervals: [night]}]
receivers:
- name: ops
  chat_configs: [{channel: "#ops", policy: primary, send_resolved: false}]
- name: hook
  webhook_configs:
  - url: http://ada:hunter2@hooks.example/hunter2
    http_config: {authorization: {credentials: hunter2}, http_headers: {X-Key: {secrets: [hunter2], values: [plain]}}}
  slack_configs: [{channel: "#ops", api_url: "http://chat.example/hunter2"}]
time_intervals: [{name: night, time_intervals: [{times: [{start_time: "21:00", end_time: "24:00"}]}]}]
"""


async def test_the_configuration_is_shown_without_secrets() -> None:
    async with a_client(routing=parse_routing("alertmanager.yml", SECRETS)) as client:
        shown = (await client.get("/status"))["config"]["original"]
    assert "hunter2" not in shown
    read = yaml.safe_load(shown)
    assert [receiver["name"] for receiver in read["receivers"]] == ["ops", "hook"]
    assert read["route"]["receiver"] == "ops"


async def test_status_and_receivers() -> None:
    async with a_client() as client:
        status = await client.get("/status")
        assert status["cluster"] == {"status": "disabled", "peers": []}
        assert status["uptime"] == "2026-01-05T09:00:00.000Z"
        assert sorted(status["versionInfo"]) == [
            "branch", "buildDate", "buildUser", "goVersion", "revision", "version",
        ]  # fmt: skip
        assert await client.get("/receivers") == [{"name": "default"}, {"name": "team-a"}, {"name": "team-ab"}]
