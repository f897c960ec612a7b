"""Strategies for everything that views draw, with the names and words of an enemy."""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from alerting.incidents import incident as incidents
from bot.readings.now import AlertRow, OnCallRow, Overview, ServiceRow
from engine.components.lifecycle import Component, ComponentState
from engine.deployments import deployment as deployments
from engine.deployments.deployment import Deployment, Measurement, Outcome, Plan, Purpose, State, Step, Verdict
from engine.deployments.strategies import STRATEGIES as KNOWN
from engine.strategy_specs import CanaryStep, GateSpec, StrategySpec

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
ENEMY = "<!channel> <@U0EVE> <https://evil.example|click> & &lt; *b* _i_ ~s~ `c` \u202e😀 "
SHORT = st.sampled_from(["shop", "v2", "<!here>", "a&b", "`x`", "*", "ada", "x" * 90]) | st.text(
    min_size=1, max_size=30
)
LONG = st.sampled_from([ENEMY, ENEMY * 40, "y" * 5000, "<" * 3000, "&" * 3000, ""]) | st.text(max_size=20)
TIMES = st.integers(0, 10**6).map(lambda seconds: NOW - timedelta(seconds=seconds))
NUMBERS = st.none() | st.floats() | st.integers(-10, 10**9).map(float)
UNITS = st.sampled_from(["", "ratio", "seconds"])

MEASUREMENTS = st.builds(
    Measurement,
    gate=SHORT,
    kind=st.sampled_from(["query", "health", "rule"]),
    query=LONG,
    value=NUMBERS,
    threshold=st.sampled_from(["", "< 5 %", "> 0.5 s", "<!here>"]),
    samples=st.none() | st.integers(0, 10**9),
    verdict=st.sampled_from(Verdict),
    at=TIMES,
    unit=UNITS,
    note=LONG,
)


def many(inner: st.SearchStrategy, most: int = 50) -> st.SearchStrategy:
    """Some, or one of them very often."""
    return st.lists(inner, max_size=3) | st.tuples(inner, st.integers(1, most)).map(lambda pair: [pair[0]] * pair[1])


STRATEGIES = st.builds(
    StrategySpec,
    name=SHORT,
    kind=st.sampled_from([*KNOWN, "no more"]),
    keep_old=st.sampled_from([timedelta(0), timedelta(hours=36)]),
    steps=many(st.builds(CanaryStep, st.integers(0, 100), st.just(timedelta(seconds=30)), st.booleans())).map(tuple),
    gates=many(st.builds(GateSpec, name=SHORT, kind=st.just("query"), query=LONG)).map(tuple),
)
PLANS = st.builds(
    Plan,
    service=SHORT,
    environment=SHORT,
    version=SHORT,
    digest=st.sampled_from(["sha256:" + "a" * 64, "<x>"]),
    previous=st.none() | SHORT,
    instances=st.integers(1, 100),
    strategy=STRATEGIES,
    approvals_needed=st.integers(0, 10),
    four_eyes=st.booleans(),
    expires_at=st.none() | TIMES,
)
DECISIONS = st.builds(deployments.Decision, SHORT, st.booleans(), TIMES, st.none() | st.integers(0, 9))


@st.composite
def drawn_deployments(draw: st.DrawFn) -> Deployment:
    """A deployment in any state; not every one could come to be, which is fine for drawing it."""
    state = draw(st.sampled_from(State))
    ended = state in deployments.ENDED
    return Deployment(
        id=draw(st.sampled_from(["d-1", "d-<2>"])),
        plan=draw(PLANS),
        purpose=draw(st.sampled_from(Purpose)),
        requested_by=draw(SHORT),
        requested_at=NOW,
        state=state,
        outcome=draw(st.none() | st.sampled_from(Outcome)),
        reason=draw(LONG),
        decisions=tuple(draw(many(DECISIONS, 30))),
        started_at=draw(st.none() | TIMES),
        step=draw(st.integers(-1, 5)),
        step_entered_at=draw(st.none() | TIMES),
        waiting_step=draw(st.none() | st.integers(0, 9)) if state is State.PAUSED else None,
        weight=draw(st.integers(0, 100)),
        requests=draw(st.integers(0, 10**12)),
        lost=draw(st.integers(0, 10**6)),
        measurements=tuple(draw(many(MEASUREMENTS))),
        figures=tuple(draw(many(st.tuples(SHORT, SHORT), 20))),
        trouble=draw(LONG),
        trouble_since=draw(st.none() | TIMES),
        abort_asked_by=draw(st.none() | SHORT),
        promoted_at=draw(st.none() | TIMES),
        paused_at=NOW if state is State.PAUSED else None,
        ended_at=NOW if ended else None,
        history=tuple(draw(many(st.builds(Step, LONG, TIMES)))),
    )


ALERTS = st.builds(
    incidents.IncidentAlert,
    fingerprint=SHORT,
    name=SHORT,
    labels=st.dictionaries(SHORT, LONG, max_size=30),
    annotations=st.dictionaries(st.just("summary"), LONG),
    value=st.floats(),
    since=TIMES,
    ended_at=st.none() | TIMES,
)
SUSPECTS = st.builds(
    incidents.Suspect, SHORT, SHORT, SHORT, SHORT, LONG, SHORT, TIMES, st.integers(1, 3), LONG, st.booleans()
)
PAGES = st.builds(
    incidents.Page, SHORT, st.integers(0, 3), TIMES, st.integers(0, 3), st.none() | TIMES, LONG, st.booleans()
)
DRAWN_INCIDENTS = st.builds(
    incidents.Incident,
    id=st.sampled_from(["inc-1", "inc-<2>"]),
    key=SHORT,
    title=LONG.filter(bool),
    severity=SHORT | st.just(""),
    channel=st.just("incidents"),
    service=SHORT | st.just(""),
    environment=SHORT,
    opened_at=TIMES,
    state=st.sampled_from(incidents.State),
    alerts=many(ALERTS, 100).map(tuple),
    suspects=many(SUSPECTS, 3).map(tuple),
    pages=many(PAGES, 30).map(tuple),
    on_call=st.none() | SHORT,
    acknowledged_by=st.none() | SHORT,
    acknowledged_at=st.none() | TIMES,
    resolved_at=st.none() | TIMES,
    resolved_by=st.none() | SHORT,
    next_page_at=st.none() | TIMES,
    exhausted=st.booleans(),
)
COMPONENTS = st.builds(
    Component, service=SHORT, environment=SHORT, state=st.sampled_from(ComponentState), version=st.none() | SHORT
)
SERVICE_ROWS = st.builds(
    ServiceRow,
    service=SHORT,
    environment=SHORT,
    description=LONG,
    address=st.just("http://127.0.0.1:1"),
    component=st.none() | COMPONENTS,
    in_flight=st.none() | drawn_deployments(),
)
ALERT_ROWS = st.builds(
    AlertRow,
    name=SHORT,
    state=st.sampled_from(["firing", "pending"]),
    labels=st.dictionaries(SHORT, LONG, max_size=30),
    annotations=st.just({}),
    value=st.floats(),
    since=TIMES,
)
ON_CALL_ROWS = st.builds(OnCallRow, SHORT, st.none() | SHORT, st.none() | TIMES, st.none() | SHORT)
OVERVIEWS = st.builds(
    Overview,
    at=st.just(NOW),
    services=many(SERVICE_ROWS, 300),
    deployments=many(drawn_deployments(), 100),
    recent=st.just(()),
    incidents=many(DRAWN_INCIDENTS, 100),
    alerts=many(ALERT_ROWS, 100),
    on_call=many(ON_CALL_ROWS, 300),
)
