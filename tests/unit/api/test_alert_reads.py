"""The alert addresses: groups, silences, rules and a rule's day."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.errors import TemporaryFailure
from bot.inputs.api.alert_filter import parse_filter
from bot.inputs.api.errors import ApiError
from bot.inputs.api.schemas_alerts import AlertGroups, RuleHistory, Rules, Silences
from bot.readings.now import AlertRow
from tests.unit.api.house import Client, House, Json, a_client
from tests.unit.board.alert_scene import PROMETHEUS, AlertScene


@pytest.fixture
def scene() -> AlertScene:
    return AlertScene(House())


@pytest.fixture
async def client(scene: AlertScene) -> AsyncIterator[Client]:
    async with a_client(scene.house) as asking:
        yield asking


async def read(client: Client, path: str) -> Json:
    status, answer = await client.get(path)
    assert status == 200, answer
    return answer


async def test_groups_say_who_is_told_of_what_and_what_is_muted_by_whom(client: Client, scene: AlertScene) -> None:
    scene.busy()
    answer = AlertGroups.model_validate(await read(client, "/alerts/groups"))
    assert answer.counts.model_dump() == {"active": 3, "suppressed": 2, "pending": 1}
    told = [(group.receiver, [(one.name, one.state) for one in group.alerts]) for group in answer.groups]
    assert told == [
        ("pages", [("HighErrors", "active"), ("HighErrors", "active")]),
        ("tickets", [("DiskFull", "active"), ("DiskFull", "suppressed")]),
        (None, [("Slow", "pending")]),
        ("tickets", [("BatchLate", "suppressed")]),
    ]
    mutes = [
        (mute.kind, mute.by, mute.text) for group in answer.groups for one in group.alerts for mute in one.muted_by
    ]
    assert mutes == [("silence", "ada", "Moving the disks"), ("alert", "", "HighErrors")]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ('filter={severity=~"crit.*"}', ["HighErrors", "HighErrors"]),
        ('filter=severity!="critical"&filter=device="sda"', ["DiskFull"]),
        ("q=nightly", ["BatchLate"]),
        ("q=DISK sdb", ["DiskFull"]),
        ("state=pending", ["Slow"]),
        ("state=pending&state=suppressed&q=db-1", ["DiskFull"]),
        ("q=nothing-has-this", []),
        ("limit=1", ["HighErrors"]),
        ("limit=0", []),
    ],
)
async def test_alerts_are_found_by_matchers_words_and_state(
    client: Client, scene: AlertScene, query: str, found: list[str]
) -> None:
    scene.busy()
    answer = AlertGroups.model_validate(await read(client, f"/alerts/groups?{quote(query, safe='=&')}"))
    assert [one.name for group in answer.groups for one in group.alerts] == found


@pytest.mark.parametrize(
    ("query", "field", "words"),
    [
        ("filter=severity%3D%22", "filter", "column 10"),
        ("filter=a", "filter", "expected an operator"),
        ("filter=a%3D~%22(%22", "filter", "no regular expression"),
        ("state=open", "state", "active, suppressed, pending"),
        ("limit=-1", "limit", "0 to 5000"),
        ("q=" + "x" * 300, "q", "300 characters"),
    ],
)
async def test_a_wrong_filter_says_where(client: Client, query: str, field: str, words: str) -> None:
    status, answer = await client.get(f"/alerts/groups?{query}")
    error = answer["error"]
    assert (status, error["field"]) == (422, field)
    assert words in error["reason"] + error["remedy"]


async def test_thousands_of_alerts_are_counted_and_some_of_them_told(client: Client, scene: AlertScene) -> None:
    scene.full()
    answer = AlertGroups.model_validate(await read(client, "/alerts/groups"))
    assert answer.counts.active == 3003
    assert sum(len(group.alerts) for group in answer.groups) <= 200
    zone = next(group for group in answer.groups if group.labels.get("zone") == "zone-0")
    assert (len(zone.alerts), zone.counts.active) == (20, 429)
    whole = AlertGroups.model_validate(await read(client, f"/alerts/groups?limit=1000&group={quote(zone.key)}"))
    assert [len(group.alerts) for group in whole.groups] == [429]


async def test_the_plain_list_takes_filters(client: Client, scene: AlertScene) -> None:
    now = scene.now
    for name in ("One", "Two"):
        scene.house.alerts.append(AlertRow(name, "firing", {"alertname": name}, {}, 1.0, now))
    answer = await read(client, "/alerts?filter=alertname%3DTwo")
    assert [one["name"] for one in answer["alerts"]] == ["Two"]


async def test_silences_say_who_made_them_and_how_many_alerts_they_mute(client: Client, scene: AlertScene) -> None:
    scene.busy()
    answer = Silences.model_validate(await read(client, "/silences"))
    assert answer.counts.model_dump() == {"active": 1, "pending": 1, "expired": 1}
    first, _, last = answer.silences
    assert (first.state, first.created_by, first.comment, first.mutes) == ("active", "ada", "Moving the disks", 1)
    assert first.matchers == ['alertname="DiskFull"', 'device="sda"']
    assert (last.state, last.ended_by, last.mutes) == ("expired", "ben", 0)


@pytest.mark.parametrize(
    ("query", "found"),
    [('filter=alertname=~"Disk.*"', 1), ('filter=team=~"data|web"', 1), ("filter=team=data", 0), ("q=moving", 3)],
)
async def test_silences_are_found_by_what_they_speak_of(
    client: Client, scene: AlertScene, query: str, found: int
) -> None:
    scene.busy()
    answer = await read(client, f"/silences?{quote(query, safe='=&')}")
    assert len(answer["silences"]) == found


async def test_rules_tell_their_health_and_lead_to_prometheus(client: Client, scene: AlertScene) -> None:
    scene.busy()
    scene.problems.append('rules/shop.yml:7:5: group "shop", rule 1, "HighErrors": could not parse expression')
    answer = Rules.model_validate(await read(client, "/rules"))
    assert answer.counts.model_dump() == {"rules": 4, "firing": 2, "pending": 1, "broken": 1}
    assert answer.problems == scene.problems
    assert [(one.name, one.interval_seconds) for one in answer.groups] == [("shop", 15.0), ("disks", 60.0)]
    broken = answer.groups[1].rules[1]
    assert (broken.health, broken.failures, broken.missed) == ("err", 7, 2)
    assert broken.last_error is not None
    assert "labelset" in broken.last_error
    assert broken.link.startswith(f"{PROMETHEUS}/graph?g0.expr=predict_linear%28node")
    for query, names in (("state=broken", ["DiskOdd"]), ("filter=group%3Dshop", ["HighErrors", "Slow"])):
        found = Rules.model_validate(await read(client, f"/rules?{query}"))
        assert [rule.name for group in found.groups for rule in group.rules] == names


async def test_a_rules_day_shows_states_values_and_deployments(client: Client, scene: AlertScene) -> None:
    scene.busy()
    await scene.past()
    await client.post("/deployments", {"service": "shop", "version": "v1", "environment": "staging"})
    await scene.house.durable.run_for(timedelta(minutes=1))
    rule = scene.statuses[scene.rule("HighErrors")].rule
    day = RuleHistory.model_validate(await read(client, f"/rules/{rule.id}/history"))
    assert {"inactive", "pending", "firing", "error", "unknown"} == {one.state for one in day.segments}
    assert (day.segments[0].start, day.segments[-1].end) == (day.start, day.end)
    assert all(one.end == after.start for one, after in zip(day.segments, day.segments[1:], strict=False))
    assert [one.labels["instance"] for one in day.series] == ["10.0.0.1:9100"]
    assert (day.values.comparison, day.values.threshold, len(day.values.lines)) == (">", 0.05, 1)
    assert ">" not in day.values.expr
    assert [one.text for one in day.deployments] == ["Deploy shop v1 in staging, succeeded"]
    hour = RuleHistory.model_validate(await read(client, f"/rules/{rule.id}/history?hours=1"))
    assert hour.end - hour.start == timedelta(hours=1)
    assert (await client.get(f"/rules/{rule.id}/history?hours=25"))[1]["error"]["field"] == "hours"


async def test_a_day_without_its_values_says_why(client: Client, scene: AlertScene) -> None:
    scene.load()
    scene.ranges.failure = TemporaryFailure("http://prometheus cannot be reached: refused", remedy="look there")
    rule = scene.statuses[0].rule
    answer = await read(client, f"/rules/{rule.id}/history")
    assert answer["values"]["error"] == "http://prometheus cannot be reached: refused"
    assert {one["state"] for one in answer["segments"]} == {"unknown"}
    status, answer = await client.get("/rules/none/history")
    assert (status, answer["error"]["kind"]) == (404, "NotFound")


TEXTS = st.lists(st.text(max_size=40) | st.text('={}~!",\\abc( ', max_size=20), max_size=3)


def refusal(texts: list[str], words: str) -> ApiError | None:
    try:
        wanted = parse_filter(texts, words)
    except ApiError as refused:
        return refused
    wanted.takes({"alertname": "Down", "a": "b"}, {"summary": words})
    return None


@given(texts=TEXTS, words=st.text(max_size=250))
def test_any_filter_is_read_or_refused_with_its_place(texts: list[str], words: str) -> None:
    refused = refusal(texts, words)
    if refused is not None:
        assert (refused.status, refused.problem.field) in {(422, "filter"), (422, "q")}
        assert refused.problem.remedy
