"""How well changes reach people: the four key figures of DORA, from what is known of each deployment. Pure.

Source: DORA (DevOps Research and Assessment), "DORA's software delivery metrics: the four keys", dora.dev/guides:

- deployment frequency: how often changes are deployed to production;
- lead time for changes: how long a change takes to get to production;
- change failure rate: the share of deployments that need intervention at once, such as a roll-back or a hotfix;
- time to restore (failed deployment recovery time): how long it takes to recover from such a failure.

Here, for each service in each environment and over all:

- a change is a deployment that was begun and has ended. A roll-back is a remedy and no change; what was cancelled
  before it began is none either. It counts on the day it ended;
- frequency: changes that succeeded, a day;
- lead time: from when it was asked for to when it succeeded, the median. What happened before (commit, build, review)
  is not known here;
- failure: a change that failed or was rolled back, or whose next deployment in the same place was a roll-back. The
  rate is failures to changes;
- time to restore: the median of the times from a failure to the next success in the same place, be it a change or a
  roll-back. It begins when the deployment ended, when the roll-back was asked for, or when an incident opened whose
  first suspect is a deployment; an incident is over as well when it is resolved. Both told of one deployment count
  once.

Medians, as DORA asks for typical times and one bad day must not hide the others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from statistics import median
from typing import Final

from engine.deployments.deployment import Purpose, State
from engine.deployments.journal import Summary

DAY: Final = timedelta(days=1)
WEEK: Final = timedelta(days=7)
LONGEST_BY_DAY: Final = 14  # days that are shown one by one; more are shown by the week
_FAILED: Final = frozenset({State.FAILED, State.ROLLED_BACK})

Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Outage:
    """An incident whose first suspect is `deployment` of this place; `resolved_at` is None while it is open."""

    service: str
    environment: str
    deployment: str
    opened_at: datetime
    resolved_at: datetime | None


@dataclass(frozen=True, slots=True)
class Dora:
    """The figures of one time. Times are medians, None where there is nothing to take them of.

    `deployments` succeeded, `per_day` of them; `failures` of `changes`; `restored` failures are over, after
    `restore_time`, and `unrestored` are not yet.
    """

    deployments: int
    per_day: float
    lead_time: timedelta | None
    changes: int
    failures: int
    restored: int
    unrestored: int
    restore_time: timedelta | None

    @property
    def failure_rate(self) -> float | None:
        """Failures per change, from 0 to 1; None without a change."""
        return self.failures / self.changes if self.changes else None


@dataclass(frozen=True, slots=True)
class Period:
    """The figures from `start` up to `end`."""

    start: datetime
    end: datetime
    figures: Dora


@dataclass(frozen=True, slots=True)
class PlaceReport:
    """One service in one environment: the whole time, and period by period, the oldest first."""

    service: str
    environment: str
    figures: Dora
    periods: tuple[Period, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """Everything over `days` days up to `until`; places in alphabetical order, those without anything left out."""

    since: datetime
    until: datetime
    days: int
    figures: Dora
    periods: tuple[Period, ...]
    places: tuple[PlaceReport, ...]


@dataclass(frozen=True, slots=True)
class _Change:
    """A change: when it ended, how long it took to succeed (None: it did not), and whether it failed in the end."""

    place: Place
    at: datetime
    lead: timedelta | None
    failed: bool


@dataclass(frozen=True, slots=True)
class _Failure:
    """A failure, and when it was over."""

    place: Place
    deployment: str
    at: datetime
    restored_at: datetime | None


def report(deployments: Iterable[Summary], outages: Iterable[Outage], *, now: datetime, days: int) -> Report:
    """The figures of the last `days` days. `deployments` and `outages` may reach further back, in any order."""
    histories = _histories(deployments)
    changes = [one for place, history in histories.items() for one in _changes(place, history)]
    failures = _failures(histories, outages)
    since = now - days * DAY
    return Report(
        since=since,
        until=now,
        days=days,
        figures=_figures(changes, failures, since, now),
        periods=_periods(changes, failures, since, now),
        places=tuple(_place_reports(changes, failures, since, now)),
    )


def _histories(deployments: Iterable[Summary]) -> Mapping[Place, Sequence[Summary]]:
    """What was begun and has ended in each place, the oldest first."""
    found: dict[Place, list[Summary]] = defaultdict(list)
    for one in deployments:
        if one.started_at is not None and one.ended_at is not None:
            found[_place(one)].append(one)
    return {place: sorted(history, key=_ended_at) for place, history in found.items()}


def _place(one: Summary | Outage) -> Place:
    return (str(one.service), str(one.environment))


def _ended_at(one: Summary) -> datetime:
    return one.ended_at or one.requested_at


def _changes(place: Place, history: Sequence[Summary]) -> Iterator[_Change]:
    for at, one in enumerate(history):
        if one.purpose is Purpose.ROLL_BACK:
            continue
        succeeded = one.state is State.SUCCEEDED
        lead = _ended_at(one) - one.requested_at if succeeded else None
        failed = one.state in _FAILED or _taken_back(history, at) is not None
        yield _Change(place, _ended_at(one), lead, failed)


def _taken_back(history: Sequence[Summary], at: int) -> Summary | None:
    """The roll-back that came next after a success."""
    after = history[at + 1] if at + 1 < len(history) else None
    back = after is not None and after.purpose is Purpose.ROLL_BACK
    return after if back and history[at].state is State.SUCCEEDED else None


def _failures(histories: Mapping[Place, Sequence[Summary]], outages: Iterable[Outage]) -> Sequence[_Failure]:
    """One for each deployment that failed, however many told of it: from the first that did."""
    told = [one for place, history in histories.items() for one in _failed_changes(place, history)]
    told += [_outage(one, histories.get(_place(one), ())) for one in outages]
    first: dict[str, _Failure] = {}
    for one in sorted(told, key=lambda failure: failure.at):
        first.setdefault(one.deployment, one)
    return list(first.values())


def _failed_changes(place: Place, history: Sequence[Summary]) -> Iterator[_Failure]:
    for at, one in enumerate(history):
        if one.purpose is Purpose.ROLL_BACK:
            continue
        back = _taken_back(history, at)
        if one.state in _FAILED:
            yield _Failure(place, str(one.id), _ended_at(one), _next_success(history, _ended_at(one), str(one.id)))
        elif back is not None:
            over = _next_success(history, back.requested_at, str(one.id))
            yield _Failure(place, str(one.id), back.requested_at, over)


def _outage(one: Outage, history: Sequence[Summary]) -> _Failure:
    ends = (one.resolved_at, _next_success(history, one.opened_at, one.deployment))
    return _Failure(_place(one), one.deployment, one.opened_at, min((end for end in ends if end), default=None))


def _next_success(history: Sequence[Summary], after: datetime, suspect: str) -> datetime | None:
    """When the next deployment succeeded; the success of the suspect itself ends nothing."""
    ends = (_ended_at(one) for one in history if one.state is State.SUCCEEDED and str(one.id) != suspect)
    return next((end for end in ends if end > after), None)


def _place_reports(
    changes: Sequence[_Change], failures: Sequence[_Failure], since: datetime, until: datetime
) -> Iterator[PlaceReport]:
    of: dict[Place, tuple[list[_Change], list[_Failure]]] = defaultdict(lambda: ([], []))
    for change in changes:
        if since < change.at <= until:
            of[change.place][0].append(change)
    for failure in failures:
        if since < failure.at <= until:
            of[failure.place][1].append(failure)
    for (service, environment), (own, failed) in sorted(of.items()):
        figures = _figures(own, failed, since, until)
        yield PlaceReport(service, environment, figures, _periods(own, failed, since, until))


def _periods(
    changes: Sequence[_Change], failures: Sequence[_Failure], since: datetime, until: datetime
) -> tuple[Period, ...]:
    """Days or weeks up to `until`, so that the last one is whole; the first is what is left."""
    width = DAY if until - since <= LONGEST_BY_DAY * DAY else WEEK
    ends = [until - back * width for back in reversed(range(ceil((until - since) / width)))]
    spans = [(max(since, end - width), end) for end in ends]
    return tuple(Period(start, end, _figures(changes, failures, start, end)) for start, end in spans)


def _figures(changes: Iterable[_Change], failures: Iterable[_Failure], start: datetime, end: datetime) -> Dora:
    own = [one for one in changes if start < one.at <= end]
    broken = [one for one in failures if start < one.at <= end]
    leads = [one.lead for one in own if one.lead is not None]
    times = [one.restored_at - one.at for one in broken if one.restored_at is not None]
    return Dora(
        deployments=len(leads),
        per_day=len(leads) / ((end - start) / DAY),
        lead_time=_median(leads),
        changes=len(own),
        failures=sum(one.failed for one in own),
        restored=len(times),
        unrestored=len(broken) - len(times),
        restore_time=_median(times),
    )


def _median(times: Sequence[timedelta]) -> timedelta | None:
    return timedelta(seconds=median(one.total_seconds() for one in times)) if times else None
