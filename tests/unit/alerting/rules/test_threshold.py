"""What a rule compares with what."""

import pytest

from alerting.rules.threshold import Compared, compared


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("up == 0", Compared("up", "==", 0.0)),
        ("(up) < (1)", None),
        ("(up < 1)", Compared("up", "<", 1.0)),
        ("0.9 >= up", Compared("up", "<=", 0.9)),
        ("up > -1", Compared("up", ">", -1.0)),
        ("a > b", None),
        ("a > 1 and b > 2", None),
        ("vector(1)", None),
        ("a >", None),
    ],
)
def test_a_comparison_with_a_number_is_taken_apart(text: str, found: Compared | None) -> None:
    assert compared(text) == found
