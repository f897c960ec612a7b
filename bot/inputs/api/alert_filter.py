"""Which alerts, silences and rules somebody asked for: matchers as Alertmanager reads them, and words. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alerting.routing.matcher import Matcher, Op, all_match
from alerting.routing.parse_matcher import MatcherWrong, parse_matchers
from alerting.rules.rule import Rule
from alerting.silences.silence import Silence
from bot.inputs.api.errors import ApiError

LONGEST_WORDS = 200


@dataclass(frozen=True, slots=True)
class Filter:
    """Everything has to hold: each matcher, and each word somewhere in what is shown."""

    matchers: tuple[Matcher, ...] = ()
    words: tuple[str, ...] = ()

    def takes(self, labels: Mapping[str, str], annotations: Mapping[str, str] | None = None) -> bool:
        """Whether an alert with these labels is meant."""
        if not all_match(self.matchers, labels):
            return False
        return not self.words or self._said([*_pairs(labels), *(annotations or {}).values()])

    def takes_rule(self, rule: Rule, group: str, file: str) -> bool:
        """Whether the rule is meant; it has the labels `group` and `file` beside its own."""
        labels = {**rule.labels, "alertname": rule.name, "group": group, "file": file}
        return all_match(self.matchers, labels) and (not self.words or self._said([*_pairs(labels), rule.expr]))

    def takes_silence(self, silence: Silence) -> bool:
        """Whether the silence speaks of the labels that are meant: of the same, or of a value that fits."""
        if not all(any(_speaks(own, wanted) for own in silence.matchers) for wanted in self.matchers):
            return False
        said = [*map(str, silence.matchers), silence.created_by, silence.comment]
        return not self.words or self._said(said)

    def _said(self, texts: Sequence[str]) -> bool:
        text = "\n".join(texts).lower()
        return all(word in text for word in self.words)


def _pairs(labels: Mapping[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in labels.items()]


def _speaks(own: Matcher, wanted: Matcher) -> bool:
    if own == wanted:
        return True
    return own.op is Op.EQUAL and own.name == wanted.name and wanted.matches({own.name: own.value})


def parse_filter(matchers: Sequence[str], words: str) -> Filter:
    """Read the query's `filter` (any number) and `q`. Raises ApiError 422 that says where a matcher is wrong."""
    if len(words) > LONGEST_WORDS:
        raise ApiError(422, "Invalid", f"q is {len(words)} characters long.", f"At most {LONGEST_WORDS}.", field="q")
    found = [one for text in matchers for one in parsed_matchers(text, "filter")]
    return Filter(tuple(found), tuple(words.lower().split()))


def parsed_matchers(text: str, field: str) -> tuple[Matcher, ...]:
    """The matchers of one text. Raises ApiError 422 for `field`."""
    try:
        return parse_matchers(text)
    except MatcherWrong as wrong:
        remedy = 'Write matchers such as severity="critical" or team=~"shop|web", with commas between them.'
        raise ApiError(422, "Invalid", f"{wrong}.", remedy, field=field) from wrong
