"""Expressions at random: accepted where promtool accepts them, but for what the table lists."""

import re
from pathlib import Path

import pytest

from alerting.rules.expression import parse_expression
from tests.contracts.prometheus.expressions import Expressions
from tests.contracts.prometheus.promtool import refused_expressions, version

# All that is known to differ from promtool 3.16, by how it looks.
ACCEPTED_HERE = {
    "a computed duration that is none": re.compile(r"offset \(5m\) \S|up\[5m-10m\]|up\[5m\*2\]"),
}
REFUSED_HERE = {
    "modifiers as names of metrics": re.compile(r"anchored\{|smoothed"),
}


def refused_by_us(text: str) -> str | None:
    try:
        parse_expression(text)
    except ValueError as wrong:
        return str(wrong)
    return None


@pytest.mark.parametrize("seed", range(4))
def test_expressions_are_accepted_where_promtool_accepts_them(tmp_path: Path, seed: int) -> None:
    expressions = Expressions(seed).some(1000)
    theirs = refused_expressions(tmp_path, expressions)
    assert 200 < len(theirs) < 0.75 * len(expressions)
    for text in expressions:
        ours = refused_by_us(text)
        if ours is not None and text not in theirs:
            assert any(known.search(text) for known in REFUSED_HERE.values()), (text, ours)
        if version() >= (3, 16) and ours is None and text in theirs:
            # An older promtool refuses much that is right now.
            assert any(known.search(text) for known in ACCEPTED_HERE.values()), (text, theirs[text])
