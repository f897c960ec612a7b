"""Who may know whom: the contracts of pyproject.toml hold, and they name what exists."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINTER = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
CONTRACTS: list[dict[str, Any]] = LINTER["contracts"]


def test_every_contract_is_kept() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"Contracts: {len(CONTRACTS)} kept, 0 broken." in checked.stdout


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: str(contract["name"]))
def test_a_contract_names_modules_that_exist(contract: dict[str, Any]) -> None:
    named = [*contract.get("source_modules", []), *contract.get("forbidden_modules", []), *contract.get("modules", [])]
    named += [part.strip() for layer in contract.get("layers", []) for part in layer.split("|")]
    missing = [name for name in named if importlib.util.find_spec(name) is None]
    assert not missing


def test_nothing_reaches_into_the_tests_or_the_examples() -> None:
    assert LINTER["root_packages"] == ["bot", "engine", "alerting", "storage"]
    assert LINTER["include_external_packages"] is True
    for package in LINTER["root_packages"]:
        for path in (ROOT / package).rglob("*.py"):
            words = path.read_text()
            assert "import tests" not in words, path
            assert "from tests" not in words, path
