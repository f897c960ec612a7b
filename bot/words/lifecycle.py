"""How people write what they want of a component's life: its size, its stop, its start. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bot.words.grammar import Misunderstood, Verb, Vocabulary, Words, said
from bot.words.permits import read_place
from engine.commands import Retry, Scale, Start
from engine.security.permissions import Permission

MOST_DIGITS: Final = 6


@dataclass(frozen=True, slots=True)
class AskToStop:
    """What would stop? A button of the answer does it."""

    service: str
    environment: str


@dataclass(frozen=True, slots=True)
class AskToUnregister:
    """What would be forgotten? A button of the answer does it."""

    service: str
    environment: str


def _scale(words: Words, vocabulary: Vocabulary) -> object:
    match list(words):
        case [*place, link, number] if link.lower() == "to" and _is_number(number):
            return _scaled(place, number, vocabulary)
        case [*place, number] if _is_number(number):
            return _scaled(place, number, vocabulary)
        case [_, *_, last]:
            raise Misunderstood(f"{said(last)} is no number of instances.")
    raise Misunderstood("Name a service, an environment, and how many instances.")


def _scaled(place: Words, number: str, vocabulary: Vocabulary) -> Scale:
    try:
        return Scale(*read_place("scale", place, vocabulary), int(number))
    except Misunderstood as error:
        suggestion = f"{error.suggestion} to {number}" if error.suggestion else ""
        raise Misunderstood(error.reason, error.usage, suggestion) from None


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) <= MOST_DIGITS


def _of_place(verb: str, make: Callable[[str, str], object]) -> Callable[[Words, Vocabulary], object]:
    return lambda words, vocabulary: make(*read_place(verb, words, vocabulary))


LIFECYCLE_VERBS: Final[tuple[Verb, ...]] = (
    Verb(
        "scale",
        "scale SERVICE [in ENVIRONMENT] to NUMBER",
        "Run another number of instances",
        Permission.RESTART,
        _scale,
    ),
    Verb(
        "stop",
        "stop SERVICE [in ENVIRONMENT]",
        "Stop all its instances there; asks first",
        Permission.RESTART,
        _of_place("stop", AskToStop),
    ),
    Verb(
        "start",
        "start SERVICE [in ENVIRONMENT]",
        "Bring back what was stopped",
        Permission.RESTART,
        _of_place("start", Start),
    ),
    Verb(
        "retry",
        "retry SERVICE [in ENVIRONMENT]",
        "Bring back what was stable before it failed",
        Permission.RESTART,
        _of_place("retry", Retry),
    ),
    Verb(
        "unregister",
        "unregister SERVICE [in ENVIRONMENT]",
        "Look after what is stopped no longer; asks first",
        Permission.RESTART,
        _of_place("unregister", AskToUnregister),
    ),
)
