"""What all tests share: a PostgreSQL database of their own, and the rule that CI skips nothing."""

import os
from collections.abc import Generator, Iterator

import pytest

from tests.fakes import postgres


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """An empty PostgreSQL database."""
    if reason := postgres.missing():
        pytest.skip(reason)
    server = postgres.shared_server()
    url = server.new_database()
    yield url
    server.drop_database(url)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With CI=true a skipped test has failed: nobody would ever see what is missing there."""
    report = yield
    _fail_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a module that skips itself as a whole."""
    report = yield
    _fail_skipped(report)
    return report


def _fail_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    expected_to_fail = hasattr(report, "wasxfail")
    if report.outcome != "skipped" or expected_to_fail or os.environ.get("CI", "").lower() != "true":
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext
    report.outcome = "failed"
    report.longrepr = f"{report.nodeid}: CI skips nothing. {reason}"
