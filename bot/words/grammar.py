"""What a typed line is made of: verbs, the names it may use, and why it is no command."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rapidfuzz import process

from engine.catalog import Catalog
from engine.security.permissions import Permission

ROOT: Final = "/ops"
LONGEST: Final = 500  # characters; no command needs more, and all of it is echoed in answers
LONGEST_WORD: Final = 80  # characters of a word that are echoed
LINKS: Final = frozenset({"to", "in", "on", "from"})


class Misunderstood(Exception):
    """The words are no command. `usage` is the correct form, `suggestion` a whole corrected line when there is one."""

    def __init__(self, reason: str, usage: str = "", suggestion: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.usage = usage
        self.suggestion = suggestion


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The names a line may use."""

    services: Mapping[str, Sequence[str]]
    environments: Sequence[str]
    strategies: Sequence[str] = ()

    @classmethod
    def of(cls, catalog: Catalog) -> Vocabulary:
        """The names of a catalog."""
        return cls(
            services={
                str(name): [str(place) for place in service.placements] for name, service in catalog.services.items()
            },
            environments=[str(name) for name in catalog.environments],
        )


Words = Sequence[str]


@dataclass(frozen=True, slots=True)
class Verb:
    """One command: how it is written, what it does, who may, and how its words are read.

    What is read `whole` gets all that follows the verb as one word, for there the blanks in quotes count.
    """

    name: str
    usage: str
    summary: str
    permission: Permission
    read: Callable[[Words, Vocabulary], object]
    aliases: tuple[str, ...] = ()
    whole: bool = False


def said(word: str) -> str:
    """A word as it was typed, to be shown in code style: cut, without backticks and what can't be seen."""
    seen = "".join(letter for letter in word if letter.isprintable()).replace("`", "'")
    return f"`{seen if len(seen) <= LONGEST_WORD else seen[: LONGEST_WORD - 1] + '…'}`"


def nearest(name: str, known: Sequence[str]) -> str | None:
    """The known name most like `name`, when one is near enough."""
    found = process.extractOne(name.lower(), known, score_cutoff=60)
    return found[0] if found else None


def is_link(word: str) -> bool:
    """Whether this word only joins a name and an environment."""
    return word.lower() in LINKS


def known_service(name: str, vocabulary: Vocabulary, line: Callable[[str], str]) -> str:
    """`name`, when there is such a service. Raises Misunderstood with `line` of the nearest name there is."""
    if name in vocabulary.services:
        return name
    near = nearest(name, list(vocabulary.services))
    known = ", ".join(vocabulary.services) or "none yet"
    raise Misunderstood(
        f"There is no service {said(name)}. Known: {known}.", suggestion=f"{ROOT} {line(near)}" if near else ""
    )


def known_environment(name: str, service: str, vocabulary: Vocabulary, line: Callable[[str], str]) -> str:
    """`name`, when the service runs there. Raises Misunderstood with `line` of the nearest place it runs in."""
    places = vocabulary.services[service]
    if name in places:
        return name
    near = nearest(name, places)
    reason = (
        f"{said(service)} does not run in {said(name)}."
        if name in vocabulary.environments
        else f"There is no environment {said(name)}."
    )
    raise Misunderstood(f"{reason} It runs in: {', '.join(places)}.", suggestion=f"{ROOT} {line(near)}" if near else "")
