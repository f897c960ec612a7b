import time

import pytest

from alerting.rules.expression import Kind, parse_expression
from alerting.rules.newer_promql import in_older_words


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("up", {"up"}),
        ("sum(rate(a[5m])) / b offset 5m", {"a", "b"}),
        ('{"a.b", x="y"}', {"a.b"}),
        ('{__name__="a"}', {"a"}),
        ("max_over_time((a + b)[5m:1m])", {"a", "b"}),
        ("absent(a) or vector(1)", {"a"}),
        ("time()", set()),
        ("ALERTS", {"ALERTS"}),
        ('a + {job="x"}', None),
        ('{__name__=~"a|b"}', None),
    ],
)
def test_tells_the_metrics_an_expression_reads(text: str, reads: set[str] | None) -> None:
    assert parse_expression(text).reads == (None if reads is None else frozenset(reads))


@pytest.mark.parametrize(
    ("text", "older"),
    [
        ("rate(a[5m * 2])", "rate(a[1m])"),
        ("max_over_time(a[1h - 5m:step() * 2])", "max_over_time(a[1m:1m])"),
        ("(a offset (1h - 5m)) + b", "(a offset 1m) + b"),
        ("a offset (1h) * 2 > b", "a offset 1m > b"),
        ("a offset (1h) * b", "a offset (1h) * b"),
        ("a offset -(5m)", "a offset 1m"),
        ("rate(a[5m] anchored)", "rate(a[5m] )"),
        ("a smoothed > 1_000", "a  > 1000"),
        ('a{b="x anchored 1_000"} # 1_000', 'a{b="x anchored 1_000"} # 1_000'),
        ("a_1_000 + rate(b[5m:1m]) + c[5m]", "a_1_000 + rate(b[5m:1m]) + c[5m]"),
        ("a[max(5m, 1m)]", "a[max(5m, 1m)]"),
    ],
)
def test_says_newer_constructs_in_older_words(text: str, older: str) -> None:
    assert in_older_words(text) == older


def test_what_is_asked_is_what_was_written() -> None:
    parsed = parse_expression("rate(a[5m * 2] anchored)")
    assert (parsed.text, parsed.kind, parsed.reads) == ("rate(a[5m * 2] anchored)", Kind.VECTOR, frozenset({"a"}))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("limitk(2, a)", "limitk() is experimental and must be enabled with"),
        ("mad_over_time(a[5m])", 'function "mad_over_time" is not enabled'),
        ('a{x="1" or y="2"}', 'unexpected identifier "or" in label matching'),
        ('sum by ("") (a)', "invalid label name for grouping"),
        ("ln(Inf)", 'expected type instant vector in call to function "ln", got scalar'),
        ("a[0]", "duration must be greater than 0"),
        ("a[5m:0]", "duration must be greater than 0"),
        ("1e999", 'parsing "1e999": value out of range'),
        ("400y", "duration out of range"),
    ],
)
def test_refuses_what_prometheus_refuses_and_its_parser_lets_pass(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=r".") as wrong:
        parse_expression(text)
    assert told in str(wrong.value)


@pytest.mark.parametrize("text", ["limitk(2, a)", "mad_over_time(a[5m])", "end()"])
def test_experimental_functions_can_be_allowed(text: str) -> None:
    assert parse_expression(text, experimental=True).text == text


@pytest.mark.parametrize(
    "text",
    ["[" + "1" * 60_000, "a offset (" + "1" * 60_000, "a offset (" * 6000, "offset" + " " * 60_000, "[" + "(" * 60_000,
     "a offset (1)" + "+1" * 30_000 + "+", "a" + " " * 60_000 + "smoothed", "[" + "1 " * 15_000 + ":" + "1 " * 15_000],
)  # fmt: skip
def test_no_text_makes_the_search_for_newer_words_endless(text: str) -> None:
    started = time.perf_counter()
    in_older_words(text)
    assert time.perf_counter() - started < 5
