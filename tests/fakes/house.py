"""The real product as a child process, with everything around it: workspace, Prometheus, the shop, its people.

``async with House(room, scene) as house`` opens the workspace; `start` runs the product. Whatever happens, the block's
end leaves no process: the product, the shop's instances and the proxy are stopped.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import yaml

from bot.workspace import Workspace, WorkspaceClient, WorkspaceConfig, load_manifest
from bot.workspace.config import random_credentials
from engine.deployments.deployment import DeploymentId
from engine.deployments.journal import PREFIX, id_of, subject_of
from engine.infrastructure.balancers.proxy import ProxyShifter
from engine.infrastructure.local import LocalManager
from tests.fakes.chronicle import Chronicle, Fact
from tests.fakes.load import Load
from tests.fakes.prometheus import PrometheusServer, free_port
from tests.fakes.scene import HOST, ROOT, Ports, Scene, people, write_settings

READY: Final = "Pilothouse is ready at"
READY_WITHIN: Final = 40.0
END_WITHIN: Final = 20.0
PATIENCE: Final = 30.0
TAIL: Final = 25

Json = dict[str, Any]


class ShopPrometheus(PrometheusServer):
    """Scrapes what the product's service discovery names."""

    def __init__(self, board: str, port: int) -> None:
        super().__init__()
        self.port, self.url = port, f"http://{HOST}:{port}"
        self._discovery = f"{board}/sd/prometheus"

    def _configure(self, room: Path) -> None:
        job = {
            "job_name": "pilothouse-services",
            "http_sd_configs": [{"url": self._discovery, "refresh_interval": "500ms"}],
        }
        times = {"scrape_interval": "300ms", "scrape_timeout": "300ms"}
        text = yaml.safe_dump({"global": times, "scrape_configs": [job]})
        (room / "prometheus.yml").write_text(text, encoding="utf-8")


class House:
    """A house of its own ports and folder. `database_url` is empty for SQLite."""

    def __init__(self, room: Path, scene: Scene | None = None, *, database_url: str = "") -> None:
        self.room = room
        self.scene = scene or Scene()
        self.ports = Ports(*(free_port() for _ in range(5)))
        self.board = f"http://{HOST}:{self.ports.board}"
        self.data = room / "data"
        self.chronicle = Chronicle(database_url or f"sqlite:///{self.data / 'pilothouse.sqlite'}")
        self.workspace: Workspace
        self.prometheus = ShopPrometheus(self.board, self.ports.prometheus)
        self.settings = write_settings(room, self.scene, self.ports)
        self.database_url = database_url
        self._keys = random_credentials()
        self._workspace_up = AsyncExitStack()
        self._prometheus_up = AsyncExitStack()
        self._process: asyncio.subprocess.Process | None = None

    # -- the parts

    async def __aenter__(self) -> Self:
        await self.open_workspace()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._stop_what_outlives)
            stack.push_async_callback(self._prometheus_up.aclose)
            stack.push_async_callback(self._workspace_up.aclose)
            stack.push_async_callback(self.kill)

    async def open_workspace(self) -> None:
        """Start the workspace, with all that was in it before."""
        request_url = f"{self.board}/slack/events" if self.scene.http_events else None
        config = WorkspaceConfig(
            credentials=self._keys,
            manifest=load_manifest(ROOT / "manifest.yml"),
            port=self.ports.workspace,
            journal=self.room / "workspace.jsonl",
            request_url=request_url,
            rates=None,
            page=False,
            **people(),
        )
        self.workspace = await self._workspace_up.enter_async_context(Workspace(config))

    async def close_workspace(self) -> None:
        """Stop the workspace; nobody listens at its address then."""
        await self._workspace_up.aclose()

    async def open_prometheus(self) -> None:
        """Start Prometheus on an empty store."""
        await self._prometheus_up.enter_async_context(self.prometheus)

    async def close_prometheus(self) -> None:
        """Kill Prometheus."""
        await self._prometheus_up.aclose()

    # -- the product

    @property
    def runs(self) -> bool:
        """Whether there is a process of the product."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        """The product's process."""
        return self._running().pid

    async def launch(self) -> asyncio.subprocess.Process:
        """Start the product without waiting for it."""
        with (self.room / "house.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env=self.environment(),
                cwd=self.room,
                start_new_session=True,
            )
        return self._process

    async def start(self, *, connected: bool = True) -> None:
        """Start the product and wait until it is ready, and by default until the workspace reaches it."""
        process = await self.launch()
        assert process.stdout is not None
        try:
            async with asyncio.timeout(READY_WITHIN):
                line = (await process.stdout.readline()).decode()
                if READY not in line:
                    raise AssertionError(f"The product ended instead of getting ready:\n{self.tail()}")
                if connected:
                    await self.workspace.app_connected()
        except TimeoutError:
            raise TimeoutError(f"The product did not get ready within {READY_WITHIN} s:\n{self.tail()}") from None

    async def run_second(self) -> tuple[int, str]:
        """Run another product on the same settings to its end: the exit code, and what it said."""
        second = await asyncio.create_subprocess_exec(
            *self._command(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=self.environment(),
        )
        async with asyncio.timeout(END_WITHIN):
            said, _ = await second.communicate()
        return second.returncode or 0, said.decode()

    async def kill(self) -> None:
        """kill -9."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> int:
        """SIGTERM; the exit code."""
        return await self._end(signal.SIGTERM)

    async def ended(self, within: float = END_WITHIN) -> int:
        """Wait until the product ends by itself; the exit code."""
        async with asyncio.timeout(within):
            return await self._running().wait()

    def environment(self) -> Mapping[str, str]:
        """What the product sees: nothing of ours but the path."""
        keys = {
            "SLACK_BOT_TOKEN": self._keys.bot_token,
            "SLACK_API_URL": f"http://{HOST}:{self.ports.workspace}/api/",
            "SLACK_SIGNING_SECRET": self._keys.signing_secret,
        }
        if not self.scene.http_events:
            keys["SLACK_APP_TOKEN"] = self._keys.app_token
        own = {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "DATABASE_URL": self.database_url}
        return {"PATH": os.environ["PATH"], "HOME": str(self.room), **own, **keys}

    async def fall(self, stream: str, kind: str, **data: object) -> int:
        """kill -9 as soon as such an event is recorded, and start again; the last position before the kill."""
        await self.chronicle.wait(
            lambda one: one.stream.startswith(stream) and one.type == kind and data.items() <= one.data.items(),
            why=f"{kind} {data}",
        )
        await self.kill()
        last = self.chronicle.last()
        await self.start()
        return last

    def tail(self) -> str:
        """The last lines of the product's log."""
        lines = (self.room / "house.log").read_text(errors="replace").splitlines()[-TAIL:]
        return "\n".join(f"    {line}" for line in lines)

    @property
    def signing_secret(self) -> str:
        """What the workspace signs its HTTP deliveries with."""
        return self._keys.signing_secret

    def _command(self) -> list[str]:
        return [sys.executable, "-m", "bot.inputs.cli", "serve", "--config", str(self.settings)]

    def _running(self) -> asyncio.subprocess.Process:
        assert self._process is not None, "the product was not started"
        return self._process

    async def _end(self, how: signal.Signals) -> int:
        process = self._process
        if process is None:
            return 0
        if process.returncode is None:
            with suppress(ProcessLookupError):
                # Not by the process object, which would look for its end first and take it from the loop.
                os.kill(process.pid, how)
        try:
            async with asyncio.timeout(END_WITHIN):
                # Reads to the end, so that no pipe is left open.
                await process.communicate()
        except TimeoutError:
            process.kill()
            await process.communicate()
            raise TimeoutError(f"The product did not end after {how.name}:\n{self.tail()}") from None
        self._process = None
        return process.returncode or 0

    async def _stop_what_outlives(self) -> None:
        if (self.data / "proxy").exists():
            await ProxyShifter(self.data / "proxy").stop()
        if (self.data / "instances").exists():
            await LocalManager(self.data / "instances", now=lambda: datetime.now(UTC)).stop_everything()
        for pid in _named(self.data):
            # A proxy that was only just starting when the product was killed: it could not be asked to stop.
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    # -- what runs

    def starts(self) -> list[tuple[str, int]]:
        """Every start of an instance there ever was, as its id and pid, oldest first."""
        path = self.room / "starts"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(name, int(pid)) for name, _, pid in (line.rpartition(" ") for line in lines)]

    def proxy_pid(self) -> int:
        """The process of the proxy."""
        return int((self.data / "proxy" / "proxy.pid").read_text())

    def load(self, environment: str = "production", *, rate: float = 60.0) -> Load:
        """Requests to the shop through the proxy."""
        return Load(self.ports.staging if environment == "staging" else self.ports.production, rate=rate)

    # -- the people

    async def person(self, name: str) -> WorkspaceClient:
        """One who types and clicks."""
        return await self.workspace.client(name)

    async def ask(self, name: str, line: str, *, channel: str = "deploys") -> Json:
        """Type a command and wait for its private answer."""
        person = await self.person(name)
        mark = person.mark()
        await person.command(channel, line)
        return await self.private(person, since=mark)

    async def private(
        self, person: WorkspaceClient, fits: Callable[[Json], bool] = lambda _: True, *, since: int = 0
    ) -> Json:
        """A private answer that fits, later than the mark `since`."""
        seen = await person.wait_for(
            lambda one: one.name == "ephemeral" and fits(one.data["message"]), PATIENCE, since=since
        )
        found: Json = seen.data["message"]
        return found

    async def deploy(self, name: str, version: str, environment: str = "production") -> DeploymentId:
        """Type a deployment; its id as soon as it is planned."""
        return await self.asked(name, f"/ops deploy shop {version} to {environment}")

    async def asked(self, name: str, line: str) -> DeploymentId:
        """Type a line that leads to a new deployment; its id."""
        before = self.chronicle.last()
        person = await self.person(name)
        await person.command("deploys", line)
        return await self.planned(after=before)

    async def direct(self, name: str) -> list[Json]:
        """What the app wrote to a person directly, oldest first."""
        person = await self.person(name)
        channels = (await person.boot())["channels"]
        app = self._keys.bot_user
        return await person.messages(next(one["id"] for one in channels if one["is_im"] and one["user"] == app))

    async def planned(self, *, after: int) -> DeploymentId:
        """The first deployment that is planned after this position of the log."""
        return id_of((await self.chronicle.wait_type("DeploymentPlanned", PREFIX, after=after)).stream)

    async def approve(self, name: str, id: DeploymentId) -> None:  # noqa: A002
        """Click Approve as soon as the message offers it."""
        person = await self.person(name)
        message = await self.message(id, lambda one: has_button(one, "deployment.approve"))
        await person.click(message, "deployment.approve")

    async def message(
        self, about: str, fits: Callable[[Json], bool] | str = "", *, channel: str = "deploys", within: float = PATIENCE
    ) -> Json:
        """The message about a deployment or an incident, once it fits or its text has the word."""
        ada = await self.person("ada")

        def right(one: Json) -> bool:
            return about in json.dumps(one.get("blocks")) and (
                fits in str(one["text"]) if isinstance(fits, str) else fits(one)
            )

        return await ada.wait_message(channel, right, within)

    async def told(self, id: DeploymentId) -> list[str]:  # noqa: A002
        """The lines in the thread of an ended deployment, once the last one is there."""
        last = _said(self.chronicle.deployment(id).history[-1].text)
        message, ada = await self.message(id), await self.person("ada")
        await ada.wait_message("deploys", lambda one: last in _said(one["text"]), PATIENCE, thread_ts=message["ts"])
        _, *replies = await ada.thread("deploys", message["ts"])
        return [line for one in replies for line in str(one["text"]).split("\n")]

    async def bring_out(self, version: str, environment: str = "production") -> DeploymentId:
        """Deploy a version the way a team would and wait for its end."""
        id = await self.deploy("ada", version, environment)  # noqa: A001
        if environment == "production":
            await self.approve("ben", id)
        await self.end_of(id, "DeploymentSucceeded")
        return id

    async def end_of(self, id: DeploymentId, kind: str, *, within: float = PATIENCE) -> Fact:  # noqa: A002
        """Wait for the deployment's last event, which has to be of this type."""
        try:
            last = await self.chronicle.wait(
                lambda one: one.stream == subject_of(id) and one.type in ENDS, within=within, why=kind
            )
        except TimeoutError as late:
            raise TimeoutError(f"{late}\n{self.tail()}") from None
        assert last.type == kind, (last, self.tail())
        return last


ENDS: Final = frozenset(
    f"Deployment{end}" for end in ("Succeeded", "RolledBack", "Failed", "Cancelled", "Rejected", "Expired")
)


def _named(path: Path) -> list[int]:
    """The processes whose command line names this folder, or something in it."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if os.fsencode(path) in entry.read_bytes():
                found.append(int(entry.parent.name))
    return found


def has_button(message: Json, action: str) -> bool:
    """Whether the message has a button of this action id."""
    return action in json.dumps(message.get("blocks"))


def all_text(message: Json) -> str:
    """Everything a person can read in it, with its structure."""
    return json.dumps([message.get("text"), message.get("blocks")], ensure_ascii=False)


def about(messages: list[Json], key: str) -> list[Json]:
    """Those of the messages that the app posted under this key."""
    return [one for one in messages if (one.get("metadata") or {}).get("event_payload", {}).get("key") == key]


def _said(line: str) -> str:
    """A line of a thread without what chat adds: the title before the last one, and people's names for their ids."""
    return line.rpartition("* · ")[2].lower()


async def told_once(house: House, id: DeploymentId, word: str) -> None:  # noqa: A002
    """Assert that an ended deployment stands in the channel once, and each line of its thread once and in order."""
    await house.message(id, word)
    told, history = await house.told(id), [step.text for step in house.chronicle.deployment(id).history]
    assert list(map(_said, told)) == list(map(_said, history)), f"told {told}\nhappened {history}"
    messages = await (await house.person("ada")).messages("deploys", limit=500)
    assert len(about(messages, subject_of(id))) == 1
