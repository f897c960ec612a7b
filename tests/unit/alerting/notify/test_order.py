"""The order of alerts in a notification and of groups in lists."""

import random
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cmp_to_key

from hypothesis import given
from hypothesis import strategies as st

from alerting.notify.order import before_key, in_order
from tests.fakes.dispatch import alert

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
labels = st.dictionaries(st.sampled_from(["a", "ab", "b", "é", "c"]), st.sampled_from(["", "1", "2", "ü"]))


def before(one: Mapping[str, str], other: Mapping[str, str]) -> int:
    """LabelSet.Before, as its documentation and code say it: -1 when `one` comes first."""
    if len(one) != len(other):
        return -1 if len(one) < len(other) else 1
    for name in sorted({*one, *other}):
        if name not in one:
            return -1
        if name not in other:
            return 1
        if one[name] != other[name]:
            return -1 if one[name] < other[name] else 1
    return 0


@given(st.lists(labels, max_size=8))
def test_label_sets_are_ordered_as_alertmanager_orders_them(sets: list[dict[str, str]]) -> None:
    assert sorted(sets, key=before_key) == sorted(sets, key=cmp_to_key(before))


def test_job_and_instance_come_first() -> None:
    wanted = [
        alert(NOW, "Z", job="a", instance="1"),
        alert(NOW, "A", job="a", instance="2"),
        alert(NOW, "A", job="a"),
        alert(NOW, "A", instance="1"),
        alert(NOW, "A"),
        alert(NOW, "B"),
        alert(NOW, "A", zone="x"),
    ]
    mixed = random.Random(4).sample(wanted, len(wanted))
    assert in_order(mixed) == wanted
