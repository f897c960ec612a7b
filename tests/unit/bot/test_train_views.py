"""What is drawn of release trains: within the limits, outside text kept text, and what matters said."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.inputs.slack.clicks import COMMANDS
from bot.views.train import ABORT, APPROVE, REJECT, render_train, render_trains
from engine.catalog import EnvironmentName, ServiceName, Version
from engine.commands import AbortTrain, ApproveTrain, DeployTrain, RejectTrain, TrainId
from engine.deployments.deployment import Override, PersonId
from engine.flows.saga import (
    OperationBegun,
    OperationDone,
    OperationFailed,
    OperationKept,
    OperationSeen,
    OperationTroubled,
    Outcome,
    SagaBegun,
    SagaEnded,
    SagaTurnedBack,
    UndoBegun,
    UndoGivenUp,
)
from engine.trains import fold
from engine.trains.events import TrainApproved, TrainEvent, TrainPlanned
from engine.trains.train import Component, Train, TrainPlan
from tests.fakes.blockkit import buttons, check, words
from tests.properties.bot import states
from tests.properties.bot.test_views import mention

NOW = states.NOW
COMPONENTS = (
    Component(ServiceName("web"), Version("v5"), "sha256:web", Version("v4"), "c", (ServiceName("db"),)),
    Component(ServiceName("db"), Version("v2"), "sha256:db", None, "c"),
)
PLAN = TrainPlan(EnvironmentName("production"), COMPONENTS, 1, four_eyes=True, expires_at=NOW + timedelta(hours=1))
BEGUN = SagaBegun((("web", ("db",)), ("db", ())))
OUT = (TrainApproved(PersonId("ben")), BEGUN, OperationBegun("db"), OperationDone("db", "runs", "d-1"))
STUCK = (
    *OUT,
    OperationBegun("web"),
    OperationFailed("web", "no room"),
    SagaTurnedBack("web: no room"),
    UndoBegun("db"),
    UndoGivenUp("db", "no way back"),
    SagaEnded(Outcome.STUCK),
)


def train(*events: TrainEvent, plan: TrainPlan = PLAN) -> Train:
    made = fold.begin(TrainId("t-1"), TrainPlanned(plan, PersonId("ann")), at=NOW)
    for event in events:
        made = fold.apply(made, event, at=NOW + timedelta(minutes=1))
    return made


def drawn(*events: TrainEvent) -> tuple[str, list[str]]:
    message = render_train(train(*events), mention=mention)
    check(message)
    return words(message.blocks), list(buttons(message.blocks))


def test_the_plan_lists_every_service_with_its_digest_in_order() -> None:
    told, offered = drawn()
    assert "Train of 2 services to production" in told
    assert told.index("Wave 1") < told.index("sha256:db") < told.index("Wave 2") < told.index("sha256:web")
    assert "its first deployment: going back would stop it" in told
    assert "Needs 1 more approval, not of whoever asked" in told
    assert offered == [APPROVE, REJECT]


def test_what_is_passed_and_why_stands_where_it_is_approved() -> None:
    what, reason = "production is frozen by ben: audit.", "customers <cannot> pay"
    passed = Override("freeze:/production/1", what, PersonId("ann"), reason)
    message = render_train(train(plan=replace(PLAN, overrides=(passed,))), mention=mention)
    check(message)
    text = words(message.blocks)
    assert what in text
    assert "customers &lt;cannot&gt; pay" in text


def test_each_service_shows_where_it_is() -> None:
    told, offered = drawn(*OUT, OperationBegun("web"), OperationSeen("web", "paused", "d-2"))
    assert "✅ out · *db*" in told
    assert "🔵 in progress · *web* `v4` → `v5` · `d-2` · paused" in told
    assert offered == [ABORT]
    told, _ = drawn(*OUT, OperationBegun("web"), OperationTroubled("web", "no answer"))
    assert "trying again: no answer" in told


def test_what_could_not_be_taken_back_is_told_and_can_be_tried_again() -> None:
    told, offered = drawn(*STUCK)
    assert "❌ Not everything could be taken back" in told
    assert "❌ not taken back · *db*" in told
    assert "no way back" in told
    assert offered == [ABORT]
    lines = [one.text for one in train(*STUCK).history]
    assert lines[-1] == (
        "Not everything could be taken back. db: v2 was not taken back (no way back). web: v4, as before."
    )
    kept = train(*OUT, SagaTurnedBack("by hand"), OperationKept("db", "web"))
    assert "⚠️ stays · *db*" in words(render_train(kept, mention=mention).blocks)


def test_the_end_offers_nothing() -> None:
    end = (OperationBegun("web"), OperationDone("web", "runs", "d-2"), SagaEnded(Outcome.DONE))
    told, offered = drawn(*OUT, *end)
    assert "✅ Everything is out" in told
    assert offered == []


@given(states.LONG, states.SHORT, st.integers(1, 50))
def test_whatever_is_in_it_slack_takes_the_message(text: str, name: str, count: int) -> None:
    parts = tuple(
        replace(COMPONENTS[1], service=ServiceName(f"{name}{one}"), version=Version(text)) for one in range(count)
    )
    plan = replace(PLAN, components=parts, warnings=(text,))
    check(render_train(train(plan=plan), mention=mention))
    begun = SagaBegun(tuple((one.service, ()) for one in parts))
    failed: list[TrainEvent] = [
        OperationBegun(parts[0].service),
        OperationFailed(parts[0].service, text),
        SagaTurnedBack(text),
    ]
    check(render_train(train(TrainApproved(PersonId(text)), begun, *failed, plan=plan), mention=mention))


def test_a_button_says_what_was_seen() -> None:
    value = f"t-1|{PLAN.digest}"
    assert COMMANDS[APPROVE](value) == ApproveTrain(TrainId("t-1"), PLAN.digest)
    assert COMMANDS[REJECT](value) == RejectTrain(TrainId("t-1"))
    assert COMMANDS[ABORT](value) == AbortTrain(TrainId("t-1"))


def test_private_answers() -> None:
    data = {"train": "t-1", "waits": True, "order": "db v2, then web v5", "channel": "deploys", "state": "planned"}

    def told(command: object, **changes: object) -> str:
        message = render_trains(command, {**data, **changes})
        assert message is not None
        check(message)
        return message.text

    asked = told(DeployTrain((), "production"))
    assert asked.startswith("Planned train `t-1`: db v2, then web v5. It waits for somebody else")
    assert told(DeployTrain((), "production"), waits=False).startswith("Started train `t-1`")
    assert told(ApproveTrain(TrainId("t-1"))) == "Approved train `t-1`."
    assert told(RejectTrain(TrainId("t-1"))) == "Rejected train `t-1`."
    assert "goes back" in told(AbortTrain(TrainId("t-1")), state="going_back")
    assert "nothing of it had begun" in told(AbortTrain(TrainId("t-1")), state="cancelled")
    assert render_trains(object(), data) is None
