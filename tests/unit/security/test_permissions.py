"""Who may do what where."""

import itertools

import pytest

from engine.deployments.deployment import PersonId
from engine.security.identity import Person
from engine.security.permissions import HOLDS, Permission, Role, allowed, denied, holders, in_words

MAY = {
    Permission.VIEW: "viewer deployer approver admin",
    Permission.DEPLOY: "deployer approver admin",
    Permission.ABORT: "deployer approver admin",
    Permission.ROLL_BACK: "deployer approver admin",
    Permission.RESTART: "deployer approver admin",
    Permission.LOCK: "deployer approver admin",
    Permission.FREEZE: "approver admin",
    Permission.ACKNOWLEDGE: "deployer approver admin",
    Permission.SILENCE: "deployer approver admin",
    Permission.APPROVE: "approver admin",
    Permission.MANAGE_ONCALL: "approver admin",
    Permission.ADMIN: "admin",
}


def person(name: str, **roles: Role) -> Person:
    """`everywhere` stands for "*"."""
    return Person(
        PersonId(name.lower()),
        name,
        roles={"*" if place == "everywhere" else place: role for place, role in roles.items()},
    )


@pytest.mark.parametrize("permission", Permission)
@pytest.mark.parametrize("role", Role)
def test_each_role_holds_exactly_what_the_table_says(role: Role, permission: Permission) -> None:
    expected = role in MAY[permission].split()
    assert allowed(person("Ada", everywhere=role), permission, "production") is expected
    assert allowed(person("Ada", production=role), permission, "production") is expected
    assert not allowed(person("Ada", staging=role), permission, "production")


def test_each_role_holds_all_that_the_lesser_one_holds() -> None:
    ladder = [HOLDS[role] for role in Role]
    assert all(lesser < greater for lesser, greater in itertools.pairwise(ladder))


@pytest.mark.parametrize("permission", Permission)
def test_nobody_without_a_role_may_anything(permission: Permission) -> None:
    assert not allowed(person("Ada"), permission, "production")
    assert not allowed(person("Ada"), permission, None)


def test_the_named_environment_wins_over_the_general_role_both_ways() -> None:
    cleo = person("Cleo", everywhere=Role.VIEWER, staging=Role.DEPLOYER)
    assert allowed(cleo, Permission.DEPLOY, "staging")
    assert not allowed(cleo, Permission.DEPLOY, "production")
    careful = person("Dan", everywhere=Role.ADMIN, production=Role.VIEWER)
    assert not allowed(careful, Permission.DEPLOY, "production")


def test_without_an_environment_only_looking_and_acknowledging_go_by_any_role() -> None:
    cleo = person("Cleo", staging=Role.ADMIN)
    assert allowed(cleo, Permission.VIEW, None)
    assert allowed(cleo, Permission.ACKNOWLEDGE, None)
    assert not allowed(cleo, Permission.ADMIN, None)
    assert not allowed(cleo, Permission.DEPLOY, None)


def test_a_denial_names_those_who_may() -> None:
    people = [person("Ben", everywhere=Role.APPROVER), person("Ada", production=Role.ADMIN), person("Cleo")]
    refusal = denied(people[2], Permission.APPROVE, "production", people)
    assert refusal.reason == "Cleo may not approve or reject deployments to production."
    assert refusal.remedy == "Ask Ada or Ben."
    assert holders(people, Permission.APPROVE, "staging") == ["Ben"]


def test_a_denial_of_what_nobody_may_says_where_roles_are_given() -> None:
    refusal = denied(person("Cleo"), Permission.ADMIN, None, [])
    assert "Nobody may yet" in refusal.remedy


def test_long_lists_of_names_are_counted() -> None:
    assert in_words([str(number) for number in range(1, 9)]) == "1, 2, 3, 4, 5 or 3 others"
    assert in_words(["1", "2", "3"]) == "1, 2 or 3"
    assert in_words(["1"]) == "1"
