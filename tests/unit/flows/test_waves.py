"""Layers of a dependency graph."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import Invalid
from engine.flows.waves import find_circle, waves, within


def test_each_comes_as_early_as_what_it_needs_allows() -> None:
    needs = {"web": ["api"], "api": ["db", "cache"], "db": [], "cache": [], "docs": []}
    assert waves(needs) == (("db", "cache", "docs"), ("api",), ("web",))


def test_what_is_no_name_is_there_already() -> None:
    assert waves({"web": ["elsewhere"]}) == (("web",),)
    assert waves({}) == ()


def test_the_whole_circle_is_named() -> None:
    needs = {"ahead": ["a"], "a": ["b"], "b": ["c"], "c": ["a", "free"], "free": []}
    assert find_circle(needs) == ("a", "b", "c", "a")
    with pytest.raises(Invalid, match="a needs b needs c needs a"):
        waves(needs)
    assert find_circle({"a": ["a"]}) == ("a", "a")
    assert find_circle({"a": ["b"], "b": []}) == ()


def test_what_is_left_out_still_orders_the_others() -> None:
    needs = {"web": ["api"], "api": ["db"], "db": []}
    assert within(needs, ["web", "db"]) == {"web": ("db",), "db": ()}
    with pytest.raises(Invalid, match="b needs c needs b"):
        within({"a": ["b"], "b": ["c"], "c": ["b"]}, ["a"])
    assert within({"a": [], "b": ["c"], "c": ["b"]}, ["a"]) == {"a": ()}


NAMES = st.sampled_from("abcdef")


@given(st.dictionaries(NAMES, st.lists(NAMES, max_size=3), max_size=6))
def test_either_an_order_or_a_circle_is_found(needs: dict[str, list[str]]) -> None:
    circle = find_circle(needs)
    if circle:
        assert circle[0] == circle[-1]
        assert all(after in needs[before] for before, after in pairwise(circle))
        return
    layers = waves(needs)
    at = {name: number for number, layer in enumerate(layers) for name in layer}
    assert sorted(at) == sorted(needs)
    assert all(at[needed] < at[name] for name, wanted in needs.items() for needed in wanted if needed in needs)
