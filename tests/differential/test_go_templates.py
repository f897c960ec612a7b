"""Our templates against those of the real Prometheus, through promtool: what is refused and why, and what is rendered.

Debian's older promtool is asked what it knows; the newest one is asked everything.
"""

import json
import os
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from alerting.errors import TemplateError
from alerting.metrics.port import Sample
from alerting.rules.template import Answers, Data, QueriesNeeded, QueryFailed, compile_template
from tests.contracts.prometheus.promtool import version
from tests.differential.promtool_templates import rendered, verdicts
from tests.differential.random_templates import Maker
from tests.fakes.prometheus import missing_tools

# Templates that touch every feature of the language, right and wrong, one a line.
LINES: Final = Path(__file__).with_name("go_templates.txt").read_text(encoding="utf-8").splitlines()
SEED: Final = 20260105
LABELS: Final = {
    "a": "hello", "b": "World", "c": "host-1.example.org:9100", "d": "foo bar-baz_qux don't",
    "e": "3abc élan x.y ÀÉ ß", "f": "<HTTP> & \"api\"/v1 'x':y=1+2?ü", "g": "[::1]:80", "h": "10.0.0.1:80",
}  # fmt: skip
VALUES: Final = ("3661.5", "-0.0123", "NaN", "+Inf", "1234567", "0", "-90061")
EXTERNAL: Final = {"region": "eu"}
URL: Final = "http://prom.example:9090/base"
EVERY: Final = [
    Sample({"__name__": "m", "n": str(at), **LABELS}, float(value)) for at, value in enumerate(VALUES)
]  # fmt: skip
ANSWERS: Final[Answers] = {
    "m": EVERY,
    'm{n="0"}': EVERY[:1],
    'm{n="1"}': EVERY[1:2],
    'label_replace(vector(3),"__value__","x","","")': [Sample({"__value__": "x"}, 3.0)],
    **dict.fromkeys(("none", "hello", "World", "x"), ()),
    **{number: [Sample({}, float(number))] for number in ("1", "0", "12.5")},
}

# Where we differ on purpose: why, what the real one tells, and what we tell.
DIFFERENCES: Final[Sequence[tuple[str, str, str]]] = (
    ("what a query may be is the metrics source's to tell", r"error calling query: ", r"error calling query: "),
    (
        "values have the type they hold, not that of the map of any values they lie in",
        r"type interface \{\}",
        r"type \S",
    ),
    ("the same of what args was given", r"got interface \{\}", r"(invalid value; expected|got) \S"),
    ("we take a value out of a map of any values before it is used as a position", r"type interface \{\}", r".*"),
    ("a time has no insides that a verb for numbers could write", r"time\.Location|\b6[0-9]{10}\b", r"time\.Time"),
    ("no text may grow beyond a bound", r"", r"the text grows beyond 65536 characters"),
    ("no work may grow beyond a bound", r"", r"more than 30000 steps"),
    ("promtool gives externalURL and pathPrefix no address", r"(externalURL|pathPrefix): runtime error", r".*"),
)
# Addresses in memory, which are never the same.
_ADDRESS: Final = re.compile(r"0[xX][0-9a-fA-F]{9,}|\b[0-9a-fA-F]{10,}\b|[0-9]{12,}|[01]{36,}")
# What templates of Prometheus 2.42 and Go 1.19 lack or word otherwise.
OLDER: Final = re.compile(
    r"toDuration|now|urlQueryEscape|else with|call|range [^}]*(\d|len)|print\)|\. |\.\}|\.Value\.|\.é|\$ |js|Nope"
    r"|toTime|parseDuration|nil|eq |[lg][te] |\(\?<|title|slice|%[^\"]*w"
)


@pytest.fixture(autouse=True, scope="module")
def _promtool() -> None:
    if lacking := missing_tools():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(lacking)


def known(templates: Sequence[str]) -> list[str]:
    """The templates that the promtool at hand can be asked about, each once."""
    old = version() < (3, 16)
    return [text for text in dict.fromkeys(templates) if not (old and OLDER.search(text))]


def our_verdict(template: str, alert: str) -> str | None:
    try:
        compile_template(template, alert)
    except TemplateError as wrong:
        return wrong.reason
    return None


def our_text(render: Callable[[Data], str], sample: Sample) -> str:
    answers: dict[str, Sequence[Sample] | QueryFailed] = dict(ANSWERS)
    while True:
        try:
            return render(Data(sample.labels, sample.value, EXTERNAL, URL, answers, datetime.fromtimestamp(60, UTC)))
        except QueriesNeeded as needed:
            answers.update({query: QueryFailed("not PromQL") for query in needed.queries})


def same(theirs: str, ours: str) -> bool:
    if _ADDRESS.sub("ADDRESS", theirs) == _ADDRESS.sub("ADDRESS", ours):
        return True
    return any(re.search(one, theirs) and re.search(other, ours) for _, one, other in DIFFERENCES)


def refused_otherwise(folder: Path, templates: Sequence[str]) -> dict[str, tuple[str | None, str | None]]:
    """The templates of which promtool and we tell another verdict, with both."""
    theirs = verdicts(folder, templates)
    both = {text: (theirs.get(at), our_verdict(text, f"A{at}")) for at, text in enumerate(templates)}
    return {text: pair for text, pair in both.items() if pair[0] != pair[1]}


def rendered_otherwise(folder: Path, templates: Sequence[str]) -> dict[str, tuple[str, str]]:
    """The templates whose text is another for some series, with both texts."""
    good = [text for text in templates if our_verdict(text, "A") is None]
    assert len(good) > (250 if version() >= (3, 16) else 20)
    series = {_series(sample): value.lstrip("+") for sample, value in zip(EVERY, VALUES, strict=True)}
    theirs = rendered(folder, good, {name: f"{value} {value}" for name, value in series.items()}, EXTERNAL, URL)
    wrong = {}
    for at, text in enumerate(good):
        template = compile_template(text, "A")
        for sample in EVERY:
            pair = theirs[sample.labels["n"]][at], our_text(template.render, sample)
            if not same(*pair):
                wrong[text] = pair
    return wrong


def _series(sample: Sample) -> str:
    inside = (f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in sample.labels.items())
    return f"m{{{','.join(one for one in inside if not one.startswith('__'))}}}"


def test_templates_of_every_feature_are_refused_for_the_same_reasons(tmp_path: Path) -> None:
    assert refused_otherwise(tmp_path, known([*LINES, *BLOCKS])) == {}


def test_templates_of_every_feature_render_the_same(tmp_path: Path) -> None:
    assert rendered_otherwise(tmp_path, known([*LINES, *BLOCKS])) == {}


def test_every_function_takes_and_refuses_the_same_values(tmp_path: Path) -> None:
    assert (
        rendered_otherwise(tmp_path, known([f"{{{{ {name} {value} }}}}" for name in FUNCTIONS for value in GIVEN]))
        == {}
    )


def test_printf_writes_every_value_the_same(tmp_path: Path) -> None:
    formats = [f"%{flags}{verb}" for verb in "vdsqxXbocUeEfFgGtTwzO" for flags in FLAGS]
    templates = [f'{{{{ printf "[{one}]" {value} }}}}' for one in formats for value in PRINTED]
    assert rendered_otherwise(tmp_path, known(templates)) == {}


def test_random_templates_are_the_same(tmp_path: Path) -> None:
    maker = Maker(SEED)
    templates = known([maker.template() for _ in range(1200)])
    assert refused_otherwise(tmp_path, templates) == {}
    assert rendered_otherwise(tmp_path, templates) == {}


FUNCTIONS: Final = (
    "humanize", "humanize1024", "humanizeDuration", "humanizePercentage", "humanizeTimestamp", "toUpper", "toLower",
    "title", "stripPort", "stripDomain", "graphLink", "tableLink", "toTime", "toDuration", "parseDuration",
    "urlQueryEscape", "safeHtml", "first", "value", "strvalue", "not", "len", "html", "js", "urlquery", "print",
    "println", "args", "query", "and", "or", "call", "index", "slice", "eq", "lt", "printf", "match", "now",
    "sortByLabel", "label", "reReplaceAll",
)  # fmt: skip
GIVEN: Final = (
    "", "$value", "$labels.a", "$labels", '"x"', '"12.5"', "1", "1.5", "true", "nil", ".", ".Value", "'a'",
    "$labels.zz", '(args 1 "b" nil)', '(query "m{n=\\"0\\"}")', '(first (query "m{n=\\"0\\"}"))', '(safeHtml "<b>")',
    "(toTime 1e9)", "(toDuration 90.5)", '(query "none")', '(index "abc" 1)', "1i", "-3", '""', '"a" "b"', "1 2 3",
)  # fmt: skip
FLAGS: Final = ("", "+", "#", "-8", "08", "8.3", ".2", " ", "+#", "# ", "#08.2", "+010")
PRINTED: Final = ("$value", '"hé\\xff"', "3", "-97", "true", "$labels.b")
BLOCKS: Final = (
    'a\n {{- "x"\n -}}\n b',
    '{{ "a\nb" }}',
    "{{ `a\nb` }}",
    "a\né b {{ print 1 }} é {{ .Nope }}",
    "{{ print\n\nfoo }}",
    "{{ print 1\n\n| foo }}",
    "{{\n\nfoo",
    "{{ if\n\n",
    '\n{{ "abc\n\n',
    "{{ print (1\n\n}}",
    "x\n\n{{ if 1 }}\n{{ print\n 1 | 2 }}",
    "{{ if 1 }}\n\n",
    "\n{{ range 3 }}\n{{/* a\n\n b */}}{{ . \n}}{{ .x }}{{ end }}",
    '{{ define "x" }}\n\n{{ .y }}{{ end }}\n{{ template "x" 1 }}',
    "\n{{ 1 -}}\n\n {{ foo }}",
    "\n{{ 1\n\n-}}\n\n {{ foo }}",
    "{{/*\n\n*/}}{{ foo }}",
    "{{- /*\n\n*/ -}}\n{{ foo }}",
    "{{ print `\n\n` foo }}",
    "a\r\n{{ foo }}",
)
