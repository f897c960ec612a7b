"""Which nodes of a tree hear of an alert, and in which group."""

from alerting.routing.load import parse_routing
from alerting.routing.tree import Route, group_key, matching

TREE = """
route:
  receiver: all
  group_by: [alertname]
  group_wait: 5s
  routes:
  - matchers: [severity="page"]
    receiver: pager
    continue: true
    mute_time_intervals: [night]
    routes:
    - matchers: [team="shop"]
      group_by: ['...']
      group_wait: 1m
  - matchers: ['team=~"shop|pay"', 'severity!="info"']
    receiver: team
    group_by: []
  - match_re: {team: s.*}
    receiver: late
receivers: [{name: all}, {name: pager}, {name: team}, {name: late}]
time_intervals: [{name: night}]
"""


def tree() -> Route:
    return parse_routing("x.yml", TREE).route


def receivers(**labels: str) -> list[str]:
    return [route.receiver for route in matching(tree(), labels)]


def test_the_first_child_that_matches_ends_the_search_unless_it_goes_on() -> None:
    assert receivers(severity="page", team="shop") == ["pager", "team"]
    assert receivers(severity="page") == ["pager"]
    assert receivers(severity="info", team="shop") == ["late"]
    assert receivers(severity="warn", team="pay") == ["team"]
    assert receivers() == ["all"]


def test_children_inherit_all_but_time_intervals() -> None:
    shop = tree().routes[0].routes[0]
    assert (shop.receiver, shop.group_by, shop.group_wait.seconds) == ("pager", ("...",), 60)
    assert shop.mute_time_intervals == ()
    assert tree().routes[0].mute_time_intervals == ("night",)
    assert tree().routes[1].group_by == ("alertname",), "an empty list is inherited, as in Alertmanager 0.28"
    assert tree().routes[1].group_wait.seconds == 5


def test_keys_are_alertmanagers() -> None:
    keys = [route.key for route in tree().walk()]
    assert keys == [
        "{}",
        '{}/{severity="page"}',
        '{}/{severity="page"}/{team="shop"}',
        '{}/{severity!="info",team=~"shop|pay"}',
        '{}/{team=~"^(?:s.*)$"}',
    ]
    assert [route.id for route in tree().walk()][2] == '{}/{severity="page"}/0/{team="shop"}/0'


def test_a_group_is_named_by_its_route_and_labels() -> None:
    labels = {"alertname": "Down", "severity": "page", "team": "shop", "x": 'a"\\\n'}
    page, team = matching(tree(), labels)
    assert group_key(page, labels) == (
        '{}/{severity="page"}/{team="shop"}:{alertname="Down", severity="page", team="shop", x="a\\"\\\\\\n"}'
    )
    assert group_key(team, labels) == '{}/{severity!="info",team=~"shop|pay"}:{alertname="Down"}'
    assert group_key(team, {"team": "pay"}) == '{}/{severity!="info",team=~"shop|pay"}:{}'
