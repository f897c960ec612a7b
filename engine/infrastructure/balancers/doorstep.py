"""Whether the built-in proxy could take a placement's ports, asked before anything is started for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from engine.infrastructure.listeners import obstacle
from engine.targets import ContainerTarget, LocalTarget


def port_faults(target: LocalTarget | ContainerTarget, data: Path) -> Iterator[tuple[str, int, str]]:
    """Each port that cannot be had: its setting, the number, and why, as `is taken by python3 (pid 7)`.

    `data` is the folder of the product; what its proxy listens on is had already. HAProxy has ports of its own.
    """
    if target.haproxy is not None:
        return
    own = _proxy_of(data)
    for field, port in (("port", target.port), ("preview_port", target.preview_port)):
        if port and (why := obstacle(port, own=own)):
            yield field, port, why


def _proxy_of(data: Path) -> int:
    """The process of the proxy; 0 before it was ever started."""
    try:
        return int((data / "proxy" / "proxy.pid").read_text())
    except (OSError, ValueError):
        return 0
