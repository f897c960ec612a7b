"""Which silences match an alert, found without asking each of them.

A silence that wants a label to have one value stands under that pair, so an alert is compared with those of its own
pairs only, and with the few silences that name no value. What was found is kept by label set. A silence never changes
its matchers (they make a new one), so what was found stays right: later only the silences added since are compared.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from alerting.routing.matcher import Op, all_match
from alerting.silences.silence import Silence, SilenceId

MOST_KEPT: Final = 200_000  # label sets; more of them begin anew
FEW: Final = 16  # silences that are compared one by one sooner than looked up

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
        self._place(silence).append(silence)

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

    def _place(self, silence: Silence) -> list[Silence]:
        """Where it stands: under its pair with the fewest others."""
        pairs = [(one.name, one.value) for one in silence.matchers if one.op is Op.EQUAL and one.value]
        if not pairs:
            return self._others
        rarest = min(pairs, key=lambda pair: len(self._by_pair.get(pair, ())))
        return self._by_pair.setdefault(rarest, [])

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
