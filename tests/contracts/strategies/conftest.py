"""Every strategy of the table, and one that only the tests have."""

from collections.abc import Mapping
from typing import Final

import pytest

from engine.deployments.strategies import STRATEGIES
from engine.deployments.strategies.strategy import Strategy
from tests.contracts.strategies.toy import TOY

ALL: Final[Mapping[str, Strategy]] = {**STRATEGIES, "toy": TOY}


@pytest.fixture(params=ALL)
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The kind of a strategy that is in the table."""
    name: str = request.param
    monkeypatch.setitem(STRATEGIES, name, ALL[name])  # the tests' own line in the table
    return name
