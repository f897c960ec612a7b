"""Which silences match an alert, found without asking each of them.

A silence that wants a label to have one value, or one of some (`a|b`), stands under those pairs: an alert is compared
with the silences of its own pairs only, and with the few that name no value. What was found is kept by label set. A
silence never changes its matchers (they make a new one), so what was found stays right, and later only the silences
added since are compared.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from alerting.routing.matcher import Matcher, Op, all_match
from alerting.silences.silence import Silence, SilenceId

MOST_KEPT: Final = 200_000  # label sets; more of them begin anew
FEW: Final = 16  # silences that are compared one by one sooner than looked up

_PLAIN: Final = re.compile(r"[\w \-:/@%]+(?:\|[\w \-:/@%]+)*", re.ASCII)

Pair = tuple[str, str]
Found = tuple[SilenceId, ...]


class SilenceIndex:
    """Silences by what they want. Add each once; build a new index to be rid of some."""

    def __init__(self, silences: Iterable[Silence] = ()) -> None:
        self._added: list[Silence] = []
        self._by_pair: dict[Pair, list[Silence]] = {}
        self._others: list[Silence] = []
        self._kept: dict[int, tuple[int, Found]] = {}
        for silence in silences:
            self.add(silence)

    def add(self, silence: Silence) -> None:
        """Take one more; only its id and its matchers count here."""
        self._added.append(silence)
        places = [pairs for matcher in silence.matchers if (pairs := wanted_pairs(matcher))]
        if not places:
            self._others.append(silence)
            return
        # Where it meets the fewest others: many want one job, few want one instance.
        for pair in min(places, key=self._crowd):
            self._by_pair.setdefault(pair, []).append(silence)

    def matching(self, labels: Mapping[str, str]) -> Found:
        """The ids of all silences whose matchers hold, whatever their time."""
        if not self._added:
            return ()
        # 64 bits of the label set, as Alertmanager's fingerprint has.
        key = hash(frozenset(labels.items()))
        upto, found = self._kept.get(key, (0, ()))
        if upto == len(self._added):
            return found
        found = self._look_up(labels) if len(self._added) - upto > FEW else found + self._since(upto, labels)
        self._keep(key, found)
        return found

    def _crowd(self, pairs: frozenset[Pair]) -> int:
        return sum(len(self._by_pair.get(pair, ())) for pair in pairs)

    def _look_up(self, labels: Mapping[str, str]) -> Found:
        return tuple(one.id for one in self._near(labels) if all_match(one.matchers, labels))

    def _near(self, labels: Mapping[str, str]) -> Iterator[Silence]:
        for pair in labels.items():
            yield from self._by_pair.get(pair, ())
        yield from self._others

    def _since(self, upto: int, labels: Mapping[str, str]) -> Found:
        return tuple(one.id for one in self._added[upto:] if all_match(one.matchers, labels))

    def _keep(self, key: int, found: Found) -> None:
        if len(self._kept) >= MOST_KEPT and key not in self._kept:
            self._kept.clear()
        self._kept[key] = (len(self._added), found)


def wanted_pairs(matcher: Matcher) -> frozenset[Pair]:
    """The only labels for which it holds, none when there is no saying."""
    if matcher.op is Op.EQUAL:
        values = [matcher.value]
    elif matcher.op is Op.REGEX and _PLAIN.fullmatch(matcher.value):
        values = matcher.value.split("|")
    else:
        return frozenset()
    # An empty value is also that of a label that is not there, which no pair stands for.
    return frozenset((matcher.name, value) for value in values) if all(values) else frozenset()
