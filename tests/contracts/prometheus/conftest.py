import os

import pytest

from tests.fakes.prometheus import missing_tools


@pytest.fixture(autouse=True, scope="session")
def prometheus_tools() -> None:
    """Skip where there is no Prometheus; in CI that is a failure."""
    lacking = missing_tools()
    if lacking and os.environ.get("CI"):
        pytest.fail(lacking)
    if lacking:
        pytest.skip(lacking)
