"""Whom the targets name, and what makes a policy."""

from datetime import timedelta

import pytest

from alerting.incidents.errors import BrokenPolicy
from alerting.incidents.incident import PageStep
from alerting.oncall.escalation import EscalationPolicy, check_policies, on_call_now, people_of
from alerting.oncall.rotation import Override, Rotation
from tests.unit.alerting.incidents.world import ADA, BOB, CY, ROTATIONS, START, World, firing


def test_targets_name_who_is_on_call_who_is_next_and_a_person() -> None:
    targets = ("schedule:first", "schedule:first/next", "person:cy", "person:ada")
    assert people_of(targets, ROTATIONS, START) == (ADA, BOB, CY)
    assert people_of(targets, ROTATIONS, START + timedelta(weeks=1)) == (BOB, ADA, CY)


def test_an_override_counts_and_the_next_is_another() -> None:
    cover = Override(CY, START - timedelta(hours=1), START + timedelta(hours=1))
    rotations = {"first": Rotation("first", (ADA, BOB), START - timedelta(days=1), overrides=(cover,))}
    assert people_of(("schedule:first", "schedule:first/next"), rotations, START) == (CY, ADA)


def test_who_is_on_call_is_the_first_schedule_of_the_policy() -> None:
    steps = (PageStep(0, ("person:cy",)), PageStep(0, ("schedule:first",)))
    assert on_call_now(steps, ROTATIONS, START) == ADA
    assert on_call_now((PageStep(0, ("person:cy",)),), ROTATIONS, START) is None


@pytest.mark.parametrize(
    ("steps", "repeat", "words"),
    [
        ((), 0, "Policy p has no steps"),
        ((PageStep(0, ("person:a",)),), 6, "repeats 6 times; use 0 to 5"),
        ((PageStep(-1, ("person:a",)),), 0, "Step 1 of policy p waits -1 seconds"),
        ((PageStep(float("nan"), ("person:a",)),), 0, "waits nan seconds"),
        ((PageStep(0, ()),), 0, "Step 1 of policy p pages nobody"),
        ((PageStep(0, ("user:a",)),), 0, "user:a is no target"),
        ((PageStep(0, ("schedule:/next",)),), 0, "schedule:/next is no target"),
    ],
)
def test_what_makes_no_policy_says_why(steps: tuple[PageStep, ...], repeat: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        EscalationPolicy("p", steps, repeat)


def test_a_policy_must_name_a_rotation_that_exists() -> None:
    policy = EscalationPolicy("p", (PageStep(0, ("schedule:second/next",)),))
    with pytest.raises(BrokenPolicy, match="there is no rotation second; Use one of: first"):
        check_policies({"p": policy}, ROTATIONS)


async def test_rounds_repeat_after_the_longest_wait() -> None:
    policy = EscalationPolicy("shop", (PageStep(0, ("person:ada",)), PageStep(60, ("person:bob",))), repeat=1)
    world = World(policies={"shop": policy})
    await world.opened()
    await world.run(until=3600)
    assert world.pager.told == [(ADA, 0), (BOB, 60), (ADA, 120), (BOB, 180)]
    assert (await world.only()).history[-1].at == START + timedelta(seconds=240)


async def test_a_policy_without_waits_gives_the_last_step_five_minutes() -> None:
    world = World(policies={"shop": EscalationPolicy("shop", (PageStep(0, ("person:ada",)),), repeat=1)})
    await world.opened()
    await world.run(until=3600)
    assert world.pager.told == [(ADA, 0), (ADA, 300)]


async def test_a_step_that_names_one_person_twice_pages_them_once() -> None:
    step = PageStep(0, ("schedule:first", "person:ada", "person:bob"))
    world = World(policies={"shop": EscalationPolicy("shop", (step,))})
    await world.opened()
    await world.run(until=10)
    assert world.pager.told == [(ADA, 0), (BOB, 0)]


async def test_a_step_that_finds_nobody_goes_on_to_the_next_at_once() -> None:
    later = {"first": Rotation("first", (ADA,), START + timedelta(days=1))}
    world = World(rotations=later)
    await world.take([firing()])
    await world.run(until=10)
    assert world.pager.told == [(CY, 0)]
    assert (await world.only()).history[1].text == "Step 1 of 3 paged nobody: nobody is on call for schedule:first"


async def test_escalating_by_hand_keeps_the_rounds_that_are_left() -> None:
    world = World(policies={"shop": EscalationPolicy("shop", (PageStep(0, ("person:ada",)),), repeat=2)})
    incident = await world.opened()
    await world.run(until=10)
    await world.desk.escalate(incident, BOB)
    await world.run(until=3600)
    assert world.pager.told == [(ADA, 0), (ADA, 10), (ADA, 310)]
