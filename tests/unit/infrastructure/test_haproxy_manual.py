"""The lines that the manual tells people to write are ones that HAProxy takes and Pilothouse can work with."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.fakes.haproxy import program

MANUAL = Path(__file__).parents[3] / "docs" / "infrastructure.md"


@pytest.mark.skipif(program() is None, reason="HAProxy is not installed (apt install haproxy)")
def test_the_manuals_lines_are_valid(tmp_path: Path):
    found = re.search(r"```haproxy\n(.*?)```", MANUAL.read_text(), re.DOTALL)
    assert found is not None
    config = tmp_path / "haproxy.cfg"
    config.write_text(found[1].replace(" group pilothouse", ""))  # a group that this machine need not have
    checked = subprocess.run([str(program()), "-c", "-f", config], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert "WARNING" not in checked.stderr
