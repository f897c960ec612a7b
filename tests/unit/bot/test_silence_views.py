"""What is drawn of alerts and silences: within Slack's limits, outside text kept text, and what matters said."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.commands import SilenceIncident
from alerting.incidents.incident import Incident, PersonId, Silenced
from alerting.incidents.incident import State as IncidentState
from alerting.routing.matcher import Matcher, Op
from alerting.silences.notices import Kind
from alerting.silences.silence import SYSTEM, Silence, SilenceId, State
from bot.inputs.slack.clicks import COMMANDS
from bot.readings.alerts import alert_rows
from bot.readings.held_back import HeldBack
from bot.readings.now import AlertRow
from bot.views.alerts import ShownAlert, render_alerts
from bot.views.incident import SILENCES, render_incident
from bot.views.silences import (
    EXPIRE,
    ShownSilence,
    render_ended,
    render_ending,
    render_no_preview,
    render_over,
    render_preview,
    render_silence_form,
    render_silenced,
    render_silences,
    render_started,
    render_together,
)
from tests.fakes.blockkit import KNOWN_USER, buttons, check, check_surface, words
from tests.properties.bot import states
from tests.properties.bot.test_views import QUICK

NOW = states.NOW
HOUR = timedelta(hours=1)
NAMES = states.SHORT.filter(bool)
MATCHERS = st.builds(Matcher, NAMES, st.sampled_from([Op.EQUAL, Op.NOT_EQUAL]), states.LONG)
DRAWN = st.builds(
    Silence,
    id=st.sampled_from([SilenceId("8d0d1c5a-0000-4000-8000-000000000000"), SilenceId("<x>")]),
    matchers=states.many(MATCHERS, 20).map(tuple),
    starts_at=states.TIMES,
    ends_at=st.integers(1, 10**6).map(lambda seconds: NOW + timedelta(seconds=seconds)),
    updated_at=st.just(NOW),
    created_by=states.SHORT,
    comment=states.LONG,
    until_resolved=st.booleans(),
    ended_by=st.sampled_from(["", SYSTEM, "ada"]),
)
SHOWN = st.builds(ShownSilence, DRAWN, st.sampled_from(State), st.integers(0, 10**6))
HELD = st.builds(HeldBack, states.SHORT, states.many(states.LONG, 3).map(tuple), st.booleans())
ALERTS = st.builds(ShownAlert, states.ALERT_ROWS, st.sampled_from(["", "8d0d1c5a-0000", "<!here>"]), HELD)


def mention(_: str) -> str:
    return KNOWN_USER


@QUICK
@given(states.many(SHOWN, 300))
def test_the_list(silences: list[ShownSilence]) -> None:
    message = render_silences(silences, mention=mention)
    check(message)
    live = [one for one in silences if one.state is not State.EXPIRED]
    assert (EXPIRE in buttons(message.blocks)) == bool(live)


@QUICK
@given(DRAWN, st.integers(0, 10**6))
def test_answers_and_notices(silence: Silence, muted: int) -> None:
    check(render_silenced(silence, muted, State.ACTIVE))
    check(render_ended(silence))
    check(render_started(silence, mention=mention))
    check(render_ending(silence, NOW))
    check(render_over(silence, mention=mention))
    for kind in Kind:
        check(render_together(kind, [silence] * (1 + muted % 300), mention=mention))


@QUICK
@given(states.LONG, states.many(states.ALERT_ROWS, 300))
def test_the_form(typed: str, rows: list[AlertRow]) -> None:
    check_surface(render_silence_form(typed, render_preview(rows, len(rows))), "modal")
    check_surface(render_silence_form("", render_no_preview(typed)), "modal")


@QUICK
@given(states.many(ALERTS, 300), states.LONG)
def test_alerts(alerts: list[ShownAlert], asked: str) -> None:
    check(render_alerts(alerts, asked=asked))


def row(name: str, state: str = "firing", **labels: str) -> AlertRow:
    return AlertRow(name, state, {"alertname": name, **labels}, {}, 1.0, NOW)


def test_alerts_are_grouped_and_what_is_left_out_is_counted() -> None:
    many = [ShownAlert(row("Down", job="node", instance=str(number))) for number in range(9)]
    told = words(
        render_alerts([*many, ShownAlert(row("Slow"), "8d0d1c5a-1"), ShownAlert(row("Odd", "pending"))]).blocks
    )
    assert "9 firing, 1 pending, 1 silenced" in told
    assert told.count("job=node") == 1
    assert "and 5 more" in told
    assert "🔕 silenced by `8d0d1c5a`" in told


def test_alerts_that_are_held_back_say_by_what() -> None:
    held = [HeldBack("RackDown", ("nights",)), HeldBack("", ("nights", "weekends")), HeldBack("", ("nights",), True)]
    told = words(render_alerts([ShownAlert(row("Down", a=str(n)), "", one) for n, one in enumerate(held)]).blocks)
    assert "1 firing, 1 inhibited, 1 muted" in told
    assert "🔕 inhibited by `RackDown`" in told
    assert "🔕 muted by `nights, weekends`" in told
    assert "🔴 firing, to some muted by `nights`" in told


def test_too_many_kinds_are_counted() -> None:
    told = words(render_alerts([ShownAlert(row(f"A{number}")) for number in range(25)]).blocks)
    assert "15 more of 15 other kinds" in told


def test_nothing_fires() -> None:
    assert "No alert is pending or firing." in words(render_alerts([]).blocks)
    assert "matches `a=b`" in words(render_alerts([], asked="a=b").blocks)


def test_a_preview_says_how_many() -> None:
    assert "Would mute 2 of 3 alerts" in words(render_preview([row("A"), row("B")], 3))
    assert "Matches none of the 3 alerts" in words(render_preview([], 3))
    assert "No alert is pending" in words(render_preview([], 0))


INCIDENT = Incident(
    id="i-1",  # type: ignore[arg-type]
    key="k",
    title="Down",
    severity="page",
    channel="ops",
    service="",
    environment="",
    opened_at=NOW,
)


def test_an_incident_offers_to_be_silenced_until_somebody_did() -> None:
    shown = buttons(render_incident(INCIDENT, mention=mention).blocks)
    assert {"Silence 1h", "Silence 4h", "Silence until resolved"} <= set(shown.values())
    by = Silenced("s-1", PersonId("ada"), NOW + HOUR)
    muted = render_incident(replace(INCIDENT, silenced=(by,)), mention=mention)
    check(muted)
    assert "Silenced by <@U0KNOWN> until" in words(muted.blocks)
    assert buttons(muted.blocks)[EXPIRE] == "End silence"
    assert not set(SILENCES) & set(buttons(muted.blocks))
    over = render_incident(replace(INCIDENT, silenced=(by,), state=IncidentState.RESOLVED), mention=mention)
    assert EXPIRE not in buttons(over.blocks)


@pytest.mark.parametrize(
    ("action", "lasts"),
    [("incident.silence.1h", HOUR), ("incident.silence.4h", 4 * HOUR), ("incident.silence.resolved", None)],
)
def test_the_buttons_of_an_incident(action: str, lasts: timedelta | None) -> None:
    assert COMMANDS[action]("i-1") == SilenceIncident("i-1", lasts)  # type: ignore[arg-type]


def test_rows_of_all_that_is_known() -> None:
    class Told:
        labels, annotations, value, starts_at, name = {"alertname": "X"}, dict[str, str](), None, NOW, "X"

        def resolved(self, _: Any) -> bool:
            return False

    rows = alert_rows([row("A"), row("B", "pending")], [Told()], NOW)  # type: ignore[list-item]
    assert [(one.name, one.state) for one in rows] == [("X", "firing"), ("B", "pending")]
    assert "no data" not in words(render_alerts([ShownAlert(rows[0])]).blocks)
