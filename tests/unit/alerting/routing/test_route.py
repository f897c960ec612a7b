"""Which route takes an alert, and with which others it is grouped."""

from hypothesis import given
from hypothesis import strategies as st

from alerting.routing.route import Route, Routing, group_key, route

PAGE = Route(channel="incidents", matchers={"severity": "page"}, policy="shop", group_by=("service",))
SHOP = Route(channel="shop", matchers={"severity": "page", "service": "shop"}, policy="other")
REST = Route(channel="alerts")

words = st.text(max_size=6)
labels = st.dictionaries(words, words, max_size=4)


def test_the_first_route_that_matches_takes_it() -> None:
    assert route({"severity": "page", "service": "shop"}, [PAGE, SHOP], REST) is PAGE
    assert route({"severity": "page", "service": "shop"}, [SHOP, PAGE], REST) is SHOP
    assert route({"severity": "info"}, [SHOP, PAGE], REST) is REST


def test_an_absent_label_is_an_empty_one() -> None:
    assert Route(channel="x", matchers={"team": ""}).matches({"severity": "page"})


def test_the_key_names_route_and_group_as_alertmanager_does() -> None:
    key = group_key(PAGE, {"service": 'the "shop"', "severity": "page", "instance": "a"})
    assert key == '{severity="page"}:{service="the \\"shop\\""}'


def test_three_dots_group_by_every_label() -> None:
    one = Route(channel="x", group_by=("...",))
    assert group_key(one, {"b": "2", "a": "1"}) == '{}:{a="1",b="2"}'


def test_routing_names_the_policies_it_needs() -> None:
    assert Routing(REST, (PAGE, SHOP)).names() == {"shop", "other"}


@given(labels, labels)
def test_two_alerts_share_a_key_when_they_agree_in_the_grouping_labels_only(
    one: dict[str, str], other: dict[str, str]
) -> None:
    chosen = Route(channel="x", group_by=tuple(one))
    same = all(one.get(name, "") == other.get(name, "") for name in one)
    assert (group_key(chosen, one) == group_key(chosen, other)) == same
