import pytest

from alerting.errors import TemporaryFailure
from alerting.metrics.port import Sample, Scalar, Vector
from alerting.rules.batch import LONGEST, USUAL, Batch, batches
from alerting.rules.expression import parse_expression


def test_an_expression_alone_is_asked_as_it_is() -> None:
    (batch,) = batches([parse_expression("up == 0")], {})
    assert batch.query == "up == 0"
    assert batch.split(Scalar(3.0)) == {"up == 0": (Sample({}, 3.0),)}


def test_marks_each_expression_and_wraps_scalars() -> None:
    batch = Batch((parse_expression("up == 0 # down"), parse_expression("time()")))
    assert batch.query == (
        'label_replace(up == 0 # down\n, "__rule__", "0;$1", "__rule__", "(?s:(.*))") or '
        'label_replace(vector(time()\n)\n, "__rule__", "1;$1", "__rule__", "(?s:(.*))")'
    )
    parse_expression(batch.query)


def test_joins_as_a_balanced_tree() -> None:
    query = Batch(tuple(parse_expression(f"m{n}") for n in range(8))).query
    depth = deepest = 0
    for sign in query.replace("(?s:(.*))", ""):
        depth += (sign == "(") - (sign == ")")
        deepest = max(deepest, depth)
    assert deepest == 3  # two levels of brackets and that of label_replace
    parse_expression(query)


def test_takes_the_answer_apart() -> None:
    batch = Batch((parse_expression("a"), parse_expression("b"), parse_expression("c")))
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
    batch = Batch((parse_expression("a"), parse_expression("b")))
    answer = Vector((Sample({"__rule__": "1;", "x": "1"}, 1.0),))
    first, second = batch.split(answer)["b"], batch.split(answer)["b"]
    assert first[0].labels is second[0].labels


@pytest.mark.parametrize("mark", [{}, {"__rule__": "7;"}, {"__rule__": "1"}, {"__rule__": "-1;"}, {"__rule__": ";"}])
def test_an_answer_that_does_not_say_whose_it_is_is_no_answer(mark: dict[str, str]) -> None:
    batch = Batch((parse_expression("a"), parse_expression("b")))
    with pytest.raises(TemporaryFailure, match="does not say which rule"):
        batch.split(Vector((Sample({"x": "1", **mark}, 1.0),)))


def test_asks_the_same_expression_once() -> None:
    (batch,) = batches([parse_expression("up"), parse_expression("up"), parse_expression("down")], {})
    assert [e.text for e in batch.expressions] == ["up", "down"]


def test_keeps_to_size_and_length() -> None:
    many = [parse_expression(f"up{{n='{n}'}}") for n in range(USUAL + 1)]
    assert [len(batch.expressions) for batch in batches(many, {})] == [USUAL, 1]
    assert [len(batch.expressions) for batch in batches(many, {}, usual=20)] == [20, 20, 11]
    long = [parse_expression(f"up{{n='{'x' * 12000}{n}'}}") for n in range(4)]
    assert [len(batch.expressions) for batch in batches(long, {})] == [2, 2]
    assert all(len(batch.query) <= LONGEST for batch in batches(long, {}))


def test_keeps_to_the_width_each_expression_stands() -> None:
    many = [parse_expression(f"up{n}") for n in range(10)]
    sizes = [len(batch.expressions) for batch in batches(many, {"up3": 1, "up4": 2, "up5": 2})]
    assert sizes == [1, 2, 7]


def test_halves_until_one_is_left() -> None:
    batch = Batch(tuple(parse_expression(f"up{n}") for n in range(3)))
    assert [len(half.expressions) for half in batch.halves()] == [1, 2]
    assert batch.halves()[0].halves() == ()
