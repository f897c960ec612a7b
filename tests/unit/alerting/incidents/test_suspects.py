"""Which changes are shown as possible causes, and in which order."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from alerting.incidents.suspects import Change, rank_suspects
from tests.unit.alerting.incidents.world import START, alert


def change(name: str, minutes: float, **changed: object) -> Change:
    """A change of the shop so many minutes before START."""
    usual: dict[str, object] = {
        "deployment": name,
        "service": "shop",
        "environment": "production",
        "version": "v2",
        "previous": "v1",
        "person": "ada",
        "at": START - timedelta(minutes=minutes),
    }
    return Change(**{**usual, **changed})  # type: ignore[arg-type]  # by field name


def ranked(*changes: Change, **labels: str) -> list[str]:
    return [suspect.deployment for suspect in rank_suspects([alert("Slow", 0, value=1.0, **labels)], changes)]


def test_service_comes_before_version_before_progress_before_time() -> None:
    assert ranked(
        change("newest", 1),
        change("other service", 0.5, service="cart"),
        change("same version", 30, version="v3"),
        change("in progress", 20, in_progress=True),
        version="v3",
    ) == ["same version", "in progress", "newest"]


def test_an_hour_is_the_window_unless_it_is_still_in_progress() -> None:
    assert ranked(change("old", 61), change("just", 60), change("long canary", 300, in_progress=True)) == [
        "long canary",
        "just",
    ]


def test_a_change_after_the_alert_or_elsewhere_is_no_suspect() -> None:
    assert ranked(change("after", -1), change("elsewhere", 5, environment="staging")) == []


def test_a_later_alert_of_the_incident_makes_a_later_change_a_suspect() -> None:
    alerts = [alert("Slow", 0), alert("Down", 120)]
    assert [one.deployment for one in rank_suspects(alerts, [change("between", -1)])] == ["between"]


def test_the_reason_says_all_that_speaks_for_it() -> None:
    suspects = rank_suspects(
        [alert(version="v2")],
        [change("d1", 4, in_progress=True, can_roll_back=True), change("d2", 0.5, service="cart")],
    )
    assert [(one.rank, one.why, one.can_roll_back) for one in suspects] == [
        (1, "the same service, the alert is of version v2, in progress then, began 4 min before", True),
        (2, "another service of the same environment, began 30 s before", False),
    ]


@given(st.permutations([change("a", 1), change("b", 1), change("c", 2, in_progress=True), change("d", 50)]))
def test_the_order_of_the_changes_does_not_matter(changes: list[Change]) -> None:
    assert ranked(*changes) == ["c", "a", "b"]
