"""How people write release trains. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

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
from bot.words.permits import split_override
from engine.commands import AbortTrain, ApproveTrain, DeployTrain, RejectTrain, TrainId
from engine.security.permissions import Permission

DECISIONS: Final = {"abort": AbortTrain, "approve": ApproveTrain, "reject": RejectTrain}


def _train(words: Words, vocabulary: Vocabulary) -> object:
    wish, reason = split_override(words)
    command = _meant(wish, vocabulary)
    return replace(command, override=reason) if reason and isinstance(command, DeployTrain) else command


def _meant(words: Words, vocabulary: Vocabulary) -> object:
    match list(words):
        case [how, *rest] if how.lower() in DECISIONS and "=" not in how:
            if len(rest) != 1:
                raise Misunderstood("Name one train; its message says its id.")
            return DECISIONS[how.lower()](TrainId(rest[0]))
        case [*parts, link, environment] if parts and is_link(link):
            return _of(parts, environment, vocabulary)
        case [*parts, environment] if parts and "=" not in environment and not is_link(environment):
            return _of(parts, environment, vocabulary)
        case []:
            raise Misunderstood("Name services with versions, and an environment.")
    places = ", ".join(vocabulary.environments)
    raise Misunderstood(f"Say where to: {places}.", suggestion=_to(words, vocabulary))


def _to(words: Words, vocabulary: Vocabulary) -> str:
    """The line with its environment, where there is only one."""
    places = vocabulary.environments
    parts = words[:-1] if words and is_link(words[-1]) else words
    return f"{ROOT} train {' '.join(parts)} to {places[0]}" if len(places) == 1 and parts else ""


def _of(parts: Words, environment: str, vocabulary: Vocabulary) -> DeployTrain:
    versions: list[tuple[str, str]] = []
    for part in parts:
        service, version = _part(part, parts, environment, vocabulary)
        if any(service == one for one, _ in versions):
            raise Misunderstood(f"{said(service)} is named twice; name each service once.")
        versions.append((service, version))
        known_environment(environment, service, vocabulary, lambda name: f"train {' '.join(parts)} to {name}")
    return DeployTrain(tuple(versions), environment)


def _part(part: str, parts: Words, environment: str, vocabulary: Vocabulary) -> tuple[str, str]:
    """`shop=v2` as a service and a version."""
    service, equals, version = part.partition("=")
    if not equals or not version or not service:
        name = service if service in vocabulary.services else nearest(service or "?", list(vocabulary.services))
        raise Misunderstood(f"{said(part)} is no service and version; write it as `{name or 'SERVICE'}=VERSION`.")

    def line(name: str) -> str:
        right = [f"{name}={version}" if one == part else one for one in parts]
        return f"train {' '.join(right)} to {environment}"

    return known_service(service, vocabulary, line), version


TRAIN_VERBS: Final[tuple[Verb, ...]] = (
    Verb(
        "train",
        "train SERVICE=VERSION … to ENVIRONMENT [override TEXT] | train approve|reject|abort ID",
        "Deploy several services as one: all or none",
        Permission.DEPLOY,
        _train,
    ),
)
