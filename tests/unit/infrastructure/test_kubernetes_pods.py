"""How a pod is, what is said of it, and which ordinal it gets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from engine.infrastructure.kubernetes.numbering import assign, homeless, parse_ordinals, render_ordinals
from engine.infrastructure.kubernetes.pods import Pod, health_of, parse_pod
from engine.ports import InstanceHealth
from tests.fakes.kubernetes_api import a_pod

NOW = datetime(2026, 1, 1, 12, 10, tzinfo=UTC)
GRACE = timedelta(seconds=10)
RUNNING = {"running": {"startedAt": "2026-01-01T12:00:05Z"}}
DIED = {
    "exitCode": 137,
    "reason": "OOMKilled",
    "startedAt": "2026-01-01T12:01:00Z",
    "finishedAt": "2026-01-01T12:02:00Z",
}


def pod(*containers: dict[str, Any], ready: str = "False", since: str = "2026-01-01T12:00:00Z", **status: Any) -> Pod:
    named = [{"name": "app", "ready": ready == "True", **one} for one in containers]
    condition = {"type": "Ready", "status": ready, "lastTransitionTime": since}
    others = status.pop("conditions", [])
    return parse_pod(a_pod(conditions=[condition, *others], status={"containerStatuses": named, **status}))


def test_ready_is_healthy_and_says_nothing() -> None:
    one = pod({"state": RUNNING}, ready="True")
    assert (health_of(one, GRACE, now=NOW), one.note) == (InstanceHealth.HEALTHY, "")


@pytest.mark.parametrize(
    ("container", "health", "note"),
    [
        ({"state": {"waiting": {"reason": "ContainerCreating"}}}, InstanceHealth.STARTING, ""),
        (
            {"state": {"waiting": {"reason": "ErrImagePull", "message": "no such host"}}},
            InstanceHealth.UNHEALTHY,
            "app: ErrImagePull: no such host.",
        ),
        (
            {"state": {"waiting": {"reason": "CreateContainerConfigError", "message": 'secret "x" not found'}}},
            InstanceHealth.UNHEALTHY,
            'app: CreateContainerConfigError: secret "x" not found.',
        ),
        (
            {
                "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                "lastState": {"terminated": DIED},
                "restartCount": 4,
            },
            InstanceHealth.DEAD,
            "app: CrashLoopBackOff. OOMKilled with exit code 137 (SIGKILL). Restarts: 4.",
        ),
        (
            {"state": {"terminated": {**DIED, "exitCode": 1, "reason": "Error", "message": "bad flag"}}},
            InstanceHealth.DEAD,
            "app: Error with exit code 1: bad flag.",
        ),
    ],
)
def test_a_container_says_why(container, health, note) -> None:
    one = pod(container)
    assert (health_of(one, GRACE, now=NOW), one.note) == (health, note)


def test_only_a_pod_that_is_kept_waiting_is_looping() -> None:
    assert not pod({"state": {"terminated": DIED}}).looping
    assert pod({"state": {"waiting": {"reason": "CrashLoopBackOff"}}}).looping


def test_an_evicted_pod_is_dead_in_the_words_of_its_node() -> None:
    one = pod(phase="Failed", reason="Evicted", message="The node was low on resource: memory.")
    assert (health_of(one, GRACE, now=NOW), one.note) == (
        InstanceHealth.DEAD,
        "Evicted: The node was low on resource: memory.",
    )
    assert not one.live


def test_a_crashing_init_container_is_told_and_one_that_ended_well_is_not() -> None:
    done = {"name": "schema", "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}
    assert pod(initContainerStatuses=[done]).dead is False
    failing = {"name": "schema", "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "restartCount": 1}
    assert pod(initContainerStatuses=[failing]).note == "schema: CrashLoopBackOff. Restarts: 1."


def test_a_pod_without_a_node_says_what_the_scheduler_says() -> None:
    said = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/2 nodes are available"}
    one = pod(phase="Pending", conditions=[said])
    assert (health_of(one, GRACE, now=NOW), one.note) == (
        InstanceHealth.UNHEALTHY,
        "Unschedulable: 0/2 nodes are available.",
    )


def test_not_ready_is_excused_for_the_grace_from_the_start_of_its_container() -> None:
    one = pod({"state": RUNNING})
    started = datetime(2026, 1, 1, 12, 0, 5, tzinfo=UTC)
    assert health_of(one, GRACE, now=started + timedelta(seconds=9)) is InstanceHealth.STARTING
    assert health_of(one, GRACE, now=started + GRACE) is InstanceHealth.UNHEALTHY


def test_ready_once_and_no_more_is_not_excused() -> None:
    one = pod({"state": RUNNING}, since="2026-01-01T12:00:09Z")
    assert health_of(one, GRACE, now=datetime(2026, 1, 1, 12, 0, 10, tzinfo=UTC)) is InstanceHealth.UNHEALTHY


def test_a_pod_that_still_pulls_its_image_is_starting_however_long() -> None:
    assert health_of(pod(phase="Pending"), GRACE, now=NOW + timedelta(hours=1)) is InstanceHealth.STARTING


def test_each_run_of_a_container_has_its_own_start_by_our_clock() -> None:
    numbered = "2026-01-01T09:30:01.500000+00:00"  # the clocks of the cluster are hours ahead
    meta = {"annotations": {"pilothouse.dev/numbered-at": numbered}}
    first = parse_pod(a_pod(meta=meta, status={"containerStatuses": [{"name": "app", "state": RUNNING}]}))
    assert first.started_at == datetime.fromisoformat(numbered)
    again = {"name": "app", "restartCount": 1, "state": {"waiting": {}}, "lastState": {"terminated": DIED}}
    second = parse_pod(a_pod(meta=meta, status={"containerStatuses": [again]}))
    assert second.started_at == datetime.fromisoformat(numbered) + timedelta(minutes=1)


def test_the_default_container_tells_the_runs() -> None:
    meta = {"annotations": {"kubectl.kubernetes.io/default-container": "app"}}
    sidecar = {"name": "sidecar", "restartCount": 9, "state": {"running": {"startedAt": "2026-01-01T12:09:00Z"}}}
    found = a_pod(meta=meta, status={"containerStatuses": [sidecar, {"name": "app", "state": RUNNING}]})
    assert parse_pod(found).restarts == 0


# Numbering


def numbered(name: str, ordinal: int | None, **changes: Any) -> Pod:
    meta = {"deletionTimestamp": "2026-01-01T12:00:00Z"} if changes.pop("leaving", False) else None
    return parse_pod(a_pod(name, ordinal=ordinal, meta=meta))


def test_wanted_places_come_first_then_the_smallest_free() -> None:
    pods = [numbered("a", None), numbered("b", 2), numbered("c", None), numbered("d", None)]
    assert assign(pods, {2, 5}) == {"a": 5, "c": 1, "d": 3}


def test_a_pod_that_leaves_has_left_its_place() -> None:
    assert assign([numbered("a", 1, leaving=True), numbered("b", None)], {1}) == {"b": 1}


def test_of_two_in_one_place_the_older_stays() -> None:
    pods = [numbered("b", 1), numbered("a", 1)]
    assert [one.name for one in homeless(pods)] == ["b"]
    assert assign(pods, {1, 2}) == {"b": 2}


def test_a_stray_takes_a_place_that_is_wanted_and_free() -> None:
    assert assign([numbered("a", 1)], {2}) == {"a": 2}
    assert assign([numbered("a", 1), numbered("b", 2)], {2}) == {}


@given(
    some.lists(some.one_of(some.none(), some.integers(1, 6)), max_size=8),
    some.frozensets(some.integers(1, 6), max_size=6),
)
def test_after_numbering_each_has_a_place_of_its_own_and_the_wanted_ones_are_taken(held, wanted) -> None:
    pods = [numbered(f"p{index}", ordinal) for index, ordinal in enumerate(held)]
    given_places = assign(pods, wanted)
    places = [given_places.get(one.name, one.ordinal) for one in pods]
    assert None not in places
    assert len(set(places)) == len(places)
    assert len(wanted & set(places)) == min(len(wanted), len(places))
    settled = [numbered(one.name, place) for one, place in zip(pods, places, strict=True)]
    assert assign(settled, wanted) == {}


@given(some.frozensets(some.integers(1, 1000)))
def test_ordinals_come_back_from_their_text(ordinals) -> None:
    assert parse_ordinals(render_ordinals(ordinals)) == ordinals
