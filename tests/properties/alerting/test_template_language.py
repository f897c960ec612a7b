"""Whatever a template holds, it compiles or is refused in words, renders within bounds, and tells its errors."""

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from alerting.errors import TemplateError
from alerting.metrics.port import Sample
from alerting.rules.template import Data, QueriesNeeded, QueryFailed, Template, compile_template
from alerting.rules.template.functions import FUNCTIONS
from alerting.rules.template.methods import METHODS
from tests.differential.random_templates import Maker

LONGEST = 70_000
pieces = st.sampled_from(
    ["{{", "}}", "{{-", "-}}", "{{ ", " }}", " ", "\n", "\t-", "$labels", "$value", "$x", "$", ".", ".a", ".Value",
     "..", "(", ")", "|", ":=", "=", ",", "if", "else", "end", "range", "with", "define", "template", "block", "break",
     "continue", "nil", "true", '"x"', "`", '"', "'a'", "'", "/*", "*/", "1", "1.5", "-3", "0x", "1e999", "1i", "1+2i",
     "_", "é", "\\", "\x00", "\ud800", "\udcff", "²", "{", "%", "@",
     "printf", '"%*[3].d"', "x"]
)  # fmt: skip
texts = st.lists(pieces, max_size=30).map(" ".join) | st.lists(pieces, max_size=30).map("".join) | st.text()
series = st.builds(Sample, st.dictionaries(st.text(), st.text(), max_size=2), st.floats())
data = st.builds(
    Data,
    st.dictionaries(st.sampled_from(["a", "b", "\ud800"]), st.text() | st.just("\ud800\udcff"), max_size=2),
    st.floats() | st.integers(),
    st.just({"region": "eu"}),
    st.sampled_from(["", "http://x/y%20z", "http://[", "\ud800"]),
    st.fixed_dictionaries({"m": st.lists(series, max_size=3), "none": st.just(())}),
    st.none() | st.just(datetime(2026, 1, 5, tzinfo=UTC)),
)
operands = st.sampled_from(
    ["$value", "$labels.a", "$labels", ".", "1", "-1", "1.5", '"a"', '"1"', '"%d"', "true", "nil", "1i", "'a'",
     '"\\xff"',
     "(args 1 nil `a`)", '(query "m")', '(first (query "m"))', "(safeHtml `x`)", "(toTime 1e9)", "(toDuration 1e9)",
     '(index "ab" 1)', "9223372036854775807", "18446744073709551615", "1e300", '"9999999y"', "-0.0", "0x1p-1074"]
)  # fmt: skip
methods = st.sampled_from(sorted({name for methods in METHODS.values() for name in methods}))


def compiled(text: str) -> Template | None:
    try:
        return compile_template(text, "A")
    except TemplateError as refused:
        line, _, message = refused.reason.partition(": ")
        assert line.isdecimal()
        assert message
        return None


def text_of(template: Template, given: Data) -> str:
    """The text; asks on until nothing is missing."""
    answers = dict(given.answers)
    while True:
        try:
            return template.render(
                Data(given.labels, given.value, given.external_labels, given.external_url, answers, given.at)
            )
        except QueriesNeeded as needed:
            missing = {query: QueryFailed("refused") for query in needed.queries if query not in answers}
        assert missing
        answers.update(missing)


def check(text: str, given: Data) -> None:
    template = compiled(text)
    if template is None:
        return
    written = text_of(template, given)
    assert len(written) < LONGEST
    written.encode()
    assert text_of(template, given) == written
    if template.is_plain:
        assert text_of(template, Data({}, 0)) == written


@settings(max_examples=400, deadline=None)
@given(texts, data)
def test_any_text_compiles_or_is_refused(text: str, given: Data) -> None:
    check(text, given)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 10**9), data)
def test_any_template_of_the_grammar_renders(seed: int, given: Data) -> None:
    check(Maker(seed).template(), given)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(sorted(FUNCTIONS)), st.lists(operands, max_size=4), data)
def test_any_call_gives_a_text_or_tells_its_error(name: str, arguments: list[str], given: Data) -> None:
    check(f"{{{{ {' '.join([name, *arguments])} }}}}", given)


@settings(max_examples=300, deadline=None)
@given(operands, methods, st.lists(operands, max_size=3), data)
def test_any_method_gives_a_text_or_tells_its_error(owner: str, name: str, arguments: list[str], given: Data) -> None:
    check(f"{{{{ $it := {owner} }}}}{{{{ {' '.join([f'$it.{name}', *arguments])} }}}}", given)


@settings(max_examples=300, deadline=None)
@given(st.text("%+-# 0123456789*.[]vTdboOxXcqUeEfFgGtspwé"), st.lists(operands, max_size=3), data)
def test_any_format_gives_a_text_or_tells_its_error(text: str, arguments: list[str], given: Data) -> None:
    check(f"{{{{ {' '.join([f'printf `{text}`', *arguments])} }}}}", given)


@settings(max_examples=100, deadline=None)
@given(st.text("()[]{}^$.*+?|\\abcé-:<>P&=!ixs10,"), st.text("$1{}a\\é"), st.text("abcé1"))
def test_any_pattern_gives_a_text_or_tells_its_error(pattern: str, replacement: str, text: str) -> None:
    given = Data({"p": pattern, "r": replacement, "t": text}, 0)
    check("{{ reReplaceAll $labels.p $labels.r $labels.t }}{{ match $labels.p $labels.t }}", given)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from("({[iwr"), max_size=120), st.integers(0, 3))
def test_nesting_is_bounded(kinds: list[str], inner: int) -> None:
    blocks = {"i": "{{ if 1 }}", "w": "{{ with 1 }}", "r": "{{ range 2 }}"}
    opened = "".join(blocks.get(kind, "") for kind in kinds)
    ended = "{{ end }}" * sum(kind in blocks for kind in kinds)
    parens = sum(kind not in blocks for kind in kinds)
    check(f"{opened}{{{{ {'(' * parens}{inner}{')' * parens} }}}}{ended}", Data({}, 0))
