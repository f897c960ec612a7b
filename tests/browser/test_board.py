"""The board in a real Chromium, on the real rooms with everything outside in memory."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import ClientSession
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright, expect

from alerting.incidents.incident import IncidentAlert
from alerting.incidents.intake import AlertChange, Place
from bot.readings.now import AlertRow
from engine.deployments.deployment import PersonId
from engine.security.identity import Directory
from engine.security.permissions import Role
from storage.errors import StorageUnavailable
from tests.unit.api.house import SECOND, Client, House, person

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
EVIL = "<img src=x onerror=\"document.title='owned'\"><b>bold</b>"
STAGING = {"service": "shop", "version": "v1", "environment": "staging"}

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="no Chromium: apt-get install chromium"),
    pytest.mark.asyncio(loop_scope="module"),
]


@dataclass
class Look:
    """A house that is served, a program that acts in it, and pages that look at it."""

    house: House
    program: Client
    open: Callable[[], Awaitable[Page]]
    faults: list[str] = field(default_factory=list)

    async def deploy(self, **changes: str) -> str:
        status, answer = await self.program.post("/deployments", {**STAGING, **changes})
        assert status == 201, answer
        return str(answer["id"])


@pytest_asyncio.fixture(scope="module", loop_scope="module", name="browser")
async def a_browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module", name="look")
async def a_look(request: pytest.FixtureRequest, browser: Browser) -> AsyncIterator[Look]:
    """Parametrise indirectly with the house, its names or rules."""
    house: House = getattr(request, "param", House)()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(house.serving())
        program = Client(house, await stack.enter_async_context(ClientSession()))
        context = await browser.new_context(viewport={"width": 1280, "height": 800})
        stack.push_async_callback(context.close)
        found: list[str] = []

        async def open_page() -> Page:
            page = await context.new_page()
            page.set_default_timeout(4000)
            page.on("pageerror", lambda error: found.append(str(error)))
            page.on("console", lambda message: found.extend(_policy_fault(message)))
            await page.goto(house.url)
            return page

        yield Look(house, program, open_page, found)
    assert found == []


def _policy_fault(message: ConsoleMessage) -> list[str]:
    return [message.text] if "Content Security Policy" in message.text else []


async def test_an_empty_board_says_what_would_appear(look: Look) -> None:
    page = await look.open()
    await expect(page.locator("#connection")).to_have_text("Live")
    strip = page.locator("ph-strip a")
    await expect(strip).to_have_text(
        [
            re.compile("Incidents.*None"),
            re.compile("Alerts.*None"),
            re.compile("None"),
            re.compile("On call.*Ben.*until"),
        ]
    )
    await expect(page.locator("#incidents")).to_contain_text("One opens when an alert fires")
    await expect(page.locator("#deployments")).to_contain_text("/ops deploy")
    await expect(page.locator("#services summary")).to_have_count(2)
    await expect(page.locator("#services summary").first).to_contain_text("nothing yet")


async def test_a_deployment_is_followed_without_touching_the_page(look: Look) -> None:
    await look.deploy()
    await look.house.durable.run_for(timedelta(minutes=1))
    page = await look.open()
    staging = page.locator("#services summary", has_text="staging")
    await expect(staging).to_contain_text("v1 100 %")
    await look.deploy(version="v2")
    flight = page.locator(".flight")
    await expect(flight).to_contain_text("shop v2 to staging")
    await look.house.durable.run_for(6 * SECOND)
    await expect(flight.locator("[aria-current=step]")).to_contain_text("10 %")
    await expect(flight.locator(".gates")).to_contain_text("Pass")
    await expect(staging).to_contain_text("v2 10 %")
    await look.house.durable.run_for(timedelta(minutes=1))
    await expect(page.locator(".flight")).to_have_count(0)
    await expect(staging).to_contain_text("v2 100 %")
    await expect(page.locator("#recent summary").first).to_contain_text("Succeeded")
    await expect(page.locator("#announce")).to_have_text("shop v2: succeeded.")
    await page.locator("#recent summary").first.click()
    await expect(page.locator("#recent .history").first).to_contain_text("Done: v2 runs alone.")


async def test_an_incident_appears_is_taken_and_goes(look: Look) -> None:
    page = await look.open()
    await expect(page.locator("#connection")).to_have_text("Live")
    incident = await look.house.fire("HighErrors")
    row = page.locator("#incidents summary")
    await expect(row).to_contain_text("Nobody has it; Ben is on call")
    await expect(row).to_contain_text(f"/ops ack {incident} in chat takes it")
    await expect(page).to_have_title("(1) Pilothouse")
    await row.click()
    await look.program.post(f"/incidents/{incident}/acknowledge")
    await expect(row).to_contain_text("Ada has it")
    await expect(page.locator("#incidents .history")).to_contain_text("Ada acknowledged it.")  # it stayed open
    await look.program.post(f"/incidents/{incident}/resolve")
    await expect(row).to_have_count(0)
    await expect(page).to_have_title("Pilothouse")


async def test_whatever_has_a_name_stays_text(look: Look) -> None:
    house, now = look.house, look.house.clock()
    house.directory = Directory([person("ada", {"*": Role.APPROVER}), person(EVIL, {})])
    house.alerts.append(AlertRow(EVIL, "firing", {"alertname": EVIL, "x": EVIL}, {"summary": EVIL}, 1.0, now))
    alert = IncidentAlert("f", EVIL, {"alertname": EVIL, "severity": EVIL}, {"summary": EVIL}, 0.5, now)
    await house.incident_desk.take([AlertChange("firing", alert)], Place("f", "incidents", "primary"))
    page = await look.open()
    await expect(page.locator("#incidents summary")).to_contain_text("<b>bold</b>")
    await expect(page.locator("#alerts summary")).to_contain_text("<b>bold</b>")
    for summary in await page.locator("#incidents summary, #alerts summary").all():
        await summary.click()
    await expect(page.locator("#alerts .facts")).to_contain_text("<b>bold</b>")
    assert await page.locator("main img, main b").count() == 0
    assert await page.title() == "(1) Pilothouse"


async def test_a_lost_connection_shows_itself_and_mends_itself(browser: Browser) -> None:
    house = House()
    context = await browser.new_context()
    page = await context.new_page()
    async with house.serving():
        await page.goto(house.url)
        await expect(page.locator("#connection")).to_have_text("Live")
    await expect(page.locator("#connection")).to_contain_text("Connection lost. Shown as of")
    await expect(page.locator("#services summary")).to_have_count(2)  # what is known stays
    await house.fire("MeanwhileBroken")
    async with house.serving():
        await expect(page.locator("#connection")).to_have_text("Live")
        await expect(page.locator("#incidents summary")).to_contain_text("MeanwhileBroken")
        await context.close()


async def test_a_board_that_cannot_be_read_says_why_and_tries_again(
    look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away() -> int:
        raise StorageUnavailable("The database does not answer", "Look whether it runs")

    with monkeypatch.context() as broken:
        broken.setattr(look.house.database.log, "last_position", away)
        page = await look.open()
        await expect(page.locator("#failure")).to_contain_text("The database does not answer. Look whether it runs.")
    await page.get_by_role("button", name="Try now").click()
    await expect(page.locator("#connection")).to_have_text("Live")
    await expect(page.locator("#failure")).to_be_hidden()


async def test_the_keyboard_reaches_everything(look: Look) -> None:
    page = await look.open()
    await expect(page.locator("#connection")).to_have_text("Live")
    await page.keyboard.press("/")
    await page.keyboard.type("staging")
    await expect(page.locator("#services summary:visible")).to_have_count(1)
    assert page.url.endswith("?q=staging")
    await page.keyboard.press("Escape")
    await expect(page.locator("#services summary:visible")).to_have_count(2)
    await page.keyboard.press("Escape")
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    second = page.locator("#services summary").nth(1)
    await expect(second).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("#services details").nth(1).locator(".facts")).to_contain_text("About shop.")
    await page.keyboard.press("Escape")
    await expect(page.locator("#services details[open]")).to_have_count(0)
    await expect(second).to_be_focused()
    await page.keyboard.press("k")
    await expect(page.locator("#services summary").first).to_be_focused()
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog")).to_contain_text("Filter the services")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_the_theme_is_remembered(look: Look) -> None:
    page = await look.open()
    for name in ("light", "dark"):
        await page.keyboard.press("t")
        await expect(page.locator("html")).to_have_attribute("data-theme", name)
    await page.reload()
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def crowded() -> House:
    return House(names=[f"service-with-a-long-name-{number}" for number in range(150)])


@pytest.mark.parametrize("look", [crowded], indirect=True)
async def test_three_hundred_rows_stay_quick_and_fit_a_phone(look: Look) -> None:
    now = look.house.clock()
    for number in range(40):
        labels = {"alertname": "Full", "instance": f"10.0.0.{number}:9100"}
        look.house.alerts.append(AlertRow("Full", "firing", labels, {}, 1.0, now))
    page = await look.open()
    await page.set_viewport_size({"width": 360, "height": 740})
    await expect(page.locator("#services summary")).to_have_count(300)
    await expect(page.locator("#alerts summary")).to_have_count(20)
    await page.get_by_role("button", name="Show 20 more alerts").click()
    await expect(page.locator("#alerts summary")).to_have_count(40)
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    spent = await page.evaluate(
        """() => { const box = document.querySelector(".filter"); const start = performance.now();
        box.value = "name-149"; box.dispatchEvent(new Event("input")); document.body.offsetHeight;
        return performance.now() - start; }"""
    )
    await expect(page.locator("#services summary:visible")).to_have_count(2)
    assert spent < 250  # milliseconds, on a machine that does other things too


def remote() -> House:
    return House(listens_on="0.0.0.0")


@pytest.mark.parametrize("look", [remote], indirect=True)
async def test_a_link_from_chat_signs_in_and_out(look: Look) -> None:
    page = await look.open()
    await expect(page.get_by_role("heading")).to_have_text("Sign in to the board")
    code = await look.house.sessions.new_code(PersonId("cleo"), at=look.house.clock())
    await page.goto(f"{look.house.url}/signin?code={code}")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.locator("#you")).to_contain_text("Cleo")
    await expect(page.locator("#connection")).to_have_text("Live")
    await page.get_by_role("link", name="Sign out").click()
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("heading")).to_have_text("Sign in to the board")
