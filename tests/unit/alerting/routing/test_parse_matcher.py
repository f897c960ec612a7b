"""Matchers are read as Alertmanager reads them, in both syntaxes."""

import pytest

from alerting.routing.matcher import Matcher, Op, all_match, format_matchers
from alerting.routing.parse_matcher import LONGEST, MatcherWrong, parse_matcher, parse_matchers


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", "{}"),
        ("{}", "{}"),
        ("a=b", '{a="b"}'),
        ("{a=b,}", '{a="b"}'),
        (' a = "b" , c != d ', '{a="b",c!="d"}'),
        ('{a=~"x|y",b!~z}', '{a=~"x|y",b!~"z"}'),
        ('"sp ace"="x"', '{"sp ace"="x"}'),
        ("é=日", '{é="日"}'),
        (r'a="q\"\\\n"', r'{a="q\"\\\n"}'),
        (r'"é"="\xc3\xa9\u00e9\101"', '{é="ééA"}'),
        ('a="b,c"', '{a="b,c"}'),
        ("a=", '{a=""}'),
        ("a==b", '{a="=b"}'),
        ("{a=b", '{a="b"}'),
        ("a=b c", '{a="b c"}'),
        (r"a=\d", r'{a="\\d"}'),
        (r'a="\d"', r'{a="\\d"}'),
    ],
)
def test_a_list_means_what_it_means_to_alertmanager(text: str, shown: str) -> None:
    assert format_matchers(parse_matchers(text)) == shown


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("a", 2, "expected an operator"),
        ("=b", 1, "expected label name"),
        ('a="b', 3, "missing end"),
        ("a=b,,", 5, "expected a matcher or close brace"),
        ("a!b", 2, "expected one of '!=' and '!~'"),
        ("a=~(", 4, "no regular expression"),
        ('{"a b"=c}}', 10, "expected end of input"),
        ("'a'=b", 1, "double quotes"),
        (r'"a b"="\xff"', 7, "no UTF-8"),
        (r'"a b"="\q"', 8, "escape"),
    ],
)
def test_a_fault_is_told_with_its_column(text: str, column: int, words: str) -> None:
    with pytest.raises(MatcherWrong, match=f"^column {column}: ") as wrong:
        parse_matchers(text)
    assert words in str(wrong.value)
    assert wrong.value.column == column


def test_where_the_syntaxes_disagree_the_classic_one_holds_and_it_is_said() -> None:
    said: list[str] = []
    assert parse_matchers(r'a="\t"', said.append) == (Matcher("a", Op.EQUAL, r"\t"),)
    assert len(said) == 1
    assert "classic" in said[0]
    parse_matchers("a==b", said.append)
    assert 'write {a="=b"}' in said[1]
    parse_matchers('a="b"', said.append)
    assert len(said) == 2


def test_one_matcher_keeps_its_commas_and_has_no_braces() -> None:
    assert parse_matcher("a=b,c") == Matcher("a", Op.EQUAL, "b,c")
    for text in ("{a=b}", "a=b}", ""):
        with pytest.raises(MatcherWrong):
            parse_matcher(text)


def test_a_text_beyond_measure_is_not_read() -> None:
    with pytest.raises(MatcherWrong, match="at most"):
        parse_matchers("a=" + "b" * LONGEST)


@pytest.mark.parametrize(
    ("op", "value", "held", "not_held"),
    [
        (Op.EQUAL, "a", ["a"], ["", "A", "ab"]),
        (Op.NOT_EQUAL, "a", ["", "ab"], ["a"]),
        (Op.REGEX, "a|b c", ["a", "b c"], ["", "ab", "a|b c"]),
        (Op.REGEX, "", [""], ["a"]),
        (Op.REGEX, "a|", ["a", ""], ["b"]),
        (Op.REGEX, ".*", ["", "x"], ["x\ny"]),
        (Op.REGEX, ".+", ["x"], ["", "\n"]),
        (Op.REGEX, "pay-.*", ["pay-", "pay-1"], ["pay", "repay-1", "pay-\n"]),
        (Op.REGEX, "^(?:pay.*)$", ["pay", "pay-1"], ["repay", "pay\n"]),
        (Op.NOT_REGEX, "a.?", ["", "b"], ["a", "ab"]),
        (Op.REGEX, "[^a]", ["é", "\ud800"], ["a", ""]),
    ],
)
def test_values_are_compared_as_a_whole(op: Op, value: str, held: list[str], not_held: list[str]) -> None:
    matcher = Matcher("x", op, value)
    assert [matcher.matches({"x": text}) for text in held] == [True] * len(held)
    assert [matcher.matches({"x": text}) for text in not_held] == [False] * len(not_held)


def test_an_absent_label_is_an_empty_one() -> None:
    assert all_match([Matcher("a", Op.EQUAL, ""), Matcher("b", Op.NOT_EQUAL, "x")], {"c": "y"})


def test_half_of_a_surrogate_pair_is_no_pattern() -> None:
    with pytest.raises(ValueError, match="surrogate"):
        Matcher("a", Op.REGEX, "(\ud800")
