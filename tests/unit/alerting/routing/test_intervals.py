"""Time intervals hold when Go's do; the table was computed by Alertmanager's own code."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from alerting.routing.intervals import TimeInterval, holding
from alerting.routing.load import parse_routing, read_routing

CASES: list[dict[str, Any]] = json.loads(Path(__file__).with_name("go_intervals.json").read_text())


def document(spec: object) -> str:
    return yaml.safe_dump(
        {
            "route": {"receiver": "a"},
            "receivers": [{"name": "a"}],
            "time_intervals": [{"name": "x", "time_intervals": [spec]}],
        }
    )


def test_every_interval_is_refused_or_holds_as_in_alertmanager() -> None:
    for case in CASES:
        read = read_routing("x.yml", document(case["spec"]))
        assert bool(read.problems) == case["error"], case
        if case["error"]:
            continue
        interval = read.config.time_intervals["x"][0]
        assert [interval.contains(datetime.fromtimestamp(at, UTC)) for at in case["at"]] == case["in"], case


def interval(**spec: object) -> TimeInterval:
    return parse_routing("x.yml", document(spec)).time_intervals["x"][0]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_minutes_are_held_from_the_first_to_before_the_last() -> None:
    night = interval(times=[{"start_time": "22:00", "end_time": "24:00"}, {"start_time": "00:00", "end_time": "06:00"}])
    held = [night.contains(at(f"2024-05-01T{clock}+00:00")) for clock in ("21:59:59", "22:00", "23:59:59", "06:00")]
    assert held == [False, True, True, False]


def test_the_clock_is_that_of_the_place() -> None:
    noon = interval(times=[{"start_time": "12:00", "end_time": "13:00"}], location="Europe/Berlin")
    assert noon.contains(at("2024-01-10T11:30:00+00:00"))
    assert noon.contains(at("2024-07-10T10:30:00+00:00"))
    assert not noon.contains(at("2024-07-10T11:30:00+00:00"))
    assert noon.contains(at("2024-07-10T05:30:00-05:00"))


def test_negative_days_count_from_the_end_of_every_month() -> None:
    last = interval(days_of_month=["-1"])
    assert last.contains(at("2024-02-29T12:00:00+00:00"))
    assert not last.contains(at("2024-02-28T12:00:00+00:00"))
    assert interval(days_of_month=["-31:-29"]).contains(at("2023-02-01T12:00:00+00:00")) is False
    assert interval(days_of_month=["-31:-1"]).contains(at("2023-02-01T12:00:00+00:00"))


def test_a_month_an_hour_short_keeps_its_last_day() -> None:
    """Alertmanager takes such a month for one of 30 days; its documentation does not."""
    assert interval(days_of_month=["-1"], location="Europe/Berlin").contains(at("2024-03-31T12:00:00+02:00"))


def test_an_empty_list_holds_never_and_no_list_holds_always() -> None:
    assert interval().contains(at("2024-03-31T12:00:00+00:00"))
    for part in ("times", "weekdays", "days_of_month", "months", "years"):
        assert not interval(**{part: []}).contains(at("2024-03-31T12:00:00+00:00"))


def test_the_zone_of_the_machine_can_be_meant() -> None:
    moment = at("2024-03-31T12:00:00+00:00")
    hour = moment.astimezone().hour
    times = [{"start_time": f"{hour:02}:00", "end_time": f"{hour + 1:02}:00"}]
    assert interval(times=times, location="Local").contains(moment)


def test_the_names_that_hold_now_are_told() -> None:
    intervals = {"always": (interval(),), "never": (interval(months=[]),), "nothing": ()}
    assert holding(("never", "always", "nothing"), intervals, at("2024-03-31T12:00:00+00:00")) == ("always",)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"times": [{"start_time": "9:00", "end_time": "10:00"}]}, "times[0]: couldn't parse timestamp 9:00"),
        ({"times": [{"start_time": "10:00", "end_time": "10:00"}]}, "start time cannot be equal"),
        ({"times": [{"start_time": "10:00"}]}, "both start and end times must be provided"),
        ({"weekdays": ["friday:monday"]}, "start day cannot be before end day"),
        ({"weekdays": ["fri"]}, "fri is not a valid weekday"),
        ({"days_of_month": ["0"]}, "0 is not a valid day of the month"),
        ({"days_of_month": ["-1:1"]}, "end day must be negative if start day is negative"),
        ({"days_of_month": ["31:-1"]}, "end day -1 is always before start day 31"),
        ({"months": ["june:may"]}, "end month 5 is before start month 6"),
        ({"months": ["juin"]}, "juin is not a valid month"),
        ({"years": ["2024:2023"]}, "end year 2023 is before start year 2024"),
        ({"years": ["1:2:3"]}, "couldn't parse range 1:2:3"),
        ({"location": "Europe/Nowhere"}, "location: unknown time zone Europe/Nowhere"),
        ({"hours": []}, "field hours not found"),
    ],
)
def test_a_fault_names_its_field(spec: object, words: str) -> None:
    problems = [str(problem) for problem in read_routing("x.yml", document(spec)).problems]
    assert any(words in problem for problem in problems), problems
    assert all("time_intervals[0].time_intervals[0]" in problem for problem in problems)
