"""The words of a query string, as go-openapi reads them. Pure.

Source: swag.ConvertBool: some words mean true, an empty one the default, and anything else false.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from alerting.notify.status import AlertStatus
from alerting.routing.matcher import Matcher, Op, all_match
from alerting.routing.parse_matcher import MatcherWrong, parse_matcher

_TRUE: Final = frozenset(
    {"true", "1", "yes", "ok", "y", "on", "selected", "checked", "t", "enabled"},
)
_MOST_FILTERS: Final = 100


class BadQuery(ValueError):
    """A parameter that cannot be meant; the text names it."""


class Query(Protocol):
    """The query string."""

    def getall(self, key: str, default: list[str], /) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """Which alerts are asked for. `receiver` says whether a receiver of that name counts."""

    matchers: tuple[Matcher, ...]
    receiver: Callable[[str], bool]
    active: bool = True
    silenced: bool = True
    inhibited: bool = True
    muted: bool = True

    def wants(self, labels: Mapping[str, str]) -> bool:
        """Whether the labels are those asked for."""
        return all_match(self.matchers, labels)

    def wants_any(self, receivers: Iterable[str]) -> bool:
        """Whether one of the receivers counts."""
        return any(self.receiver(name) for name in receivers)

    def shows(self, status: AlertStatus) -> bool:
        """Whether an alert that is told or muted so is asked for."""
        if not status.silenced_by and not status.inhibited_by:
            return self.active
        return (self.silenced or not status.silenced_by) and (self.inhibited or not status.inhibited_by)


def read_alert_filter(query: Query) -> AlertFilter:
    """The filter of `/alerts` and `/alerts/groups`. Raises BadQuery."""
    return AlertFilter(
        matchers=read_matchers(query),
        receiver=_receiver(_last(query, "receiver")),
        active=_flag(query, "active"),
        silenced=_flag(query, "silenced"),
        inhibited=_flag(query, "inhibited"),
        muted=_flag(query, "muted"),
    )


def read_matchers(query: Query) -> tuple[Matcher, ...]:
    """The matchers given as `filter`, as often as it is there. Raises BadQuery."""
    filters = query.getall("filter", [])
    if len(filters) > _MOST_FILTERS:
        raise BadQuery(f"filter: {len(filters)} matchers are too many, at most {_MOST_FILTERS} are taken")
    return tuple(_matcher(text) for text in filters)


def _matcher(text: str) -> Matcher:
    try:
        return parse_matcher(text)
    except MatcherWrong as wrong:
        raise BadQuery(f"bad matcher format: {text[:200]} ({wrong})") from wrong


def _receiver(pattern: str) -> Callable[[str], bool]:
    if not pattern:
        return lambda _: True
    try:
        matcher = Matcher("receiver", Op.REGEX, pattern)
    except ValueError as wrong:
        raise BadQuery(f"failed to parse receiver param: {wrong}") from wrong
    return lambda name: matcher.matches({"receiver": name})


def _flag(query: Query, name: str) -> bool:
    word = _last(query, name)
    return word.lower() in _TRUE if word else True


def _last(query: Query, name: str) -> str:
    words = query.getall(name, [])
    return words[-1] if words else ""
