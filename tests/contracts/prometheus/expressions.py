"""PromQL at random, the same for the same seed: about half is right, the rest wrong in one way or another."""

import random
from collections.abc import Callable, Sequence

_SELECTORS = (
    "up", "a:b", 'up{job="x"}', '{job="x"}', 'up{job=~"a.*",b!="c"}', '{"a.b"}', 'up{"a.b"="c"}', "up offset 5m",
    "up @ 5", "up @ start()", "up offset -5m", "up{}", 'up{job="x",}', "up smoothed", "up offset (5m)",
)  # fmt: skip
_ODD_SELECTORS = (
    "{}", '{job=""}', '{job=~".*"}', 'up{__name__="x"}', "up offset 0", '{"up", __name__="b"}', 'up{a=~"("}', "sum",
    "on", "offset", "bool", "{up}", 'up{a="b"', "up{,}", "up{a=`b`}", 'up{job="x" or job="y"}', "start()", 'up{1a="b"}',
    "up offset step()", "up offset -(1h/2)", "up offset 5m smoothed", "up @ x", "up offset foo", "NaN", "Inf", "",
    "smoothed", "anchored{}",
)  # fmt: skip
_RANGES = ("up[5m]", "up[5m:]", "up[5m] @ end()", "up[5m:30s] offset 1m", "(up)[5m:1m]", "up[5m*2]", "up[5m] anchored")
_ODD_RANGES = (
    "up[0s]", "up[5]", "up[1.5]", "up[5x]", "(up)[5m]", "up[30m5h]", "up[5m:1]", "up[-5m]", "up[5m][5m]", "sum(up)[5m]",
    "1[5m:1m]", "up[]", "up[5m", "up[1d12h]", "up[5m + 1m:1m/2]", "up[max(5m,1m)]", "up[1_0]", "up[5m-10m]", "up[0]",
)  # fmt: skip
_NUMBERS = ("1", "0.5", "1e3", "5m", "0x1F", "Inf", "NaN", ".5", "1_000")
_ODD_NUMBERS = ("0x", "1e", "1.", "0b1", "1__0", "1_", "07", "08", "1e400", "500y", "5m1h", "inf", "1d")
_TEXTS = ('"a"', "'b'", "`c`", '"\\n"', '"\\x41"', '""', '"\\u00e9"', "`a\nb`")
_ODD_TEXTS = ('"\\q"', '"unclosed', "'\\''", '"\\400"', '"a\nb"')
_OPERATORS = (
    "+", "-", "*", "/", "%", "^", "==", "!=", ">", "<", ">=", "<=", "and", "or", "unless", "atan2", "== bool", "> bool",
)  # fmt: skip
_ODD_OPERATORS = ("+ bool", "=~", "AND", "Or", "**", "<>", "=")
_MATCHING = ("", "", "", "on(a)", "ignoring(a)", "on(a) group_left")
_ODD_MATCHING = (
    "on(a) group_left(a)", "ignoring(a) group_right(b)", "group_left", "on()", "on(a,)", 'on("a.b")', "ignoring(1a)",
    "on(by)", "on(a) ignoring(b)", "on(a) group_left(b)",
)  # fmt: skip
_AGGREGATES = ("sum", "avg", "min", "max", "count", "stddev", "stdvar", "group")
_ODD_AGGREGATES = ("topk", "bottomk", "quantile", "count_values", "limitk", "limit_ratio", "SUM", "nope")
_GROUPINGS = ("", "", "by(a)", "without(a,b)", "by()")
_ODD_GROUPINGS = ('by("a.b")', "by(a,)", "by(1a)", "without", "by(sum)", "by(a) by(b)", 'by("")')
# Name and types of arguments: v(ector), m(atrix), n(umber), t(ext).
_FUNCTIONS = (
    "abs v", "absent v", "absent_over_time m", "avg_over_time m", "ceil v", "changes m", "clamp vnn", "clamp_max vn",
    "day_of_month v", "day_of_week ", "delta m", "deriv m", "exp v", "floor v", "histogram_quantile nv", "hour v",
    "increase m", "irate m", "label_replace vtttt", "label_join vttt", "last_over_time m", "ln v", "log10 v", "pi ",
    "predict_linear mn", "quantile_over_time nm", "rate m", "resets m", "round v", "round vn", "scalar v", "sort v",
    "sqrt v", "time ", "timestamp v", "vector n", "year v", "mad_over_time m", "sort_by_label vt", "end ", "info v",
)  # fmt: skip


class Expressions:
    """A source of expressions."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def some(self, count: int) -> list[str]:
        """Different ones, none without a sign, none that YAML could not hold."""
        made = (self.one(self._random.randint(0, 3)) for _ in range(count))
        return [text for text in dict.fromkeys(made) if text.strip()]

    def one(self, depth: int) -> str:
        """One of at most this depth."""
        if depth == 0:
            return self._argument(self._random.choice("vvvvvvvvvnt"), 0)
        makers: Sequence[tuple[int, Callable[[int], str]]] = (
            (3, self._selector), (1, self._number), (1, self._range), (5, self._binary), (4, self._aggregate),
            (6, self._call), (1, lambda depth: f"({self.one(depth)})"), (1, lambda depth: f"-{self.one(depth)}"),
            (1, lambda depth: f"{self.one(depth)} # why"),
        )  # fmt: skip
        weights, makes = zip(*makers, strict=True)
        make: Callable[[int], str] = self._random.choices(makes, weights)[0]
        return make(depth - 1)

    def _pick(self, good: Sequence[str], odd: Sequence[str], share: float = 0.06) -> str:
        return self._random.choice(odd if self._random.random() < share else good)

    def _argument(self, kind: str, depth: int) -> str:
        match kind:
            case "v" if depth == 0:
                return self._selector(0)
            case "v":
                return self.one(depth)
            case "m":
                return self._range(depth)
            case "n":
                return self._number(depth)
            case _:
                return self._pick(_TEXTS, _ODD_TEXTS)

    def _selector(self, _: int) -> str:
        return self._pick(_SELECTORS, _ODD_SELECTORS)

    def _number(self, _: int) -> str:
        return self._pick(_NUMBERS, _ODD_NUMBERS)

    def _range(self, _: int) -> str:
        return self._pick(_RANGES, _ODD_RANGES)

    def _binary(self, depth: int) -> str:
        operator = f"{self._pick(_OPERATORS, _ODD_OPERATORS)} {self._pick(_MATCHING, _ODD_MATCHING)}"
        return f"{self.one(depth)} {operator} {self.one(depth)}"

    def _aggregate(self, depth: int) -> str:
        name, grouping = self._pick(_AGGREGATES, _ODD_AGGREGATES, 0.2), self._pick(_GROUPINGS, _ODD_GROUPINGS)
        count = self._random.choice((1, 1, 1, 1, 2, 0)) + (name in _ODD_AGGREGATES[:6])
        inside = ", ".join([*(self._number(0) for _ in range(count - 1)), self.one(depth)][-count:] if count else [])
        return self._random.choice((f"{name} {grouping} ({inside})", f"{name}({inside}) {grouping}"))

    def _call(self, depth: int) -> str:
        name, _, kinds = self._random.choice(_FUNCTIONS).partition(" ")
        arguments = [self._argument(kind, depth) for kind in kinds]
        if self._random.random() < 0.05:
            arguments.append(self.one(0))
        return f"{name}({', '.join(arguments)})"
