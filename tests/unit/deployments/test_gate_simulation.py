"""Healthy canaries are let through and bad ones found, as docs/gates.md says it."""

from pathlib import Path

import pytest

from tests.unit.deployments.gate_simulation import BAD, CASES, RUNS, SEED, Case, Result, render_table, results

PAGE = Path("docs/gates.md").read_text(encoding="utf-8")
HEALTHY = [case for case in CASES if case.name not in BAD]
FOUND = [case for case in CASES if case.within]


def result_of(case: Case) -> Result:
    return next(one for one in results() if one.case == case)


@pytest.mark.parametrize("case", HEALTHY, ids=str)
def test_a_healthy_canary_is_seldom_given_up(case: Case) -> None:
    assert result_of(case).given_up <= 0.05


@pytest.mark.parametrize("case", FOUND, ids=str)
def test_a_bad_canary_is_found_in_time(case: Case) -> None:
    assert result_of(case).in_time >= 0.95


def test_a_static_threshold_gives_up_what_is_healthy() -> None:
    usual = [one for one in results() if one.case in HEALTHY and one.case.stable >= 0.012]
    assert all(one.static / RUNS >= 0.95 for one in usual)


def test_the_page_shows_what_the_simulation_gives() -> None:
    assert render_table(results()) in PAGE
    assert f"seed {SEED}, {RUNS} runs" in PAGE
