"""The real product with its workspace's page, Prometheus and the demo's load maker, and people who look at it."""

import asyncio
import re
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Self

import aiohttp
import yaml
from playwright.async_api import Browser, Locator, Page, expect

from bot.workspace import Workspace, WorkspaceConfig, load_manifest
from engine.deployments.deployment import DeploymentId
from tests.browser.workspace_stub import composer, log, say
from tests.fakes.house import House, ShopPrometheus
from tests.fakes.prometheus import free_port
from tests.fakes.scene import ERROR_RATIO, EXAMPLE, HEALTHY, HOST, ROOT, Scene, people

PATIENCE: Final = 30_000
"""Milliseconds within which the page shows what it has to."""

RATE: Final = 60
"""Requests a second to each environment."""

# The window is longer than a canary that fails is on the road, so that no late scrape hides it from the rule.
RULES: Final = """
groups:
  - name: shop
    interval: 1s
    rules:
      - alert: ShopErrors
        expr: >-
          sum by (service, environment) (rate(shop_requests_total{code=~"5.."}[10s]))
          / sum by (service, environment) (rate(shop_requests_total[10s])) > 0
        for: 1s
        keep_firing_for: 6s
        labels: {severity: critical}
        annotations:
          summary: "{{ $labels.service }} in {{ $labels.environment }} fails"
          description: "{{ $value | humanizePercentage }} of its requests"
"""

SCENE: Final = Scene(
    steps=((10, "3s"), (50, "3s"), (100, "1s")),
    warm_up="2s",
    gates=(ERROR_RATIO, HEALTHY),
    rules=RULES,
    escalate_after="5s",
)


class LoadedPrometheus(ShopPrometheus):
    """Scrapes the load maker too."""

    def __init__(self, board: str, port: int, load: int) -> None:
        super().__init__(board, port)
        self._load = load

    def _configure(self, room: Path) -> None:
        super()._configure(room)
        path = room / "prometheus.yml"
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        config["scrape_configs"].append(
            {"job_name": "load", "static_configs": [{"targets": [f"{HOST}:{self._load}"]}]},
        )
        path.write_text(yaml.safe_dump(config), encoding="utf-8")


class PageHouse(House):
    """A house with a page and a load maker, in which Ben is on call and Ada is next."""

    def __init__(self, room: Path) -> None:
        super().__init__(room, SCENE)
        self._load_port = free_port()
        self._load_up = AsyncExitStack()
        self.prometheus = LoadedPrometheus(self.board, self.ports.prometheus, self._load_port)
        self._settle()

    def _settle(self) -> None:
        """What the demo's settings have and the scene's do not: the load maker's figures, and a shift that began."""
        file = yaml.safe_load(self.settings.read_text(encoding="utf-8"))
        demo = yaml.safe_load((EXAMPLE / "pilothouse.yaml").read_text(encoding="utf-8"))
        file["services"]["shop"]["figures"] = demo["services"]["shop"]["figures"]
        yesterday = datetime.now(UTC).date() - timedelta(days=1)
        file["schedules"]["primary"]["starts"] = f"{yesterday}T09:00:00Z"
        self.settings.write_text(yaml.safe_dump(file, sort_keys=False), encoding="utf-8")

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await super().__aenter__()
            stack.push_async_exit(super().__aexit__)
            await self.open_prometheus()
            await self.start()
            await self._open_load()
            await self.bring_out("v1", "staging")
            await self.bring_out("v1")
            stack.pop_all()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self._load_up.aclose()
        await super().__aexit__(*error)

    async def open_workspace(self) -> None:
        """Start the workspace with its page."""
        config = WorkspaceConfig(
            credentials=self._keys,
            manifest=load_manifest(ROOT / "manifest.yml"),
            port=self.ports.workspace,
            journal=self.room / "workspace.jsonl",
            rates=None,
            **people(),
        )
        self.workspace = await self._workspace_up.enter_async_context(Workspace(config))

    async def _open_load(self) -> None:
        targets = {"production": self.ports.production, "staging": self.ports.staging}
        words = [word for name, port in targets.items() for word in ("--target", f"{name}=http://{HOST}:{port}/")]
        command = [sys.executable, str(EXAMPLE / "load.py"), "--port", str(self._load_port), "--rate", str(RATE)]
        process = await asyncio.create_subprocess_exec(*command, *words)

        async def end() -> None:
            process.terminate()
            await process.wait()

        self._load_up.push_async_callback(end)

    async def load_counts(self, environment: str = "production") -> Mapping[str, int]:
        """What the load maker counted there so far: `ok`, `failed`, `lost`."""
        url = f"http://{HOST}:{self._load_port}/metrics"
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            text = await answer.text()
        found = re.findall(rf'load_requests_total{{environment="{environment}",outcome="(\w+)"}} ([\d.]+)', text)
        return {outcome: int(float(value)) for outcome, value in found}

    async def component(self, environment: str) -> dict[str, Any]:
        """The shop there, as the API has it."""
        url = f"{self.board}/api/v1/components/shop/{environment}"
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            found: dict[str, Any] = await answer.json()
            return found

    async def version(self, environment: str = "production") -> str:
        """What runs there."""
        return str((await self.component(environment))["version"])

    async def processes(self, environment: str = "production") -> list[int]:
        """The processes of the shop there."""
        newest = dict(self.starts())
        return [newest[one["id"]] for one in (await self.component(environment))["instances"]]

    async def other(self, environment: str = "production") -> str:
        """The good version that does not run there."""
        return "v1" if await self.version(environment) == "v2" else "v2"


@dataclass(frozen=True, slots=True)
class Seat:
    """Somebody at a tab of the workspace's page."""

    page: Page
    house: PageHouse

    async def go(self, place: str) -> None:
        """Open a channel, or the conversation with the app."""
        await self.page.locator("ws-sidebar .place", has_text=place).click()
        if place == "Pilothouse":
            await self.page.get_by_role("link", name="Messages").click()

    async def become(self, name: str) -> None:
        """Switch to another person."""
        await self.page.locator(".person").click()
        await self.page.get_by_role("menuitemradio", name=name).click()
        await expect(self.page.locator(".person")).to_contain_text(name)

    async def type(self, line: str) -> None:
        """Type a line and send it."""
        await say(self.page, line)
        await expect(composer(self.page)).to_have_value("")

    def private(self) -> Locator:
        """The newest answer that only this person sees."""
        return log(self.page).locator(".message.is-ephemeral").last

    def titled(self, title: str) -> Locator:
        """The app's messages with this title."""
        return log(self.page).locator(".message", has=self.page.get_by_role("heading", name=title))

    async def ask(self, line: str, title: str) -> Locator:
        """Type a line that leads to a message with this title; the message, whatever comes after it."""
        before = await self.titled(title).count()
        await self.type(line)
        return await self.one(title, before)

    async def one(self, title: str, number: int) -> Locator:
        """The message with this title and number, once it is there; by its time, so that it stays the same one."""
        found = self.titled(title).nth(number)
        await found.wait_for(timeout=PATIENCE)
        return log(self.page).locator(f'.message[data-ts="{await found.get_attribute("data-ts")}"]')

    def same(self, message: str) -> Locator:
        """The message of this time, for whoever sits here."""
        return log(self.page).locator(f'.message[data-ts="{message}"]')

    async def press(self, message: Locator, label: str, *, sure: str = "") -> None:
        """Press a button of a message, and say yes to its question where it has one."""
        await message.get_by_role("button", name=label, exact=True).click(timeout=PATIENCE)
        if sure:
            await self.page.locator("dialog[open]").get_by_role("button", name=sure, exact=True).click()


async def sees(message: Locator, *texts: str | re.Pattern[str]) -> None:
    """Wait until the message has all of this."""
    for text in texts:
        await expect(message).to_contain_text(text, timeout=PATIENCE)


async def id_in(message: Locator) -> DeploymentId:
    """The deployment a message is about."""
    found = re.search(r"d-[0-9a-f]{12}", await message.inner_text())
    assert found is not None
    return DeploymentId(found[0])


@dataclass(frozen=True, slots=True)
class Room:
    """A browser in front of a house."""

    house: PageHouse
    browser: Browser

    async def seat(self, user: str, place: str) -> Seat:
        """A tab of a person, with a channel open."""
        page = await self.browser.new_page(viewport={"width": 1280, "height": 1000})
        page.set_default_timeout(PATIENCE)
        await page.goto(f"{self.house.workspace.url}#/{user}")
        seat = Seat(page, self.house)
        await seat.go(place)
        await expect(page.locator(".pane-title").first).to_contain_text(place)
        return seat

    async def pair(self) -> tuple[Seat, Seat]:
        """Ada and Ben, both in #deploys."""
        return await self.seat("U0ADA", "deploys"), await self.seat("U0BEN", "deploys")

    async def deploy(self, ada: Seat, ben: Seat, version: str) -> tuple[Locator, Locator]:
        """Ada asks for a version in production and Ben approves it; the message as each of them sees it."""
        message = await ada.ask(f"/ops deploy shop {version} to production", f"Deploy shop {version} to production")
        theirs = ben.same(str(await message.get_attribute("data-ts")))
        await ben.press(theirs, f"Approve {version}")
        return message, theirs
