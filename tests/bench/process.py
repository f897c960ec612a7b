"""What a process uses, as the kernel counts it (proc(5))."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

TICKS: Final = os.sysconf("SC_CLK_TCK")
KIB: Final = 1024


def cpu_seconds(pid: int) -> float:
    """Seconds on a core since the process began, all threads together, without its children."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / TICKS


@dataclass(frozen=True, slots=True)
class Memory:
    """In MB of 10^6 bytes: `resident` counts shared pages in full, `proportional` by their share."""

    resident: float
    proportional: float


def memory(pid: int) -> Memory:
    """What the process holds now."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    sizes = {name: int(rest.split()[0]) * KIB / 1e6 for name, _, rest in (line.partition(":") for line in lines)}
    return Memory(sizes["Rss"], sizes["Pss"])
