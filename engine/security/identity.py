"""People, and how they are recognised from where they ask. Pure; built from the settings file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NewType

from engine.commands import Actor
from engine.deployments.deployment import PersonId
from engine.errors import Unauthenticated
from engine.security.permissions import EVERYWHERE, Permission, Role, holders, in_words

SlackTeam = NewType("SlackTeam", str)
SlackUser = NewType("SlackUser", str)
SlackId = tuple[SlackTeam, SlackUser]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may use Pilothouse. `roles` is keyed by environment or "*"; `timezone` is an IANA name."""

    id: PersonId
    name: str
    slack: tuple[SlackId, ...] = ()
    email: str = ""
    timezone: str = "UTC"
    roles: Mapping[str, Role] = field(default_factory=dict)


SYSTEM: Final = Person(PersonId("system"), "Pilothouse", roles={EVERYWHERE: Role.ADMIN})
"""Who acts when a schedule does."""

_ACCOUNTS: Final[Mapping[str, str]] = {
    "guest": "Guests of the workspace",
    "external": "People of other organisations",
    "bot": "Bots",
    "deleted": "Deactivated accounts",
}


class Directory:
    """Everybody the settings file names. Raises ValueError when two people share a Slack id or an id."""

    def __init__(self, people: Iterable[Person]) -> None:
        self._by_id: dict[str, Person] = {}
        self._by_slack: dict[SlackId, Person] = {}
        for person in people:
            self._add(person)

    def _add(self, person: Person) -> None:
        if person.id in self._by_id or person.id == SYSTEM.id:
            raise ValueError(f"the id {person.id} is taken twice")
        self._by_id[person.id] = person
        for slack in person.slack:
            if slack in self._by_slack:
                raise ValueError(f"{person.id} and {self._by_slack[slack].id} have the Slack id {'/'.join(slack)}")
            self._by_slack[slack] = person

    @property
    def people(self) -> tuple[Person, ...]:
        """Everybody, in the order of the settings file."""
        return tuple(self._by_id.values())

    def by_id(self, person: str) -> Person | None:
        """Whom the settings file calls `person`."""
        return self._by_id.get(person)

    def by_slack(self, team: str, user: str) -> Person | None:
        """Who is `user` of the Slack workspace `team`."""
        return self._by_slack.get((SlackTeam(team), SlackUser(user)))

    def by_token(self, subject: str) -> Person | None:
        """Who owns the token or session with this `subject` (`person` or `person/token name`)."""
        return self._by_id.get(subject.partition("/")[0])

    def authenticate(self, actor: Actor, *, account: str = "") -> Person:
        """Who `actor` is. `account` is what the platform says of the account: guest, external, bot, deleted or nothing.

        Raises Unauthenticated with the way to get in.
        """
        if account:
            kind = _ACCOUNTS.get(account, f"Accounts of the kind {account!r}")
            raise Unauthenticated(f"{kind} may not use Pilothouse.", self._way_in("Ask for a full account first"))
        person = self._find(actor)
        if person is None:
            raise self._unknown(actor)
        return person

    def _find(self, actor: Actor) -> Person | None:
        match actor.kind:
            case "slack":
                return self.by_slack(actor.team, actor.user)
            case "token":
                return self.by_token(actor.user)
            case "system":
                return SYSTEM

    def _unknown(self, actor: Actor) -> Unauthenticated:
        if actor.kind == "token":
            owner = actor.user.partition("/")[0]
            return Unauthenticated(
                f"The token's owner {owner!r} is no longer in the settings file.",
                "Create a token for a present person.",
            )
        slack = f"{actor.team}/{actor.user}"
        return Unauthenticated(
            f"I do not know you ({slack}).",
            self._way_in(f"You come in by a line `slack: {slack}` under `people` in the settings file"),
        )

    def _way_in(self, what: str) -> str:
        admins = holders(self.people, Permission.ADMIN, None)
        return f"{what}; ask {in_words(admins)}." if admins else f"{what}; ask whoever runs Pilothouse."
