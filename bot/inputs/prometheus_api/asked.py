"""Which rules are asked for, and which page of them. Pure.

Source: rules() of web/api/v1 of Prometheus 3.16.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import promql_parser as promql

from alerting.routing.matcher import Matcher, Op, all_match
from alerting.rules.expression import parse_expression
from alerting.rules.rule import AlertRule
from alerting.rules.status import RuleStatus

_LONGEST: Final = 4096
_MOST_GROUPS: Final = 2**31 - 1
_TRUE: Final = frozenset({"1", "t", "true"})
_FALSE: Final = frozenset({"0", "f", "false"})
_OPS: Final = (
    (promql.MatchOp.Equal, Op.EQUAL),
    (promql.MatchOp.NotEqual, Op.NOT_EQUAL),
    (promql.MatchOp.Re, Op.REGEX),
    (promql.MatchOp.NotRe, Op.NOT_REGEX),
)

Group = Sequence[RuleStatus]


class BadData(ValueError):
    """A parameter that cannot be meant; the text names it."""


class Query(Protocol):
    """The query string."""

    def getall(self, key: str, default: list[str], /) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class RulesAsked:
    """An empty set asks for all. `match` are selectors, of which one has to hold; `limit` 0 gives all groups."""

    kind: str = ""
    names: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    files: frozenset[str] = frozenset()
    match: tuple[tuple[Matcher, ...], ...] = ()
    exclude_alerts: bool = False
    limit: int = 0
    token: str = ""

    def wants(self, status: RuleStatus) -> bool:
        """Whether the rule is asked for."""
        rule, group = status.rule, status.group
        kind = "alert" if isinstance(rule, AlertRule) else "record"
        return (
            self.kind in {"", kind}
            and (not self.names or rule.name in self.names)
            and (not self.groups or group.name in self.groups)
            and (not self.files or group.file in self.files)
            and (not self.match or any(all_match(one, rule.labels) for one in self.match))
        )


def read_rules_asked(query: Query) -> RulesAsked:
    """The parameters of /rules. Raises BadData."""
    kind = _first(query, "type").lower()
    if kind not in {"", "alert", "record"}:
        raise _invalid("type", f'not supported value "{kind[:80]}"')
    return RulesAsked(
        kind=kind,
        names=frozenset(query.getall("rule_name[]", [])),
        groups=frozenset(query.getall("rule_group[]", [])),
        files=frozenset(query.getall("file[]", [])),
        match=tuple(_selector(text) for text in query.getall("match[]", [])),
        exclude_alerts=_flag(query, "exclude_alerts"),
        limit=_limit(query),
        token=_first(query, "group_next_token"),
    )


def page_of(statuses: Iterable[RuleStatus], asked: RulesAsked) -> tuple[list[Group], str]:
    """The groups of the page asked for, each with its wanted rules, and the token of the next page.

    Raises BadData for a token of no group: the groups were changed since the page before.
    """
    groups = _by_group(statuses)
    if asked.token:
        groups = _from(groups, asked.token)
    wanted = ([one for one in group if asked.wants(one)] for group in groups)
    page: list[Group] = []
    for group in filter(None, wanted):
        if len(page) == asked.limit > 0:
            return page, _token(group)
        page.append(group)
    return page, ""


def _by_group(statuses: Iterable[RuleStatus]) -> Iterator[Group]:
    groups: defaultdict[tuple[str, str], list[RuleStatus]] = defaultdict(list)
    for status in statuses:
        groups[status.group.key].append(status)
    return (groups[key] for key in sorted(groups))


def _from(groups: Iterator[Group], token: str) -> Iterator[Group]:
    for group in groups:
        if _token(group) == token:
            yield group
            yield from groups
            return
    raise _invalid("group_next_token", f"invalid group_next_token '{token[:80]}'. were rule groups changed?")


def _token(group: Group) -> str:
    file, name = group[0].group.key
    return hashlib.sha256(f"{file};{name}".encode()).hexdigest()


def _limit(query: Query) -> int:
    text = _first(query, "group_limit")
    if not text:
        if _first(query, "group_next_token"):
            raise _invalid("group_next_token", "group_limit needs to be present in order to paginate over the groups")
        return 0
    if not text.removeprefix("-").isdecimal() or len(text) > 10 or int(text) > _MOST_GROUPS:
        raise _invalid("group_limit", f'group_limit needs to be a valid number: "{text[:80]}" is none')
    if int(text) <= 0:
        raise _invalid("group_limit", "group_limit needs to be greater than 0")
    return int(text)


def _flag(query: Query, name: str) -> bool:
    word = _first(query, name).lower()
    if word and word not in _TRUE | _FALSE:
        raise _invalid(name, f'error converting {name}: "{word[:80]}" is neither true nor false')
    return word in _TRUE


def _selector(text: str) -> tuple[Matcher, ...]:
    if len(text) > _LONGEST:
        raise _invalid("match[]", f"a selector of {len(text)} characters is too long, at most {_LONGEST} are read")
    try:
        parse_expression(text)  # which refuses what is nested too deep for the parser
        found = promql.parse(text)
        matchers = tuple(map(_matcher, found.matchers.matchers if isinstance(found, promql.VectorSelector) else ()))
    except ValueError as wrong:
        raise _invalid("match[]", str(wrong)) from wrong
    if not isinstance(found, promql.VectorSelector):
        raise _invalid("match[]", f"{text[:80]!r} is no selector")
    if found.name:
        matchers = (Matcher("__name__", Op.EQUAL, found.name), *matchers)
    if all(matcher.matches({}) for matcher in matchers):
        raise BadData("match[] must contain at least one non-empty matcher")
    return matchers


def _matcher(found: promql.Matcher) -> Matcher:
    op = next(ours for theirs, ours in _OPS if theirs == found.op)
    return Matcher(found.name, op, found.value)


def _first(query: Query, name: str) -> str:
    return (query.getall(name, []) or [""])[0]


def _invalid(name: str, reason: str) -> BadData:
    return BadData(f'invalid parameter "{name}": {reason}')
