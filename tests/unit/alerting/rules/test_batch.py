import pytest

from alerting.errors import TemporaryFailure
from alerting.metrics.port import Sample, Scalar, Vector
from alerting.rules.batch import LONGEST, USUAL, Batch, batches
from alerting.rules.expression import parse_expression
from alerting.rules.term import alone, terms


def together(*texts: str) -> Batch:
    return Batch(tuple(alone(parse_expression(text)) for text in texts))


def test_an_expression_alone_is_asked_as_it_is() -> None:
    (batch,) = batches([parse_expression("up == 0")], {})
    assert batch.query == "up == 0"
    assert batch.split(Scalar(3.0)) == {"up == 0": (Sample({}, 3.0),)}


def test_marks_each_expression_and_wraps_scalars() -> None:
    batch = together("up == 0 # down", "time()")
    assert batch.query == (
        'label_replace(up == 0 # down\n, "__rule__", "0;$1", "__rule__", "(?s:(.*))") or '
        'label_replace(vector(time()\n)\n, "__rule__", "1;$1", "__rule__", "(?s:(.*))")'
    )
    parse_expression(batch.query)


def test_joins_as_a_balanced_tree() -> None:
    query = together(*(f"m{n}" for n in range(8))).query
    depth = deepest = 0
    for sign in query.replace("(?s:(.*))", ""):
        depth += (sign == "(") - (sign == ")")
        deepest = max(deepest, depth)
    assert deepest == 3  # two levels of brackets and that of label_replace
    parse_expression(query)


def test_takes_the_answer_apart() -> None:
    batch = together("a", "b", "c")
    answer = Vector(
        (
            Sample({"__rule__": "2;", "x": "1"}, 1.0),
            Sample({"__rule__": "0;"}, 2.0, histogram=True),
            Sample({"__rule__": "2;own;1"}, 3.0),
        )
    )
    for _ in range(2):  # the second time from memory
        assert batch.split(answer) == {
            "a": (Sample({}, 2.0, histogram=True),),
            "b": (),
            "c": (Sample({"x": "1"}, 1.0), Sample({"__rule__": "own;1"}, 3.0)),
        }


def test_gives_the_same_label_sets_for_the_same_series() -> None:
    batch = together("a", "b")
    answer = Vector((Sample({"__rule__": "1;", "x": "1"}, 1.0),))
    first, second = batch.split(answer)["b"], batch.split(answer)["b"]
    assert first[0].labels is second[0].labels


@pytest.mark.parametrize("mark", [{}, {"__rule__": "7;"}, {"__rule__": "1"}, {"__rule__": "-1;"}, {"__rule__": ";"}])
def test_an_answer_that_does_not_say_whose_it_is_is_no_answer(mark: dict[str, str]) -> None:
    batch = together("a", "b")
    with pytest.raises(TemporaryFailure, match="does not say which rule"):
        batch.split(Vector((Sample({"x": "1", **mark}, 1.0),)))


def test_asks_the_same_expression_once() -> None:
    (batch,) = batches([parse_expression("up"), parse_expression("up"), parse_expression("down")], {})
    assert [e.text for e in batch.expressions] == ["up", "down"]


def test_keeps_to_size_and_length() -> None:
    many = [parse_expression(f"up{n}") for n in range(USUAL + 1)]
    assert [len(batch.expressions) for batch in batches(many, {})] == [USUAL, 1]
    assert [len(batch.expressions) for batch in batches(many, {}, usual=20)] == [20, 20, 11]
    long = [parse_expression(f"up{n}{{n='{'x' * 12000}'}}") for n in range(4)]
    assert [len(batch.expressions) for batch in batches(long, {})] == [2, 2]
    assert all(len(batch.query) <= LONGEST for batch in batches(long, {}))


def test_keeps_to_the_width_each_expression_stands() -> None:
    many = [parse_expression(f"up{n}") for n in range(10)]
    sizes = [len(batch.expressions) for batch in batches(many, {"up3": 1, "up4": 2, "up5": 2})]
    assert sizes == [1, 2, 7]


def test_halves_until_one_is_left() -> None:
    batch = together("up0", "up1", "up2")
    assert [len(half.expressions) for half in batch.halves()] == [1, 2]
    assert batch.halves()[0].halves() == ()


ALIKE = ["sum(up{job='a'}) < 1", "sum(up{job='b'}) < 1", "down{job='a'}"]


def test_asks_those_that_are_alike_in_one_term_and_tells_them_apart() -> None:
    (batch,) = batches([parse_expression(text) for text in ALIKE], {})
    assert batch.query.count("label_replace") == 2
    number = next(n for n, term in enumerate(batch.terms) if len(term.expressions) == 2)
    answer = Vector((Sample({"__rule__": f"{number};", "job": "b"}, 0.0), Sample({"__rule__": f"{1 - number};"}, 1.0)))
    for _ in range(2):
        assert batch.split(answer) == {
            ALIKE[0]: (),
            ALIKE[1]: (Sample({}, 0.0),),
            ALIKE[2]: (Sample({}, 1.0),),
        }


def test_one_that_is_to_be_apart_is_asked_as_it_is_written() -> None:
    both = list(batches([parse_expression(text) for text in ALIKE], {ALIKE[0]: 1}, apart={ALIKE[0]}))
    assert both[0].query == ALIKE[0]
    assert sum(len(batch.expressions) for batch in both) == 3


def test_a_term_of_many_is_halved_into_terms() -> None:
    (term,) = terms([parse_expression(f"up{{job='{n}'}}") for n in range(5)])
    first, second = Batch((term,)).halves()
    assert [len(half.expressions) for half in (first, second)] == [2, 3]
    assert first.query == 'up{job=~"0|1"}'
    assert first.split(Vector((Sample({"job": "1"}, 4.0),)))["up{job='1'}"] == (Sample({"job": "1"}, 4.0),)
    assert [one.query for one in first.halves()] == ["up{job='0'}", "up{job='1'}"]


def test_a_sample_of_a_value_that_was_not_asked_for_is_no_answer() -> None:
    (term,) = terms([parse_expression(f"up{{job='{n}'}}") for n in range(2)])
    with pytest.raises(TemporaryFailure, match="does not say which rule"):
        Batch((term,)).split(Vector((Sample({"job": "7"}, 1.0),)))


def test_what_is_absent_is_told_by_what_is_there() -> None:
    texts = [f"absent(up{{job='{job}', zone='z'}})" for job in "ab"]
    (batch,) = batches([parse_expression(text) for text in texts], {})
    answer = Vector((Sample({"job": "a"}, 1.0, 5.0),))
    assert batch.split(answer, 5.0) == {texts[0]: (), texts[1]: (Sample({"job": "b", "zone": "z"}, 1.0, 5.0),)}
