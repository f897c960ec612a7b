"""Random worlds for two dispatchers: in each a routing tree, inhibition, and a script of alerts and silences.

Everything happens at whole seconds, while groups are flushed four to six tenths after them, so that it never depends
on chance whether a flush sees a change. Each world has a label and receivers of its own, so that all live at once.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

NAMES: Final = ("A", "B")
SITES: Final = ("x", "y")
INSTANCES: Final = ("1", "2", "3")
LENGTH: Final = 10
"""Seconds of a script."""

KEPT: Final = "kept"
"""The world in which the two are meant to differ."""

Labels = Mapping[str, str]
Step = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Fire:
    """An alert is told; `lasts` None leaves its end open, `age` is how long it has been there."""

    labels: Labels
    lasts: int | None = None
    age: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Resolve:
    """An alert is told to be over."""

    labels: Labels


@dataclass(frozen=True, slots=True)
class Silence:
    """What matches these equalities is silenced for so many seconds."""

    matchers: Labels
    lasts: int


Deed = Fire | Resolve | Silence


@dataclass(slots=True)
class World:
    """`script` says at which second what happens."""

    name: str
    route: dict[str, Any]
    receivers: list[dict[str, Any]]
    inhibit_rules: list[dict[str, Any]] = field(default_factory=list)
    script: list[tuple[int, Deed]] = field(default_factory=list)


def whole(worlds: list[World]) -> dict[str, Any]:
    """One configuration for all of them."""
    return {
        "route": {"receiver": "nobody", "routes": [world.route for world in worlds]},
        "receivers": [{"name": "nobody"}, *(one for world in worlds for one in world.receivers)],
        "inhibit_rules": [rule for world in worlds for rule in world.inhibit_rules],
        "time_intervals": [
            {"name": "always", "time_intervals": [{"years": ["1999:2999"]}]},
            {"name": "never", "time_intervals": [{"years": ["1999"]}]},
        ],
    }


def kept_world(url: str) -> World:
    """An alert that ends under a silence, which ends later."""
    receiver = {"name": KEPT, "webhook_configs": [{"url": f"{url}/{KEPT}/0"}]}
    times = {"group_wait": "400ms", "group_interval": "1s", "repeat_interval": "1h"}
    route = {"receiver": KEPT, "matchers": [f'world="{KEPT}"'], "group_by": ["alertname"], **times}
    labels = {"world": KEPT, "alertname": "A", "site": "x", "instance": "1"}
    script: list[tuple[int, Deed]] = [(0, Fire(labels)), (2, Silence(labels, lasts=5)), (4, Resolve(labels))]
    return World(KEPT, route, [receiver], script=script)


class Maker:
    """Makes one world of a seed; receivers are called at `url`/their name."""

    def __init__(self, seed: int, url: str) -> None:
        self._dice = random.Random(seed)
        self._url = url
        self._name = f"w{seed}"
        self._receivers: list[dict[str, Any]] = []

    def world(self) -> World:
        route = self._route(depth=0)
        route["matchers"] = [f'world="{self._name}"']
        world = World(self._name, route, self._receivers, list(self._inhibit_rules()))
        world.script = sorted(self._script(), key=lambda step: step[0])
        return world

    def _route(self, depth: int) -> dict[str, Any]:
        dice = self._dice
        route: dict[str, Any] = {"receiver": self._receiver()}
        if depth == 0 or dice.random() < 0.5:
            route["group_by"] = dice.choice([["alertname"], ["site"], ["alertname", "site"], ["..."], ["absent"]])
            route["group_wait"] = dice.choice(["400ms", "600ms"])
            route["group_interval"] = dice.choice(["1s", "1s", "2s"])
            route["repeat_interval"] = dice.choice(["1h", "1h", "2500ms"])
        if depth:
            route["matchers"] = [self._matcher() for _ in range(dice.choice([1, 1, 2]))]
            route["continue"] = dice.random() < 0.4
            if dice.random() < 0.15:
                route[dice.choice(["mute_time_intervals", "active_time_intervals"])] = [
                    dice.choice(["always", "never"])
                ]
        if depth < 2:
            route["routes"] = [self._route(depth + 1) for _ in range(dice.choice([0, 1, 2]))]
        return route

    def _receiver(self) -> str:
        name = f"{self._name}.r{len(self._receivers)}"
        count = self._dice.choice([1, 1, 1, 2])
        webhooks = []
        for index in range(count):
            ends = self._dice.random() < 0.8
            url = f"{self._url}/{name}/{index}{'' if ends else '-quiet'}"
            webhooks.append({"url": url, "send_resolved": ends, "max_alerts": self._dice.choice([0, 0, 0, 2])})
        self._receivers.append({"name": name, "webhook_configs": webhooks})
        return name

    def _matcher(self) -> str:
        return self._dice.choice([
            'alertname="A"', 'alertname!="A"', 'site="x"', 'site=~"x|z"', 'instance!~"1|2"', 'instance=~"[12]"',
            'absent=""', 'alertname=~".+"',
        ])  # fmt: skip

    def _inhibit_rules(self) -> Iterator[dict[str, Any]]:
        for _ in range(self._dice.choice([0, 0, 1, 2])):
            here = f'world="{self._name}"'
            yield {
                "source_matchers": [here, self._matcher()],
                "target_matchers": [here, self._matcher()],
                "equal": self._dice.choice([[], ["site"], ["instance"], ["site", "absent"]]),
            }

    def _script(self) -> Iterator[tuple[int, Deed]]:
        dice = self._dice
        for name in NAMES:
            for site in SITES:
                for instance in INSTANCES:
                    if dice.random() < 0.6:
                        yield from self._life({"alertname": name, "site": site, "instance": instance})
        for _ in range(dice.choice([0, 1, 1, 2])):
            label = dice.choice(["alertname", "site", "instance"])
            value = dice.choice({"alertname": NAMES, "site": SITES, "instance": INSTANCES}[label])
            matchers = {"world": self._name, label: value}
            yield dice.randrange(0, LENGTH - 2), Silence(matchers, lasts=dice.randrange(1, LENGTH))

    def _life(self, given: dict[str, str]) -> Iterator[tuple[int, Deed]]:
        """An alert that comes and goes, told again now and then, and perhaps with other words."""
        dice, labels = self._dice, {"world": self._name, **given}
        at = dice.randrange(0, 6)
        while at < LENGTH - 1:
            if dice.random() < 0.2:
                lasts = dice.randrange(1, 4)
                yield at, Fire(labels, lasts=lasts)
                at += lasts + dice.randrange(1, 4)
                continue
            yield at, Fire(labels, note="first")
            if dice.random() < 0.3:
                at += 1
                yield at, Fire(labels, note="second")
            if dice.random() < 0.4:
                return
            at += dice.randrange(1, 5)
            yield at, Resolve(labels)
            at += dice.randrange(1, 4)
