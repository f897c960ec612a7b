"""Everything alerting raises on purpose.

AlertingError                 reason, remedy
 ├─ TemporaryFailure          the same call may work later (retry_after)
 │   └─ QueryTimeout          the query took too long; a smaller one may not
 ├─ PermanentFailure          the same call will fail again until something is changed
 │   └─ BadQuery              the metrics source refuses the query itself
 ├─ RuleProblem               one fault in a rule file, with its place
 └─ TemplateError             a template that cannot be compiled or expanded
"""

from dataclasses import dataclass
from datetime import timedelta


class AlertingError(Exception):
    """What happened (`reason`) and what to do next (`remedy`, may be empty)."""

    def __init__(self, reason: str, remedy: str = "") -> None:
        super().__init__(f"{reason}; {remedy}" if remedy else reason)
        self.reason = reason
        self.remedy = remedy


class TemporaryFailure(AlertingError):
    """Worth trying again, after `retry_after` when the other side named a time."""

    def __init__(self, reason: str, retry_after: timedelta | None = None, remedy: str = "") -> None:
        super().__init__(reason, remedy)
        self.retry_after = retry_after


class QueryTimeout(TemporaryFailure):
    """The metrics source was reached but did not answer this query in time."""


class PermanentFailure(AlertingError):
    """Trying again changes nothing; `remedy` says what does."""


class BadQuery(PermanentFailure):
    """The metrics source refuses this query: it does not parse, cannot be computed or answers too much."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a rule file: lines and columns start at 1, rules at 1 as promtool counts them."""

    file: str
    line: int
    column: int
    group: str | None = None
    rule: int | None = None
    name: str = ""

    def __str__(self) -> str:
        spot = f"{self.file}:{self.line}:{self.column}: "
        if self.group is None:
            return spot
        if self.rule is None:
            return f'{spot}group "{self.group}": '
        return f'{spot}group "{self.group}", rule {self.rule}, "{self.name}": '


class RuleProblem(AlertingError):
    """One fault in a rule file, told as `file:line:column: group "g", rule N, "name": message`."""

    def __init__(self, place: Place, message: str) -> None:
        super().__init__(f"{place}{message}")
        self.place = place
        self.message = message

    @property
    def file(self) -> str:
        """The file as it was named by the glob."""
        return self.place.file

    @property
    def line(self) -> int:
        """Line in the file, from 1."""
        return self.place.line

    @property
    def column(self) -> int:
        """Column in the line, from 1."""
        return self.place.column


class TemplateError(AlertingError):
    """A template that cannot be compiled or expanded; the reason names the function or construct."""
