"""What one rule makes of its answer, be it an alert rule or a recording rule. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from alerting.errors import AlertingError, PermanentFailure
from alerting.metrics.port import Sample
from alerting.rules.expression import Kind
from alerting.rules.machine import evaluate
from alerting.rules.rule import RecordingRule, Rule, RuleGroup
from alerting.rules.series import Made, record
from alerting.rules.state import Installation, RuleState, Transition
from alerting.rules.template import Answers

_NO_VECTOR: Final = PermanentFailure("rule result is not a vector or scalar", "change the expression")
_KINDS: Final = frozenset({Kind.VECTOR, Kind.SCALAR})


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one evaluation of one rule. `made` is what a recording rule made, None when it failed or makes alerts."""

    state: RuleState
    transitions: tuple[Transition, ...] = ()
    problem: str | None = None
    made: Made | None = None


def can_be_asked(rule: Rule) -> bool:
    """Whether asking for the rule's expression gives what a rule can use."""
    return rule.expression.kind in _KINDS


def outcome(
    group: RuleGroup,
    rule: Rule,
    state: RuleState,
    answer: tuple[Sample, ...] | AlertingError,
    *,
    at: datetime,
    installation: Installation,
    answers: Answers,
) -> Outcome:
    """What follows from the answer to the rule's expression.

    `answers` are those to the queries of templates; raises QueriesNeeded where one is missing.
    """
    if not can_be_asked(rule):
        answer = _NO_VECTOR
    if isinstance(answer, AlertingError):
        return Outcome(state, problem=str(answer))
    if isinstance(rule, RecordingRule):
        return _recorded(rule, state, answer, group.limit)
    done = evaluate(rule, state, answer, at=at, limit=group.limit, installation=installation, answers=answers)
    return Outcome(done.state, done.transitions, done.problem)


def _recorded(rule: RecordingRule, state: RuleState, samples: tuple[Sample, ...], limit: int) -> Outcome:
    done = record(rule, samples, limit=limit)
    return Outcome(state, problem=done.problem, made=None if done.problem else done.made)
