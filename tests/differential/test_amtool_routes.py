"""Matchers, configurations and routes mean the same to a real Alertmanager, to amtool and to us."""

import copy
import http.client
import json
import random
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from alerting.routing.load import parse_routing, read_routing
from alerting.routing.matcher import format_matchers
from alerting.routing.parse_matcher import MatcherWrong, parse_matchers
from alerting.routing.render import render_config
from alerting.routing.tree import Route, matching
from bot.inputs import routing_commands


def version(tool: str) -> tuple[int, ...]:
    """Of an installed tool; () when there is none."""
    if shutil.which(tool) is None:
        return ()
    told = subprocess.run([tool, "--version"], capture_output=True, text=True, check=True)
    found = re.search(r"version (\d+)\.(\d+)", told.stdout + told.stderr)
    return tuple(map(int, found.groups())) if found else ()


# Debian has its own name for it.
PROGRAM = "alertmanager" if shutil.which("alertmanager") else "prometheus-alertmanager"
INSTALLED = min(version(PROGRAM), version("amtool"))
MODERN = INSTALLED >= (0, 27)  # which brought the UTF-8 syntax
pytestmark = pytest.mark.skipif(not INSTALLED, reason="no alertmanager with its amtool")
today = pytest.mark.skipif(not MODERN, reason="an Alertmanager before 0.27 knows neither UTF-8 nor all fields")

MINIMAL = "route: {receiver: a}\nreceivers: [{name: a}]\n"


class Alertmanager:
    """A real one that is given one configuration after another."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "alertmanager.yml"
        self.file.write_text(MINIMAL)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        options = {
            "config.file": self.file,
            "storage.path": folder,
            "cluster.listen-address": "",
            "web.listen-address": self.address,
        }
        self.log = (folder / "log").open("w")
        self.process = subprocess.Popen(
            [PROGRAM, *(f"--{name}={value}" for name, value in options.items())], stderr=self.log
        )
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + 20
        while not self._is_ready():
            assert self.process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def _is_ready(self) -> bool:
        try:
            return self._call("GET", "/-/ready", b"")[0] == 200
        except ConnectionError:
            return False

    def _call(self, method: str, path: str, body: bytes) -> tuple[int, str]:
        connection = http.client.HTTPConnection(self.address, timeout=10)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def get(self, path: str) -> Any:
        """What it answers, read as JSON."""
        return json.loads(self._call("GET", path, b"")[1])

    def post_alerts(self, labels: list[dict[str, str]]) -> None:
        body = json.dumps([{"labels": each} for each in labels]).encode()
        assert self._call("POST", "/api/v2/alerts", body)[0] == 200

    def refuses(self, text: str) -> str:
        """Why a configuration is refused, empty when it is taken."""
        self.file.write_text(text)
        status, reason = self._call("POST", "/-/reload", b"")
        return "" if status == 200 else reason

    def routes_of(self) -> dict[str, list[str]]:
        """The receivers of every alert it has, by the alert's number."""
        alerts = self.get("/api/v2/alerts")
        return {one["labels"]["n"]: [receiver["name"] for receiver in one["receivers"]] for one in alerts}

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)
        self.log.close()


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alertmanager]:
    running = Alertmanager(tmp_path_factory.mktemp("alertmanager"))
    yield running
    running.stop()


# Matchers.

PIECES = [
    *"ab_é日\\\"\"=!~{},' ()|$^\t\n\v",
    '"', "=", "=~", "!=", "!~", "\\\\", '\\"', "\\n", "\\t", "\\x41", "\\xff", "\\u00e9", "\\101", "\xa0", ".*", "[a",
]  # fmt: skip


def some_matchers(chance: random.Random) -> str:
    if chance.random() < 0.5:
        return "".join(chance.choices(PIECES, k=chance.randint(0, 9)))
    one = [
        chance.choice(["a", "foo", '"a"', '"x y"', "é", " a ", "a:b"])
        + chance.choice(["=", "!=", "=~", "!~", " = "])
        + "{0}{1}{0}".format(chance.choice(["", '"']), "".join(chance.choices(PIECES, k=chance.randint(0, 3))))
        for _ in range(chance.randint(1, 3))
    ]
    return chance.choice(["", "{"]) + chance.choice([",", " , "]).join(one) + chance.choice(["", "}", ","])


def read(text: str) -> list[str] | None:
    """The matchers of a text in the order of a route, None when it is refused."""
    try:
        return [str(matcher) for matcher in sorted(parse_matchers(text), key=lambda one: one.order)]
    except MatcherWrong:
        return None


@today
def test_matchers_are_read_or_refused_alike(alertmanager: Alertmanager) -> None:
    chance = random.Random(4)
    for _ in range(600):
        text = some_matchers(chance)
        document = {"route": {"receiver": "a", "routes": [{"matchers": [text]}]}, "receivers": [{"name": "a"}]}
        reason = alertmanager.refuses(json.dumps(document))
        ours = read(text)
        if ours is None:
            assert reason, text
            continue
        assert not reason, (text, ours)
        shown = yaml.safe_load(alertmanager.get("/api/v2/status")["config"]["original"])
        assert shown["route"]["routes"][0].get("matchers", []) == ours, text


# Configurations.

BASE: dict[str, Any] = {
    "global": {"resolve_timeout": "5m", "http_config": {"follow_redirects": True}},
    "route": {
        "receiver": "a", "group_by": ["alertname", "x"], "group_wait": "10s", "group_interval": "1m",
        "repeat_interval": "1h", "continue": False,
        "routes": [
            {
                "matchers": ["a=b", 'c=~"d|e"'], "receiver": "b", "continue": True, "mute_time_intervals": ["night"],
                "routes": [
                    {
                        "match": {"a": "b"}, "match_re": {"c": "d.*"}, "group_by": ["..."],
                        "active_time_intervals": ["day"],
                    }
                ],
            },
            {"receiver": "a", "group_by": []},
        ],
    },
    "receivers": [
        {"name": "a"},
        {
            "name": "b",
            "webhook_configs": [
                {
                    "url": "http://localhost/", "send_resolved": True, "max_alerts": 3, "timeout": "10s",
                    "http_config": {"basic_auth": {"username": "u", "password": "p"}},
                },
                {"url": "https://x:80/y", "http_config": {"http_headers": {"X-A": {"values": ["1"]}}}},
                {"url_file": "x", "http_config": {"authorization": {"type": "Bearer", "credentials": "x"}}},
            ],
            "slack_configs": [{"channel": "#a", "api_url": "http://x", "send_resolved": True}],
        },
    ],
    "inhibit_rules": [
        {"source_matchers": ["a=b"], "target_matchers": ["c=d"], "equal": ["x", "y"]},
        {"source_match": {"a": "b"}, "source_match_re": {"a": "b"}, "target_match": {"a": "b"}},
    ],
    "mute_time_intervals": [
        {"name": "night", "time_intervals": [{"times": [{"start_time": "00:00", "end_time": "06:00"}]}]}
    ],
    "time_intervals": [
        {
            "name": "day",
            "time_intervals": [
                {
                    "times": [{"start_time": "08:00", "end_time": "24:00"}], "weekdays": ["monday:friday", "sunday"],
                    "days_of_month": ["1:5", "-3:-1"], "months": ["january:march", "12"], "years": ["2020:2030"],
                    "location": "Europe/Berlin",
                }
            ],
        }
    ],
    "templates": [],
}  # fmt: skip
VALUES: list[object] = [
    "", 0, 1, -1, True, False, "x", "a", "b", "10s", "0s", "1h30m", "5", "1.5h", "...", [], ["..."], ["a", "a"], ["a"],
    {}, {"a": "b"}, {"a": ["b"]}, "night", "a=b", 'a=~"("', "é", "1a", "monday", "friday:monday", "13", "32", "-31:-1",
    "-1:1", "28:-1", "29:-1", "2020:2019", "00:00", "24:01", "9:00", "UTC", "Local", "Europe/Nowhere", "http://", "ftp://x",
    "http://x y", "//x",
    "http://[::1", "http://x:port", "true", "yes", ["a=b", "c"], "1m1h", "100000y", "n", 5.5, "0x10",
]  # fmt: skip
KEYS = ["receiver", "name", "x", "match", "matchers", "routes", "url", "url_file", "password_file", "type", "group_by"]
# Alertmanager needs an address of Slack, which we have already, lets no inhibition rule have a name before 0.30, and
# takes a number without a unit for nanoseconds.
LAXER = re.compile("no global Slack API URL|field name not found")
STRICTER = re.compile("timeout: not a duration")


def change(document: dict[str, Any], chance: random.Random) -> None:
    """One value replaced, taken away, renamed, added or repeated."""
    holder, key = chance.choice([*places(document)])
    what = chance.random()
    if what < 0.55:
        holder[key] = copy.deepcopy(chance.choice(VALUES))
    elif what < 0.7:
        del holder[key]
    elif isinstance(holder, list):
        holder.append(copy.deepcopy(holder[key]))
    else:
        holder[chance.choice(KEYS)] = holder.pop(key) if what < 0.85 else copy.deepcopy(chance.choice(VALUES))


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    for key in keys:
        yield value, key
        yield from places(value[key])


@today
def test_configurations_are_taken_or_refused_alike(alertmanager: Alertmanager) -> None:
    chance = random.Random(5)
    for _ in range(600):
        document = copy.deepcopy(BASE)
        for _ in range(chance.choice([1, 1, 2])):
            change(document, chance)
        text = yaml.safe_dump(document, allow_unicode=True)
        reason = alertmanager.refuses(text)
        ours = [str(one) for one in read_routing(str(alertmanager.file), text).problems]
        if reason:
            assert ours or LAXER.search(reason), (reason, text)
        else:
            assert all(STRICTER.search(one) for one in ours), (ours, text)


# Routes.

LABELS = {"a": ["", "x", "y"], "b": ["x", "y", "xy"], "c é" if MODERN else "c": ["x", "1"], "d": ["x"]}


def written(name: str) -> str:
    """A label's name in a matcher."""
    return name if name.isascii() else f'"{name}"'


def some_route(chance: random.Random, depth: int) -> dict[str, Any]:
    route: dict[str, Any] = {"continue": chance.random() < 0.4}
    if chance.random() < 0.7:
        route["receiver"] = f"r{chance.randint(0, 9)}"
    for _ in range(chance.choice([0, 1, 1, 2])):
        op, value = chance.choice(["=", "!=", "=~", "!~"]), chance.choice(["x", "y", "x|y", ".+", "[xy]+", "x?", ""])
        route.setdefault("matchers", []).append(f'{written(chance.choice([*LABELS]))}{op}"{value}"')
    if chance.random() < 0.2:
        route["match_re"] = {"a": chance.choice(["x|y", "x.*"])}
    if depth:
        route["routes"] = [some_route(chance, depth - 1) for _ in range(chance.randint(0, 3))]
    return route


def some_tree(chance: random.Random) -> str:
    root = {"receiver": "r0", "routes": [some_route(chance, 2) for _ in range(chance.randint(1, 5))]}
    return yaml.safe_dump({"route": root, "receivers": [{"name": f"r{n}"} for n in range(10)]}, allow_unicode=True)


def some_labels(chance: random.Random, number: int) -> dict[str, str]:
    labels = {name: chance.choice(values) for name, values in LABELS.items() if chance.random() < 0.7}
    return {name: value for name, value in labels.items() if value} | {"n": str(number)}


def told(route: Route, labels: dict[str, str]) -> list[str]:
    return [node.receiver for node in matching(route, labels)]


def test_labels_reach_the_same_receivers(alertmanager: Alertmanager) -> None:
    chance = random.Random(6)
    asked = [some_labels(chance, number) for number in range(150)]
    alertmanager.post_alerts(asked)
    for _ in range(40):
        text = some_tree(chance)
        assert alertmanager.refuses(text) == ""
        config = parse_routing("am.yml", text)
        wanted = {labels["n"]: told(config.route, labels) for labels in asked}
        assert alertmanager.routes_of() == wanted, text
        assert alertmanager.refuses(render_config(config)) == ""
        assert alertmanager.routes_of() == wanted, "what we show of a configuration routes the same"


def test_commands_print_what_amtool_prints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chance = random.Random(7)
    for number in range(6):
        file = tmp_path / f"{number}.yml"
        file.write_text(some_tree(chance))
        shown = tmp_path / f"shown-{number}.yml"
        shown.write_text(render_config(parse_routing(str(file), file.read_text())))
        routing_commands.show_routes(file)
        tree = capsys.readouterr().out
        assert amtool("routes", "show", f"--config.file={file}") == (tree, 0)
        assert amtool("routes", "show", f"--config.file={shown}") == (tree, 0)
        for number_of_labels in range(4):
            labels = [f'{written(name)}="{value}"' for name, value in some_labels(chance, number_of_labels).items()]
            code = routing_commands.test_routes(file, labels, as_json=False, tree=True, verify="r1")
            ours = capsys.readouterr().out, code
            assert amtool("routes", "test", f"--config.file={file}", "--tree", "--verify.receivers=r1", *labels) == ours


def amtool(*words: str) -> tuple[str, int]:
    done = subprocess.run(["amtool", "config", *words], capture_output=True, text=True, timeout=20, check=False)
    # Older ones draw with spaces that do not break.
    return done.stdout.replace("\xa0", " "), done.returncode


@today
def test_amtool_reads_what_we_show_of_every_part(alertmanager: Alertmanager, tmp_path: Path) -> None:
    shown = tmp_path / "shown.yml"
    text = yaml.safe_dump(BASE | {"templates": []}, allow_unicode=True)
    config = read_routing("am.yml", text).config
    shown.write_text(render_config(config))
    assert alertmanager.refuses(shown.read_text()) == ""
    done = subprocess.run(["amtool", "check-config", shown], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, done.stdout
    assert " - 2 inhibit rules\n - 2 receivers" in done.stdout
    assert format_matchers(config.route.routes[0].matchers) in amtool("routes", "show", f"--config.file={shown}")[0]
