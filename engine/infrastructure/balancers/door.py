"""A loopback port on which callers are taken in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

_HOST: Final = "127.0.0.1"


class Door:
    """Listens on one port at a time and makes a protocol of each connection."""

    def __init__(self, welcome: Callable[[], asyncio.Protocol]) -> None:
        self._welcome = welcome
        self._server: asyncio.Server | None = None
        self._port = 0

    async def open(self, port: int) -> int:
        """Listen on this port (0: any), no longer on the one before. Raises OSError when it is taken."""
        if self._server is not None and port == self._port:
            return port
        loop = asyncio.get_running_loop()
        server = await loop.create_server(self._welcome, _HOST, port, backlog=1024)
        self.close()
        self._server = server
        self._port = server.sockets[0].getsockname()[1]
        return self._port

    def close(self) -> None:
        """Take nobody in any more; who is in stays."""
        if self._server is not None:
            self._server.close()
            self._server, self._port = None, 0
