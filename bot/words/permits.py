"""How people write locks, freezes, marks of versions, and what ran before. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from alerting.metrics.duration import parse_duration
from bot.words.grammar import (
    ROOT,
    Misunderstood,
    Verb,
    Vocabulary,
    Words,
    is_link,
    known_environment,
    known_service,
    nearest,
    said,
)
from engine.commands import AwaitUnlock, Freeze, Lock, MarkVersion, Unfreeze, Unlock
from engine.security.permissions import Permission

LONGEST: Final = timedelta(days=366)
TERMS: Final = frozenset({"for", "because"})
OVERRIDE: Final = "override"


@dataclass(frozen=True, slots=True)
class ShowLocks:
    """What is locked, by whom, until when?"""


@dataclass(frozen=True, slots=True)
class ShowFreezes:
    """What is frozen, and what will be?"""


@dataclass(frozen=True, slots=True)
class ShowHistory:
    """Which releases ran there?"""

    service: str
    environment: str


@dataclass(frozen=True, slots=True)
class ShowDiff:
    """What differs between what runs there and the settings now, or the release `to`?"""

    service: str
    environment: str
    to: str = ""


def split_release(words: Words, vocabulary: Vocabulary) -> tuple[Words, str]:
    """The words without `to REVISION|VERSION` at their end, and that; a place may stand behind `to` as well."""
    match list(words):
        case [*rest, link, release] if link.lower() == "to" and _is_release(release, vocabulary):
            return rest, release
    return words, ""


def _is_release(word: str, vocabulary: Vocabulary) -> bool:
    return any(letter.isdigit() for letter in word) and word not in vocabulary.environments


def split_override(words: Words) -> tuple[Words, str]:
    """A deployment's words without `override REASON`, and the reason. Raises Misunderstood without one."""
    at = next((number for number, word in enumerate(words) if number > 1 and word.lower() == OVERRIDE), None)
    if at is None:
        return words, ""
    reason = _reason(words[at + 1 :])
    if not reason:
        raise Misunderstood("An override needs a reason; whoever approves reads it.")
    return words[:at], reason


def read_place(verb: str, words: Words, vocabulary: Vocabulary) -> tuple[str, str]:
    """A service and an environment, which may be left out where there is only one; nothing more."""
    service, environment, rest = _placed(verb, words, vocabulary)
    if rest:
        raise Misunderstood(f"{said(rest[0])} is one word too many.")
    return service, environment


def _placed(verb: str, words: Words, vocabulary: Vocabulary) -> tuple[str, str, Words]:
    """A service, an environment, and the words behind them."""
    if not words:
        raise Misunderstood("Name a service, and an environment.")
    after = " ".join(words[1:])
    service = known_service(words[0], vocabulary, lambda name: f"{verb} {name} {after}".strip())
    places, rest = vocabulary.services[service], words[1:]
    link = len(rest) > 1 and is_link(rest[0]) and rest[0] not in places
    rest = rest[1:] if link else rest
    if rest and rest[0].lower() not in TERMS:
        tail = " ".join(rest[1:])
        place = known_environment(rest[0], service, vocabulary, lambda name: f"{verb} {service} {name} {tail}".strip())
        return service, place, rest[1:]
    if len(places) == 1 and not link:
        return service, places[0], rest
    raise Misunderstood(
        f"Say where: {', '.join(places)}.",
        suggestion=f"{ROOT} {verb} {service} {places[0]} {' '.join(rest)}".strip(),
    )


def _terms(words: Words) -> tuple[timedelta | None, str]:
    """`for 2h`, and why; both may be left out."""
    if words and words[0].lower() == "for":
        return _duration(words[1] if len(words) > 1 else ""), _reason(words[2:])
    return None, _reason(words)


def _duration(word: str) -> timedelta:
    try:
        lasts = parse_duration(word)
    except ValueError:
        lasts = timedelta(0)
    if not timedelta(0) < lasts <= LONGEST:
        raise Misunderstood(f"{said(word)} is no time; write one such as `30m` or `2h`, at most a year.")
    return lasts


def _reason(words: Words) -> str:
    return " ".join(words[1:] if words and words[0].lower() == "because" else words)


def _lock(words: Words, vocabulary: Vocabulary) -> object:
    service, environment, rest = _placed("lock", words, vocabulary)
    return Lock(service, environment, *_terms(rest))


def _unlock(words: Words, vocabulary: Vocabulary) -> object:
    service, environment, rest = _placed("unlock", words, vocabulary)
    return Unlock(service, environment, _reason(rest))


def _wait(words: Words, vocabulary: Vocabulary) -> object:
    return AwaitUnlock(*read_place("wait", words, vocabulary))


def _freeze(words: Words, vocabulary: Vocabulary) -> object:
    service, environment, rest = _scope("freeze", words, vocabulary)
    return Freeze(service, environment, *_terms(rest))


def _unfreeze(words: Words, vocabulary: Vocabulary) -> object:
    service, environment, rest = _scope("unfreeze", words, vocabulary)
    if rest:
        raise Misunderstood(f"{said(rest[0])} is one word too many.")
    return Unfreeze(service, environment)


def _scope(verb: str, words: Words, vocabulary: Vocabulary) -> tuple[str, str, Words]:
    """An environment; or a service, everywhere or in one environment. A name of both is the environment."""
    if not words:
        raise Misunderstood("Name an environment or a service.")
    first, rest = words[0], words[1:]
    if first in vocabulary.environments:
        return "", first, rest
    if first not in vocabulary.services:
        raise _neither(verb, words, vocabulary)
    link = len(rest) > 1 and is_link(rest[0])
    if link or (rest and rest[0] in vocabulary.environments):
        named = rest[1:] if link else rest
        tail = " ".join(named[1:])
        place = known_environment(named[0], first, vocabulary, lambda name: f"{verb} {first} in {name} {tail}".strip())
        return first, place, named[1:]
    return first, "", rest


def _neither(verb: str, words: Words, vocabulary: Vocabulary) -> Misunderstood:
    known = [*vocabulary.environments, *vocabulary.services]
    near = nearest(words[0], known)
    suggestion = " ".join([ROOT, verb, near, *words[1:]]) if near else ""
    told = f"There is no environment or service {said(words[0])}. Known: {', '.join(known) or 'none yet'}."
    return Misunderstood(told, suggestion=suggestion)


def _mark(words: Words, vocabulary: Vocabulary) -> object:
    match list(words):
        case [how, service, version, *rest] if how.lower() in {"bad", "good"}:
            tail = " ".join([version, *rest])
            service = known_service(service, vocabulary, lambda name: f"mark {how} {name} {tail}")
            return MarkVersion(service, version, how.lower() == "bad", _reason(rest))
    raise Misunderstood("Say `bad` or `good`, a service, a version, and why.")


def _history(words: Words, vocabulary: Vocabulary) -> object:
    return ShowHistory(*read_place("history", words, vocabulary))


def _diff(words: Words, vocabulary: Vocabulary) -> object:
    place, release = split_release(words, vocabulary)
    return ShowDiff(*read_place("diff", place, vocabulary), release)


def _nothing(make: Callable[[], object]) -> Callable[[Words, Vocabulary], object]:
    def read(words: Words, _: Vocabulary) -> object:
        if words:
            raise Misunderstood(f"{said(words[0])} is one word too many.")
        return make()

    return read


PERMIT_VERBS: Final[tuple[Verb, ...]] = (
    Verb("history", "history SERVICE [in ENVIRONMENT]", "Its releases, to roll back to any", Permission.VIEW, _history),
    Verb(
        "diff",
        "diff SERVICE [in ENVIRONMENT] [to REVISION|VERSION]",
        "What differs from the settings now, or from another release",
        Permission.VIEW,
        _diff,
    ),
    Verb(
        "lock",
        "lock SERVICE [in ENVIRONMENT] [for DURATION] [because TEXT]",
        "Let nobody else deploy it there",
        Permission.LOCK,
        _lock,
    ),
    Verb("unlock", "unlock SERVICE [in ENVIRONMENT] [because TEXT]", "Give a lock back", Permission.LOCK, _unlock),
    Verb("wait", "wait SERVICE [in ENVIRONMENT]", "Be told when a lock is gone", Permission.VIEW, _wait),
    Verb("locks", "locks", "What is locked, by whom, until when", Permission.VIEW, _nothing(ShowLocks)),
    Verb(
        "freeze",
        "freeze ENVIRONMENT|SERVICE [in ENVIRONMENT] [for DURATION] [because TEXT]",
        "Let nothing be deployed there",
        Permission.FREEZE,
        _freeze,
    ),
    Verb("unfreeze", "unfreeze ENVIRONMENT|SERVICE [in ENVIRONMENT]", "End a freeze", Permission.FREEZE, _unfreeze),
    Verb("freezes", "freezes", "What is frozen, and when it will be", Permission.VIEW, _nothing(ShowFreezes)),
    Verb(
        "mark",
        "mark bad|good SERVICE VERSION [because TEXT]",
        "Warn of a version, or take that back",
        Permission.LOCK,
        _mark,
    ),
)
