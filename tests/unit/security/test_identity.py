"""Who is recognised, and what the others are told."""

import pytest

from engine.commands import Actor
from engine.deployments.deployment import PersonId
from engine.errors import Unauthenticated
from engine.security.identity import SYSTEM, Directory, Person, SlackTeam, SlackUser
from engine.security.permissions import Role

ADA = Person(PersonId("ada"), "Ada", ((SlackTeam("T1"), SlackUser("UADA")),), roles={"*": Role.ADMIN})
BEN = Person(PersonId("ben"), "Ben", ((SlackTeam("T1"), SlackUser("UBEN")),))
DIRECTORY = Directory([ADA, BEN])


@pytest.mark.parametrize(
    ("actor", "expected"),
    [
        (Actor("slack", "UADA", "T1"), ADA),
        (Actor("token", "ben"), BEN),
        (Actor("token", "ben/ci"), BEN),
        (Actor("system", "scheduler"), SYSTEM),
    ],
)
def test_known_actors_are_people(actor: Actor, expected: Person) -> None:
    assert DIRECTORY.authenticate(actor) is expected


def test_the_same_user_id_of_another_workspace_is_somebody_else() -> None:
    with pytest.raises(Unauthenticated):
        DIRECTORY.authenticate(Actor("slack", "UADA", "T2"))


def test_an_unknown_user_is_told_who_adds_people_and_where() -> None:
    with pytest.raises(Unauthenticated) as refusal:
        DIRECTORY.authenticate(Actor("slack", "UNEW", "T1"))
    assert refusal.value.reason == "I do not know you (T1/UNEW)."
    assert "`slack: T1/UNEW`" in refusal.value.remedy
    assert refusal.value.remedy.endswith("ask Ada.")


def test_without_an_admin_whoever_runs_it_is_named() -> None:
    with pytest.raises(Unauthenticated, match="whoever runs Pilothouse"):
        Directory([BEN]).authenticate(Actor("slack", "UNEW", "T1"))


def test_a_token_of_somebody_who_left_is_refused() -> None:
    with pytest.raises(Unauthenticated, match="'dan' is no longer"):
        DIRECTORY.authenticate(Actor("token", "dan/ci"))


@pytest.mark.parametrize("account", ["guest", "external", "bot", "deleted", "stranger"])
def test_accounts_that_are_not_full_members_are_refused_even_when_named(account: str) -> None:
    with pytest.raises(Unauthenticated, match="may not use Pilothouse"):
        DIRECTORY.authenticate(Actor("slack", "UADA", "T1"), account=account)


def test_two_people_cannot_share_an_id_or_a_slack_account() -> None:
    with pytest.raises(ValueError, match="taken twice"):
        Directory([ADA, ADA])
    with pytest.raises(ValueError, match="T1/UADA"):
        Directory([ADA, Person(PersonId("eve"), "Eve", ADA.slack)])
    with pytest.raises(ValueError, match="taken twice"):
        Directory([Person(PersonId("system"), "Eve")])


def test_lookups() -> None:
    assert DIRECTORY.by_id("ada") is ADA
    assert DIRECTORY.by_slack("T1", "UBEN") is BEN
    assert DIRECTORY.by_id("eve") is None
    assert DIRECTORY.people == (ADA, BEN)
