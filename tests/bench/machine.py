"""The machine and the programs that a run measured on."""

import os
import platform
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from tests.fakes.scene import ROOT


def machine() -> Mapping[str, str]:
    """What to know about a run, by name."""
    return {
        "When": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "Commit": _said("git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"),
        "CPU": f"{_found('/proc/cpuinfo', r'model name[^:]*: (.*)')}, {os.cpu_count()} cores",
        "Memory": f"{int(_found('/proc/meminfo', r'MemTotal: *([0-9]+)')) * 1024 / 1e9:.1f} GB",
        "Kernel": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        "HAProxy": _version("haproxy", "-v"),
        "Prometheus": _version("prometheus", "--version"),
    }


def load_average() -> str:
    """Of the last minute: how many processes ran or waited to run, whoever started them."""
    return f"{os.getloadavg()[0]:.2f}"


def _found(path: str, pattern: str) -> str:
    match = re.search(pattern, Path(path).read_text(encoding="utf-8"))
    return match[1].strip() if match else "0"


def _version(program: str, option: str) -> str:
    found = re.search(r"version (\S+?),?(?:\s|$)", _said(program, option), re.ASCII)
    return found[1] if found else "not installed"


def _said(program: str, *options: str) -> str:
    """The first line the program prints; empty when it is missing."""
    path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")
    if path is None:
        return ""
    done = subprocess.run([path, *options], capture_output=True, text=True, check=False, timeout=10)
    return (done.stdout or done.stderr).partition("\n")[0].strip()
