"""A real PostgreSQL of the tests' own, one a process: started when first asked for, gone when the process is.

The server refuses to run as root, so as root it runs as `postgres` or `nobody`. It dies with the process that
started it, even by kill -9, because the kernel tells it so (PR_SET_PDEATHSIG).
"""

import atexit
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from typing import Final

import psycopg

PASSWORD: Final = "only-for-tests"
START_WITHIN: Final = 30.0
MISSING: Final = "PostgreSQL is not installed (apt install postgresql)"

_numbers = count(1)


def missing() -> str | None:
    """Return why no server can be started here, None when one can."""
    return None if _programs() else MISSING


@cache
def shared_server() -> "PostgresServer":
    """Return this process's server, starting it the first time (about 2 s)."""
    server = start_server()
    atexit.register(server.stop)
    return server


@dataclass(slots=True)
class PostgresServer:
    """A running server; `url` is that of its maintenance database."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return self.url_of("postgres")

    def url_of(self, database: str, *, user: str = "postgres", password: str = PASSWORD) -> str:
        """Return the URL of a database on this server."""
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def new_database(self, template: str = "template1") -> str:
        """Create a database, empty unless copied from another, and return its URL."""
        name = f"test_{next(_numbers)}_{secrets.token_hex(3)}"
        self.run(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url_of(name)

    def drop_database(self, url: str) -> None:
        """Drop a database, cutting off whoever is connected."""
        self.run(f'DROP DATABASE IF EXISTS "{url.rpartition("/")[2]}" WITH (FORCE)')

    def cut_off(self, url: str) -> None:
        """Make a database unreachable: end its connections and let no new one in."""
        name = url.rpartition("/")[2]
        self.run(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        self.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", name)

    def let_in(self, url: str) -> None:
        """Make a database that was cut off reachable again."""
        self.run(f'ALTER DATABASE "{url.rpartition("/")[2]}" ALLOW_CONNECTIONS true')

    def run(self, statement: str, *values: str) -> None:
        """Run one statement in the maintenance database."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement.encode(), values or None)

    def stop(self) -> None:
        """End the server at once and remove its files."""
        self.process.send_signal(signal.SIGINT)  # fast shutdown: waits for no client
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def start_server() -> PostgresServer:
    """Start a server with a new, empty data folder."""
    programs = _programs()
    if programs is None:
        raise RuntimeError(MISSING)
    folder = Path(tempfile.mkdtemp(prefix="pilothouse-postgres-"))
    as_user = _as_unprivileged(folder)
    _make_data(programs, folder, as_user)
    port = _free_port()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*as_user, programs / "postgres", "-D", folder / "data", *_options(port, folder)],
            stdout=log,
            stderr=log,
            cwd=folder,
        )
    server = PostgresServer(folder, port, process)
    _wait(server)
    return server


def _programs() -> Path | None:
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: path.parts[-3].zfill(3))
    if installed:
        return installed[-1].parent
    found = shutil.which("postgres")
    return Path(found).resolve().parent if found and shutil.which("initdb") else None


def _as_unprivileged(folder: Path) -> list[str]:
    """Return the words that run a command so that it dies with us and, if we are root, as somebody else."""
    words = ["setpriv", "--pdeathsig", "KILL"]
    if os.geteuid() != 0:
        return words
    user = _unprivileged_user()
    os.chown(folder, user.pw_uid, user.pw_gid)
    return [*words, "--reuid", str(user.pw_uid), "--regid", str(user.pw_gid), "--clear-groups"]


def _unprivileged_user() -> pwd.struct_passwd:
    names = {user.pw_name: user for user in pwd.getpwall()}
    return names.get("postgres") or names["nobody"]


def _make_data(programs: Path, folder: Path, as_user: list[str]) -> None:
    secret = folder / "password"
    secret.write_text(PASSWORD)
    secret.chmod(0o644)
    made = subprocess.run(
        [
            *as_user,
            *(programs / "initdb", "-D", folder / "data", "-U", "postgres", "-E", "UTF8", "--locale=C"),
            *("--auth=scram-sha-256", "--pwfile", secret, "--no-sync"),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )
    if made.returncode != 0:
        raise RuntimeError(f"initdb failed: {made.stderr}")


def _options(port: int, folder: Path) -> list[str]:
    """Nothing needs to survive a power cut here."""
    settings = {
        "port": port,
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": folder,
        "fsync": "off",
        "full_page_writes": "off",
        "max_connections": 200,
    }
    return [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _wait(server: PostgresServer) -> None:
    deadline = time.monotonic() + START_WITHIN
    while True:
        try:
            psycopg.connect(server.url, connect_timeout=2).close()
        except psycopg.OperationalError as error:
            if server.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start: {(server.folder / 'log').read_text()}") from error
            time.sleep(0.05)
        else:
            return
