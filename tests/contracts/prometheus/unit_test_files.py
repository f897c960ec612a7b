"""Rules and their unit tests at random, the same for the same seed. Nothing is expected, so that all is told."""

import random
from collections.abc import Sequence

_VALUES = (
    "0", "1", "2", "5", "-3.5", "0.1", "1e3", "NaN", "Inf", "stale", "_", "_x2", "0x3", "1x2", "1+1x4", "5-2x3", "7",
)  # fmt: skip
_EXPRESSIONS = (
    "m0 > 1", "m1", "sum by (a) (m2)", "m0 + on(a) group_left m1", "rate(m0[3m]) > 0", "absent(m1)", "m0 unless m1",
    "count_over_time(m2[5m])", "ALERTS", 'ALERTS_FOR_STATE{alertname="A0"}', "r0", "r1 > 0", "max_over_time(r0[4m:1m])",
    "time() % 300 < bool 120", "topk(1, m0)", '{a="x"}', "scalar(m0)", "-m1", "m0 == bool 1", "vector(1) and on() m0",
    'sum(ALERTS{alertstate="firing"}) or vector(0)', "m0 offset 1m", 'label_replace(m0, "d", "$1", "a", "(.*)")',
)  # fmt: skip
_LABELS = (
    "{}", "{sev: page}", "{v: '{{ $value }}'}", "{b: '', c: '{{ $labels.a }}'}",
    "{e: '{{ if gt $value 1.0 }}hi{{ end }}'}",
)  # fmt: skip
_TIMES = ("0s", "1m", "90s", "2m", "3m", "4m30s", "5m", "7m", "8m20s", "10m")
_GROUPS = ("g0", "g1", "g2")


class UnitTestFiles:
    """A source of rule files and of tests for them; fields that came with Prometheus 3 only where `newest`."""

    def __init__(self, seed: int, *, newest: bool) -> None:
        self._random = random.Random(seed)
        self._newest = newest

    def rules(self) -> str:
        """A file of one to three groups."""
        return "groups:\n" + "".join(self._group(name) for name in _GROUPS[: self._random.randint(1, 3)])

    def tests(self) -> str:
        """A file with one test of a `rules.yml` beside it."""
        order = ", ".join(self._random.sample(_GROUPS, 3))
        times = self._random.sample(_TIMES, 4)
        alerts = "".join(f"  - {{eval_time: {time}, alertname: A{n}}}\n" for time in times for n in range(3))
        everything = "".join(f"  - {{expr: '{{__name__=~\".+\"}}', eval_time: {time}}}\n" for time in times)
        return (
            f"rule_files: [rules.yml]\nevaluation_interval: {self._choose(('1m', '30s', '20s'))}\n"
            f"group_eval_order: [{order}]\ntests:\n- interval: {self._choose(('1m', '30s', '45s'))}\n"
            f"  input_series:\n{''.join(self._series() for _ in range(self._random.randint(1, 5)))}"
            f"  alert_rule_test:\n{alerts}  promql_expr_test:\n{everything}"
        )

    def _choose(self, values: Sequence[str]) -> str:
        return self._random.choice(values)

    def _is(self, share: float) -> bool:
        return self._random.random() < share

    def _series(self) -> str:
        names = self._random.sample("abc", self._random.randint(0, 2))
        labels = ",".join(f'{name}="{self._choose("xyz")}"' for name in names)
        values = " ".join(self._choose(_VALUES) for _ in range(self._random.randint(1, 14)))
        return f"  - {{series: 'm{self._random.randint(0, 2)}{{{labels}}}', values: '{values}'}}\n"

    def _group(self, name: str) -> str:
        lines = [f"- name: {name}"]
        if self._newest and self._is(0.3):
            lines.append(f"  query_offset: {self._choose(('30s', '1m', '90s'))}")
        if self._newest and self._is(0.3):
            lines.append(f"  labels: {{team: {name}, a: '{self._choose(('x', 'q', ''))}'}}")
        if self._is(0.15):
            lines.append(f"  limit: {self._random.randint(1, 3)}")
        rules = [self._rule(f"{name}{number}") for number in range(self._random.randint(1, 4))]
        return "\n".join([*lines, "  rules:", *rules, ""])

    def _rule(self, mark: str) -> str:
        expression, number = self._choose(_EXPRESSIONS), self._random.randint(0, 2)
        if self._is(0.4):
            return (
                f"  - {{record: r{number}, expr: '{expression}', labels: {{g: {mark}, a: {self._choose(('q', ''))}}}}}"
            )
        hold = self._choose(("0s", "1m", "90s"))
        keep = self._choose(("0s", "1m", "150s"))
        told = "{t: '{{ $labels }} {{ $value | humanize }}'}"
        return (
            f"  - {{alert: A{number}, expr: '{expression}', for: {hold}, keep_firing_for: {keep}, "
            f"labels: {self._choose(_LABELS)}, annotations: {told}}}"
        )
