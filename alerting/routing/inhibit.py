"""Inhibition: alerts that need not be told while others, which explain them, fire. Pure: no I/O, time as an argument.

Source of the rules: inhibit/inhibit.go of Alertmanager 0.28. Every source counts, not one for each set of equal labels.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from alerting.routing.config import InhibitRule
from alerting.routing.matcher import all_match

Equal = tuple[str, ...]


@dataclass(slots=True)
class _Sources:
    """The sources of one rule that agree in its equal labels, each with its end; `twofold` are targets as well."""

    plain: dict[str, datetime | None] = field(default_factory=dict)
    twofold: dict[str, datetime | None] = field(default_factory=dict)

    def first(self, now: datetime, *, twofold: bool) -> str | None:
        """One that still fires."""
        for kind in (self.plain, self.twofold) if twofold else (self.plain,):
            for fingerprint, ends_at in kind.items():
                if ends_at is None or ends_at > now:
                    return fingerprint
        return None


class _Rule:
    """One rule and its sources by the values of its equal labels."""

    def __init__(self, rule: InhibitRule) -> None:
        self._rule = rule
        self._sources: dict[Equal, _Sources] = {}

    def add(self, fingerprint: str, labels: Mapping[str, str], ends_at: datetime | None) -> Equal | None:
        """Keep a source; None when the labels are none. Returns where it is kept."""
        if not all_match(self._rule.source, labels):
            return None
        equal = self._equal(labels)
        sources = self._sources.setdefault(equal, _Sources())
        kind = sources.twofold if all_match(self._rule.target, labels) else sources.plain
        kind[fingerprint] = ends_at
        return equal

    def remove(self, fingerprint: str, equal: Equal) -> None:
        sources = self._sources[equal]
        sources.plain.pop(fingerprint, None)
        sources.twofold.pop(fingerprint, None)
        if not sources.plain and not sources.twofold:
            del self._sources[equal]

    def inhibits(self, labels: Mapping[str, str], now: datetime) -> str | None:
        """The fingerprint of a source, None when nothing inhibits these labels."""
        if not self._sources or not all_match(self._rule.target, labels):
            return None
        sources = self._sources.get(self._equal(labels))
        if sources is None:
            return None
        # What is source and target at once is inhibited by pure sources only, or it would inhibit itself.
        return sources.first(now, twofold=not all_match(self._rule.source, labels))

    def _equal(self, labels: Mapping[str, str]) -> Equal:
        return tuple(labels.get(name, "") for name in self._rule.equal)


class Inhibitor:
    """Knows the alerts that fire and match a source. Asking costs the same for ten and ten thousand of them."""

    def __init__(self, rules: Iterable[InhibitRule]) -> None:
        self._rules = [_Rule(rule) for rule in rules]
        self._places: dict[str, list[tuple[_Rule, Equal]]] = {}

    def add(self, fingerprint: str, labels: Mapping[str, str], ends_at: datetime | None = None) -> None:
        """An alert fires, until `ends_at` (None: until it is removed); what was known of it is replaced."""
        self.remove(fingerprint)
        kept = [(rule, rule.add(fingerprint, labels, ends_at)) for rule in self._rules]
        if places := [(rule, equal) for rule, equal in kept if equal is not None]:
            self._places[fingerprint] = places

    def remove(self, fingerprint: str) -> None:
        """An alert fires no longer; one that is not known is no error."""
        for rule, equal in self._places.pop(fingerprint, ()):
            rule.remove(fingerprint, equal)

    def inhibited_by(self, labels: Mapping[str, str], now: datetime) -> tuple[str, ...]:
        """Fingerprints of the sources that inhibit an alert: one of the first rule that does, or none."""
        for rule in self._rules:
            source = rule.inhibits(labels, now)
            if source is not None:
                return (source,)
        return ()
