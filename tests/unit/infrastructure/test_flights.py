"""Which version is the new one by the age of what a platform made for it, and the pattern of a cookie's pin."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as some

from engine.catalog import Version
from engine.infrastructure.balancers.wishes import carries
from engine.infrastructure.flights import cookie_pattern, in_flight, previewed
from engine.strategy_specs import Pin

V1, V2, V3 = Version("v1"), Version("v2"), Version("v3")
TOKEN = some.from_regex(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,4}", fullmatch=True)
OCTETS = some.from_regex(r"[!#-+\--:<-\[\]-~]{1,4}", fullmatch=True)


@pytest.mark.parametrize(
    ("came", "named", "shares", "flight"),
    [
        ({}, [V1, V2], {}, None),
        ({V1: 1.0, V2: 2.0}, [], {}, None),
        ({V1: 1.0, V2: 2.0}, [V2], {V2: 100}, None),
        ({V1: 1.0, V2: 2.0}, [V1, V2], {V2: 100}, V2),
        ({V1: 2.0, V2: 1.0}, [V2, V1], {V2: 100}, V1),
        ({V1: 1.0, V2: 1.0}, [V1, V2], {V1: 90, V2: 10}, V2),
        ({V1: 1.0, V2: 1.0}, [V1, V2], {V1: 10, V2: 90}, V1),
        ({V1: 1.0, V2: 2.0, V3: 3.0}, [V1, V2], {}, V2),
        ({V1: 1.0}, [V1, V2], {}, None),
    ],
)
def test_the_last_to_come_beside_others_is_in_flight(came, named, shares, flight) -> None:
    assert in_flight(came, named, shares) == flight


def test_a_preview_is_the_version_in_flight_without_a_share() -> None:
    assert previewed(V2, {V1: 100}) == V2
    assert previewed(V2, {V1: 99, V2: 1}) is None
    assert previewed(None, {}) is None


@given(
    TOKEN, OCTETS, some.lists(some.tuples(TOKEN, OCTETS), max_size=3), some.booleans(), some.sampled_from(["; ", ";"])
)
def test_a_pattern_says_of_a_cookie_field_what_the_proxy_says(name, value, others, carried, between) -> None:
    pairs = [*others, (name, value)] if carried else others
    field = between.join(f"{key}={text}" for key, text in pairs)
    pin, pattern = Pin("cookie", name, value), cookie_pattern(Pin("cookie", name, value))
    wanted = carries(pin)([(b"Cookie", field.encode())])
    assert (re.search(pattern, field) is not None, re.fullmatch(pattern, field) is not None) == (wanted, wanted)
