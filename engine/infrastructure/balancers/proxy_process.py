"""The reverse proxy as a process of its own: `python -m engine.infrastructure.balancers.proxy_process`.

It outlives Pilothouse, so that restarting, upgrading or killing Pilothouse drops no request.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import gc
import importlib
import importlib.util
import os
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import msgspec

from engine.infrastructure.balancers.control import Control
from engine.infrastructure.balancers.limits import Limits
from engine.infrastructure.balancers.server import ProxyServer


def main(directory: Path) -> int:
    """Serve until told to stop. Answers the exit code: 1 when another proxy has `directory` or it is not usable."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(directory) as other:
        if other is not None:
            return _say(f"Another proxy (pid {other}) already serves {directory}. Stop it, or use it.")
        _allow_many_connections()
        try:
            _fastest_loop().run(_serve(directory))
        except OSError as error:
            return _say(f"The proxy cannot serve {directory}: {error}")
        except msgspec.MsgspecError as error:
            told = directory / "routes.json"
            return _say(f"{told} is not readable: {error}. Move it away; the routes are told again then.")
    return 0


async def _serve(directory: Path) -> None:
    server = ProxyServer(directory, limits=Limits())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stopping.set)
    await server.start()
    control = Control(directory, server.obey)
    await control.start()
    gc.freeze()  # what is loaded stays; the collector need not look at it again
    await server.stopping.wait()
    control.close()
    await server.stop()


@contextmanager
def _alone(directory: Path) -> Iterator[str | None]:
    """Hold the directory's lock; yields None, or the pid of who has it."""
    descriptor = os.open(directory / "proxy.pid", os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield file.read().strip() or "unknown"
            return
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield None


def _fastest_loop() -> ModuleType:
    return importlib.import_module("uvloop") if importlib.util.find_spec("uvloop") else asyncio


def _allow_many_connections() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _say(text: str) -> int:
    sys.stderr.write(f"{text}\n")
    return 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="The built-in reverse proxy.")
    parser.add_argument("--directory", type=Path, required=True, help="where its socket and its routes are")
    sys.exit(main(parser.parse_args().directory))
