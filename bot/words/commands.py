"""The commands people type: grammar, permission and help in one table; reading a line of text. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from alerting.commands import ExpireSilence
from alerting.routing.matcher import Matcher
from alerting.silences.silence import SilenceId
from bot.words.grammar import (
    LONGEST,
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
from bot.words.lifecycle import LIFECYCLE_VERBS
from bot.words.onward import ONWARD_VERBS
from bot.words.permits import PERMIT_VERBS, split_override, split_release
from bot.words.reports import REPORT_VERB
from bot.words.silences import read_matchers, read_silence
from bot.words.trains import TRAIN_VERBS
from engine.commands import WHATEVER_WAITS, Abort, Approve, Deploy, Reject, Restart, RollBack
from engine.deployments.deployment import DeploymentId
from engine.security.permissions import Permission


@dataclass(frozen=True, slots=True)
class ShowHelp:
    """What may this person do here?"""

    verb: str = ""


@dataclass(frozen=True, slots=True)
class ShowStatus:
    """How is everything, or one service?"""

    service: str | None = None


@dataclass(frozen=True, slots=True)
class ShowServices:
    """What can be deployed, with versions?"""


@dataclass(frozen=True, slots=True)
class ShowIncidents:
    """What is broken?"""


@dataclass(frozen=True, slots=True)
class ShowAlerts:
    """What fires now, of the alerts that match?"""

    matchers: tuple[Matcher, ...] = ()


@dataclass(frozen=True, slots=True)
class ShowSilences:
    """What is muted, by whom, until when?"""


@dataclass(frozen=True, slots=True)
class ShowOnCall:
    """Who is on call, and until when?"""


@dataclass(frozen=True, slots=True)
class OpenBoard:
    """A one-time link to the web board."""


@dataclass(frozen=True, slots=True)
class OpenDeployForm:
    """The deploy modal, with the service chosen when it was named."""

    service: str | None = None


@dataclass(frozen=True, slots=True)
class KillInstance:
    """The tour: kill a process of a service."""


@dataclass(frozen=True, slots=True)
class KillPilothouse:
    """The tour: kill this process."""


@dataclass(frozen=True, slots=True)
class TakeIncident:
    """Acknowledge an incident; the newest open one when none is named."""

    incident: str = ""


@dataclass(frozen=True, slots=True)
class AbortByName:
    """Abort what is in flight for a service."""

    service: str
    environment: str = ""


def parse(text: str, vocabulary: Vocabulary) -> object:
    """What a line such as `deploy shop v2 to production` asks for. Raises Misunderstood with the right form."""
    if len(text) > LONGEST:
        raise Misunderstood(f"That is {len(text)} characters long; a command has at most {LONGEST}.", f"{ROOT} help")
    words = text.split()
    if not words:
        return ShowHelp()
    try:
        verb = _verb(words)
        return verb.read(text.split(maxsplit=1)[1:] if verb.whole else words[1:], vocabulary)
    except Misunderstood as error:
        usage = error.usage or f"{ROOT} {_verb(words).usage}"
        raise Misunderstood(error.reason, usage, _settled(error.suggestion, vocabulary)) from None


def _settled(suggestion: str, vocabulary: Vocabulary) -> str:
    """The suggestion with what is still wrong in it put right as well; nothing when that can't be done."""
    if not suggestion:
        return ""
    try:
        parse(suggestion.removeprefix(ROOT), vocabulary)
    except Misunderstood as error:
        return error.suggestion
    return suggestion


def _verb(words: Words) -> Verb:
    name = words[0].lower()
    found = BY_NAME.get(name)
    if found is not None:
        return found
    near = nearest(name, list(BY_NAME))
    suggestion = " ".join([ROOT, near, *words[1:]]) if near else ""
    raise Misunderstood(f"There is no command {said(words[0])}.", f"{ROOT} help", suggestion)


def _deploy(words: Words, vocabulary: Vocabulary) -> object:
    wish, reason = split_override(words)
    command = _deployment(wish, vocabulary)
    return replace(command, override=reason) if isinstance(command, Deploy) else command


def _deployment(words: Words, vocabulary: Vocabulary) -> object:
    match list(words):
        case []:
            return OpenDeployForm()
        case [service]:
            return OpenDeployForm(known_service(service, vocabulary, lambda name: f"deploy {name}"))
        case [service, version, *link, environment] if _links(link):
            service = known_service(service, vocabulary, lambda name: f"deploy {name} {version} to {environment}")
            environment = known_environment(
                environment, service, vocabulary, lambda name: f"deploy {service} {version} to {name}"
            )
            return Deploy(service, version, environment)
        case [service, version]:
            service = known_service(service, vocabulary, lambda name: f"deploy {name} {version}")
            places = vocabulary.services[service]
            if len(places) == 1:
                return Deploy(service, version, places[0])
            raise Misunderstood(
                f"Say where to: {', '.join(places)}.",
                suggestion=f"{ROOT} deploy {service} {version} to {places[0]}",
            )
    raise Misunderstood("Those are more words than a deployment has.")


def _links(words: Words) -> bool:
    """Whether these words between a name and an environment are one preposition, or none."""
    return not words or (len(words) == 1 and is_link(words[0]))


def _roll_back(words: Words, vocabulary: Vocabulary) -> object:
    place, release = split_release(words, vocabulary)
    service, environment = _place("rollback", place, vocabulary)
    return RollBack(service, environment, to=release)


def _restart(words: Words, vocabulary: Vocabulary) -> object:
    service, environment = _place("restart", words, vocabulary)
    return Restart(service, environment)


def _place(verb: str, words: Words, vocabulary: Vocabulary) -> tuple[str, str]:
    match list(words):
        case [service]:
            service = known_service(service, vocabulary, lambda name: f"{verb} {name}")
            places = vocabulary.services[service]
            return service, places[0] if len(places) == 1 else ""
        case [service, *link, environment] if _links(link):
            service = known_service(service, vocabulary, lambda name: f"{verb} {name} in {environment}")
            return service, known_environment(
                environment, service, vocabulary, lambda name: f"{verb} {service} in {name}"
            )
    raise Misunderstood("Name one service.")


def _abort(words: Words, vocabulary: Vocabulary) -> object:
    if len(words) == 1 and words[0] not in vocabulary.services and any(letter.isdigit() for letter in words[0]):
        return Abort(DeploymentId(words[0]))
    service, environment = _place("abort", words, vocabulary)
    return AbortByName(service, environment)


def _one(make: Callable[[str], object], what: str) -> Callable[[Words, Vocabulary], object]:
    def read(words: Words, _: Vocabulary) -> object:
        if len(words) != 1:
            raise Misunderstood(f"Name one {what}.")
        return make(words[0])

    return read


def _none(make: Callable[[], object]) -> Callable[[Words, Vocabulary], object]:
    def read(words: Words, _: Vocabulary) -> object:
        if words:
            raise Misunderstood(f"{said(words[0])} is one word too many.")
        return make()

    return read


def _status(words: Words, vocabulary: Vocabulary) -> object:
    match list(words):
        case []:
            return ShowStatus()
        case [service]:
            return ShowStatus(known_service(service, vocabulary, lambda name: f"status {name}"))
    raise Misunderstood("Name one service, or none.")


def _help(words: Words, _: Vocabulary) -> object:
    match [word.lower() for word in words]:
        case []:
            return ShowHelp()
        case [name] if name in BY_NAME:
            return ShowHelp(BY_NAME[name].name)
        case [name]:
            near = nearest(name, list(BY_NAME))
            suggestion = f"{ROOT} help {near}" if near else ""
            raise Misunderstood(f"There is no command {said(words[0])}.", f"{ROOT} help", suggestion)
    raise Misunderstood("Name one command, or none for all.")


def _take(words: Words, _: Vocabulary) -> object:
    if len(words) > 1:
        raise Misunderstood("Name one incident, or none for the newest.")
    return TakeIncident(words[0] if words else "")


def _alerts(words: Words, _: Vocabulary) -> object:
    return ShowAlerts(read_matchers(words[0]) if words else ())


def _silence(words: Words, _: Vocabulary) -> object:
    return read_silence(words[0] if words else "")


VERBS: Final[tuple[Verb, ...]] = (
    Verb("help", "help [COMMAND]", "What you can do here", Permission.VIEW, _help, ("?",)),
    Verb("status", "status [SERVICE]", "Services, deployments and incidents now", Permission.VIEW, _status),
    Verb("services", "services", "What can be deployed, and where", Permission.VIEW, _none(ShowServices)),
    Verb(
        "deploy",
        "deploy SERVICE VERSION to ENVIRONMENT [override TEXT]",
        "Deploy a version; alone it opens a form",
        Permission.DEPLOY,
        _deploy,
    ),
    Verb(
        "rollback",
        "rollback SERVICE [in ENVIRONMENT] [to REVISION|VERSION]",
        "Go back to what ran before, or to any release",
        Permission.ROLL_BACK,
        _roll_back,
        ("roll-back",),
    ),
    Verb(
        "abort",
        "abort SERVICE [in ENVIRONMENT] | abort ID",
        "End a deployment in flight; traffic goes back",
        Permission.ABORT,
        _abort,
        ("cancel",),
    ),
    Verb(
        "approve",
        "approve ID",
        "Agree to a deployment",
        Permission.APPROVE,
        _one(lambda name: Approve(DeploymentId(name), step=WHATEVER_WAITS), "deployment"),
    ),
    Verb(
        "reject",
        "reject ID",
        "Refuse a deployment",
        Permission.APPROVE,
        _one(lambda name: Reject(DeploymentId(name), step=WHATEVER_WAITS), "deployment"),
    ),
    *ONWARD_VERBS,
    Verb(
        "restart",
        "restart SERVICE [in ENVIRONMENT]",
        "Start a service's instances anew, one at a time",
        Permission.RESTART,
        _restart,
    ),
    *TRAIN_VERBS,
    *LIFECYCLE_VERBS,
    *PERMIT_VERBS,
    Verb("incidents", "incidents", "Open incidents", Permission.VIEW, _none(ShowIncidents)),
    Verb(
        "ack",
        "ack [INCIDENT]",
        "Take an incident; the newest when none is named",
        Permission.ACKNOWLEDGE,
        _take,
        ("acknowledge",),
    ),
    Verb(
        "alerts",
        "alerts [MATCHERS]",
        "What fires now, and what of it is silenced",
        Permission.VIEW,
        _alerts,
        whole=True,
    ),
    Verb(
        "silence",
        "silence MATCHERS for DURATION because TEXT",
        "Mute alerts, also `until resolved`; alone it opens a form",
        Permission.SILENCE,
        _silence,
        ("mute",),
        whole=True,
    ),
    Verb("silences", "silences", "What is muted, by whom, until when", Permission.VIEW, _none(ShowSilences)),
    Verb(
        "unsilence",
        "unsilence ID",
        "End a silence; `silences` shows the ids",
        Permission.SILENCE,
        _one(lambda name: ExpireSilence(SilenceId(name)), "silence"),
        ("unmute",),
    ),
    Verb("oncall", "oncall", "Who is on call, and until when", Permission.VIEW, _none(ShowOnCall), ("on-call",)),
    REPORT_VERB,
    Verb("board", "board", "A link to the web board", Permission.VIEW, _none(OpenBoard)),
)
BY_NAME: Final[Mapping[str, Verb]] = {name: verb for verb in VERBS for name in (verb.name, *verb.aliases)}
