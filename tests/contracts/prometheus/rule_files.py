"""Rule files at random, the same for the same seed: most are nearly right, some right, some broken as text."""

import json
import random
import re
from collections.abc import Callable, Sequence
from typing import Any

import yaml

_ODD: tuple[Any, ...] = (
    None, "", 0, 5, -1, 1.5, True, [], {}, [1], {"a": 1}, "x", "5m", "-5m", "5m1h", "1h30m", "{{ foo }}", "{{ $value",
    'a{b="c"}', "up", "sum(", "ü", "a.b", "0", "0s", "1d", "100y", "500y", "~", "null", "1e3", "0x10", "010", "1_000",
    "2020-01-01", "@", "a: b", "*a", "&a b", "- a", "a\nb", "😀", "x" * 30, "18446744073709551616", "0b11", "0o17",
    "1:30", "1e400", "<<", "!!binary /w==", "__name__",
)  # fmt: skip
_SIGNS = (
    " ", "\n", ": ", "- ", "{", "}", "[", "]", ",", '"', "'", "#", "&a ", "*a", "<<: *a\n", "!!str ", "~", "|\n", ">\n",
    "\t", "---\n", "...\n", "%", "@", "? ", "\x00",
)  # fmt: skip
_WRITERS: Sequence[Callable[[object], str]] = (
    lambda value: str(yaml.safe_dump(value, allow_unicode=True, sort_keys=False)),
    lambda value: str(yaml.safe_dump(value, default_flow_style=True)),
    lambda value: str(yaml.safe_dump(value, default_style='"')),
    json.dumps,
)


class RuleFiles:
    """A source of rule files."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def text(self) -> str:
        """One file."""
        value: object = {"groups": self._maybe([self._maybe(self._group(), 0.01) for _ in self._some()], 0.01)}
        text: str = self._choose(_WRITERS)(value)
        if self._is(0.3):
            text = re.sub(r"'([^'\n]*)'", lambda found: found[self._random.randrange(2)], text)
        for _ in range(self._choose((0, 0, 0, 0, 1))):
            text = self._broken(text)
        return text

    def _is(self, share: float) -> bool:
        return self._random.random() < share

    def _choose(self, values: Sequence[Any]) -> Any:
        return self._random.choice(values)

    def _some(self) -> range:
        return range(self._random.randint(0, 3))

    def _maybe(self, value: object, share: float = 0.02) -> object:
        """The value, or something else."""
        return self._choose(_ODD) if self._is(share) else value

    def _group(self) -> dict[str, object]:
        group = {
            "name": self._maybe(self._choose("abcdefgh")),
            "rules": self._maybe([self._maybe(self._rule(), 0.01) for _ in self._some()], 0.01),
        }
        optional = {"interval": "15s", "query_offset": "1m", "limit": 5, "labels": {"a": "x", "b": 5}, "foo": 1}
        return group | self._part_of(optional, rare={"foo"})

    def _rule(self) -> dict[str, object]:
        expression = self._choose(("up", "up == 0", "1", "sum(rate(a[5m]))"))
        if self._is(0.4):
            rule = {"record": self._maybe(self._choose(("a:b", "c", "a.b"))), "expr": self._maybe(expression)}
            return rule | self._part_of({"labels": self._labels(), "for": "5m", "alert": "A"}, rare={"for", "alert"})
        rule = {"alert": self._maybe(self._choose(("A", "B", "High load"))), "expr": self._maybe(expression)}
        optional = {"for": "5m", "keep_firing_for": "1h", "labels": self._labels(), "annotations": self._labels()}
        return rule | self._part_of(optional | {"fro": "5m"}, rare={"fro"})

    def _part_of(self, optional: dict[str, Any], *, rare: set[str]) -> dict[str, object]:
        return {
            name: self._maybe(value) for name, value in optional.items() if self._is(0.015 if name in rare else 0.25)
        }

    def _labels(self) -> object:
        names = ("a", "b", "severity") if self._is(0.95) else ("a.b", "__name__", "", "ü", "alertname", "on")
        values = ("x", "{{ $value }}", "{{ $labels.a }}", 5, True)
        return {self._choose(names): self._maybe(self._choose(values)) for _ in self._some()}

    def _broken(self, text: str) -> str:
        at = self._random.randrange(len(text) + 1)
        if self._is(0.4):
            return text[:at] + text[at + self._random.randint(1, 3) :]
        if self._is(0.6):
            return f"{text[:at]}{self._choose(_SIGNS)}{text[at:]}"
        lines = text.splitlines(keepends=True)
        lines.insert(self._random.randrange(len(lines)), self._choose(lines))
        return "".join(lines)
