"""A deployment's page and the reports in a real Chromium: what a person sees, decides and is refused."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import ClientSession
from playwright.async_api import Browser, Locator, Page, async_playwright, expect

from alerting.errors import TemporaryFailure
from engine.deployments.compare import Compared, Counts
from engine.deployments.deployment import DeploymentId, Measurement, Verdict
from engine.deployments.events import ProgressSeen
from engine.strategy_specs import CanaryStep, Pin, StrategySpec
from tests.unit.api.house import GATE, PRODUCTION, SECOND, Client, House
from tests.unit.board.alert_scene import AlertScene

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
EVIL = "<img src=x onerror=\"document.title='owned'\"><b>bold</b>"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="no Chromium: apt-get install chromium"),
    pytest.mark.asyncio(loop_scope="module"),
]


@dataclass
class Look:
    """A served scene with a program in it, and pages that look at it as somebody signed in (None: nobody)."""

    scene: AlertScene
    program: Client
    open: Callable[..., Awaitable[Page]]

    async def deploy(self, version: str, environment: str = "production") -> str:
        body = {"service": "shop", "version": version, "environment": environment}
        status, answer = await self.program.post("/deployments", body)
        assert status == 201, answer
        return str(answer["id"])

    async def brought_out(self, version: str, environment: str = "production") -> str:
        """A deployment that ben approved and that has ended."""
        made = await self.deploy(version, environment)
        if environment == "production":
            await self.program.post(f"/deployments/{made}/approve", {}, "ben")
        await self.run(timedelta(minutes=2))
        return made

    async def under_way(self) -> str:
        """v2 beside v1 in production, at its first step."""
        await self.brought_out("v1")
        made = await self.deploy("v2")
        await self.program.post(f"/deployments/{made}/approve", {}, "ben")
        await self.run(6 * SECOND)
        return made

    async def run(self, time: timedelta) -> None:
        await self.scene.house.durable.run_for(time)


@pytest_asyncio.fixture(scope="module", loop_scope="module", name="browser")
async def a_browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module", name="look")
async def a_look(browser: Browser) -> AsyncIterator[Look]:
    scene = AlertScene(House())
    found: list[str] = []
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(scene.house.serving())
        program = Client(scene.house, await stack.enter_async_context(ClientSession()))

        async def open_page(path: str, *, person: str | None = "ben", width: int = 1280) -> Page:
            context = await browser.new_context(viewport={"width": width, "height": 800})
            stack.push_async_callback(context.close)
            if person:
                cookie: Any = {"name": "pilothouse", "value": await scene.house.session(person), "url": scene.house.url}
                await context.add_cookies([cookie])
            page = await context.new_page()
            page.set_default_timeout(4000)
            page.on("pageerror", lambda error: found.append(str(error)))
            page.on("console", lambda one: found.extend([one.text] if "Content Security Policy" in one.text else []))
            await page.goto(f"{scene.house.url}{path}")
            await expect(page.locator("body")).not_to_have_attribute("data-state", "loading")
            return page

        yield Look(scene, program, open_page)
    assert found == []


def button(page: Page, name: str) -> Locator:
    return page.locator("#deployment").get_by_role("button", name=name, exact=True)


async def sure(page: Page, name: str) -> None:
    """Yes to the question that a button asks."""
    await page.locator("dialog[open]").get_by_role("button", name=name, exact=True).click()


async def fits(page: Page, width: int) -> bool:
    return bool(await page.evaluate("document.documentElement.scrollWidth") <= width)


async def test_a_deployment_is_approved_and_followed_to_its_end(look: Look) -> None:
    await look.brought_out("v1")
    made = await look.deploy("v2")
    page = await look.open(f"/deployments/{made}")
    await expect(page.locator("h1")).to_have_text("shop v2 to production")
    await expect(page.locator("[aria-current=step]")).to_contain_text("Approval")
    await expect(page.locator("#time")).to_contain_text("Nothing to draw yet.")
    await expect(page.locator("#decisions")).to_contain_text("0 of 1 needed")
    await button(page, "Approve v2").click()
    await expect(page.locator("#decisions")).to_contain_text("Approved by Ben")
    await look.run(6 * SECOND)
    await expect(page.locator("[aria-current=step]")).to_contain_text("10 %")
    await expect(page.locator("#announce")).to_have_text("In progress, step 1 of 2: 10 %.")
    await expect(page.locator("#gates table").first).to_contain_text("Pass")
    await expect(page.locator(".weight-chart")).to_have_attribute("aria-label", re.compile("10 % from"))
    await expect(page.locator("#instances li")).to_have_count(3)
    await look.run(timedelta(minutes=1))
    await expect(page.locator("#deployment .state").first).to_have_text("Succeeded")
    await expect(page.locator(".step.is-done")).to_have_count(4)
    await expect(page.locator("#log li").first).to_contain_text("Done: v2 runs alone.")
    await expect(page).to_have_title("Succeeded: shop v2 to production · Pilothouse")


async def test_the_plan_says_where_to_look_as_long_as_there_is_more_to_see_there(look: Look) -> None:
    look.scene.house.pin(Pin("header", "X-Canary", "yes"))
    page = await look.open(f"/deployments/{await look.under_way()}")
    preview = page.locator("#plan dt", has_text="Preview").locator("xpath=following-sibling::dd[1]")
    await expect(preview).to_have_text("header X-Canary: yes")
    await look.run(timedelta(minutes=1))
    await expect(page.locator("#deployment .state").first).to_have_text("Succeeded")
    await expect(preview).to_have_count(0)


async def test_pictures_and_measurements_show_what_failed(look: Look) -> None:
    made = await look.under_way()
    look.scene.house.metrics.value = 0.2
    await look.run(30 * SECOND)
    page = await look.open(f"/deployments/{made}")
    await expect(page.locator("#deployment")).to_contain_text("Rolled back, a gate failed")
    await expect(page.locator(".step.is-stopped")).to_contain_text("10 %")
    await expect(page.locator(".dot-fail").first).to_be_attached()
    await expect(page.locator("ph-timeline .day-chart").last).to_have_attribute("aria-label", re.compile("failed at 1"))
    await expect(page.locator("ph-timeline")).to_contain_text("Lines are of the metrics server")
    rows = page.locator(".measured-box tbody tr")
    await expect(rows.first).to_contain_text(re.compile("error ratio.*Fail.*20 %.*< 5 %.*errors"))
    await expect(rows.nth(1)).to_contain_text("Pass")
    await page.locator(".day-over").hover()
    await expect(page.locator(".day-readout")).to_contain_text(re.compile("· 10 % · 10 % · error ratio"))
    await expect(page.locator(".phases")).to_have_attribute("aria-label", re.compile("Going back"))


async def test_the_metrics_server_may_be_away(look: Look) -> None:
    made = await look.under_way()
    look.scene.ranges.failure = TemporaryFailure("it cannot be reached")
    page = await look.open(f"/deployments/{made}")
    await expect(page.locator("ph-timeline .day-chart")).to_have_count(2)  # what the gates measured is known here
    await expect(page.locator("#gates")).to_contain_text("Pass")


async def test_many_measurements_come_page_by_page_and_by_gate(look: Look) -> None:
    made = await look.under_way()
    house = look.scene.house
    one = await house.journal.load(DeploymentId(made))
    side = Compared(Counts(12, 1500), Counts(8, 13400), 0.25, 0.2, chance=0.003, level=0.001, looks=3)
    said = Measurement("like stable", "comparison", "q", 0.008, "at most 0.5 points", 1500, Verdict.PASS, house.clock())
    many = tuple(replace(said, note=f"{n} {EVIL}", compared=side) for n in range(350))
    await house.journal.record(one, ProgressSeen(many, (), 0, 0), at=house.clock())
    page = await look.open(f"/deployments/{made}")
    rows = page.locator(".measured-box tbody tr")
    await expect(rows).to_have_count(100)
    await expect(rows.first).to_contain_text(f"349 {EVIL}")
    stands = "new 0.8 % · 12/1,500, stable 0.0597 % · 8/13,400; latency 250 ms beside 200 ms; by chance 0.3 %"
    await expect(rows.first).to_contain_text(stands)
    await page.get_by_role("button", name="Show 200 older ones").click()
    await expect(rows).to_have_count(300)
    await page.locator(".measured-box .show-all").click()
    await expect(rows.last).to_contain_text("error ratio")
    await expect(page.locator(".measured-box .show-all")).to_be_hidden()
    await page.get_by_role("button", name="error ratio", exact=True).click()
    await expect(rows.first).to_contain_text("error ratio")
    await expect(page).not_to_have_title("owned")


@pytest.mark.parametrize(
    ("person", "buttons", "note"),
    [
        (None, [], "To decide here, sign in: /ops board in chat gives a link."),
        ("cleo", [], "Cleo may not decide about deployments to production."),
        ("ada", ["Reject", "Abort"], "You asked for it, so somebody else has to approve."),
    ],
)
async def test_whoever_may_not_is_told_why(look: Look, person: str | None, buttons: list[str], note: str) -> None:
    page = await look.open(f"/deployments/{await look.deploy('v1')}", person=person)
    await expect(page.locator(".deeds-note")).to_have_text(note)
    await expect(page.locator(".deeds-row button")).to_have_text(buttons)


async def test_what_is_refused_is_said_with_what_to_do(look: Look) -> None:
    made = await look.deploy("v1")
    page = await look.open(f"/deployments/{made}")
    await expect(button(page, "Approve v1")).to_be_visible()
    look.scene.house.artifacts.contents["shop"]["v1"] = "another"
    await button(page, "Approve v1").click()
    said = page.locator(".deeds-said")
    await expect(said).to_have_text(
        re.compile("v1 has changed since this was planned.*Reject this one and ask for it anew")
    )
    await button(page, "Reject").click()
    await expect(page.locator("#deployment .state").first).to_have_text("Cancelled, rejected")
    await expect(said).to_be_hidden()


async def test_abort_asks_first_and_takes_traffic_back(look: Look) -> None:
    page = await look.open(f"/deployments/{await look.under_way()}")
    await button(page, "Abort").click()
    await expect(page.locator("dialog")).to_contain_text("All traffic goes back to v1.")
    await page.keyboard.press("Escape")
    await expect(page.locator("dialog")).to_have_count(0)
    await button(page, "Abort").click()
    await sure(page, "Abort")
    await expect(page.locator("#decisions")).to_contain_text("Abort asked for by Ben")
    await look.run(timedelta(minutes=1))
    await expect(page.locator("#deployment .state").first).to_have_text("Rolled back, aborted")


async def test_rolling_back_leads_to_the_deployment_that_does_it(look: Look) -> None:
    await look.brought_out("v1")
    page = await look.open(f"/deployments/{await look.brought_out('v2')}")
    await button(page, "Roll back to v1").click()
    await sure(page, "Roll back")
    await expect(page.locator("h1")).to_have_text("Roll back shop to v1 in production")


async def test_a_step_that_waits_is_approved_by_what_was_seen(look: Look) -> None:
    house = look.scene.house
    steps = (CanaryStep(10, SECOND), CanaryStep(100, SECOND, approval=True))
    await look.brought_out("v1")
    place = house.catalog.placement("shop", "production")
    spec = StrategySpec("by hand", "canary", steps, (GATE,))
    house.catalog.services[place.service].placements[PRODUCTION] = replace(place, strategy=spec)  # type: ignore[index]
    made = await look.deploy("v2")
    page = await look.open(f"/deployments/{made}")
    await button(page, "Approve v2").click()
    await expect(page.locator("#decisions")).to_contain_text("Approved by Ben")
    await look.run(20 * SECOND)
    await expect(page.locator("#decisions")).to_contain_text("Step 2, 100 %, waits for approval")
    await button(page, "Approve step 2").click()
    await look.run(20 * SECOND)
    await expect(page.locator("#deployment .state").first).to_have_text("Succeeded")


async def test_the_page_fits_a_phone_and_tells_what_is_not_there(look: Look) -> None:
    made = await look.under_way()
    page = await look.open(f"/deployments/{made}", width=360)
    await expect(page.locator("#gates")).to_contain_text("Pass")
    assert await fits(page, 360)
    missing = await look.open("/deployments/d-none")
    await expect(missing.locator("#failure")).to_contain_text("There is no deployment 'd-none'.")


async def test_the_board_leads_to_the_page(look: Look) -> None:
    made = await look.under_way()
    page = await look.open("/")
    await page.locator(".flight-title").click()
    await expect(page).to_have_url(re.compile(f"/deployments/{made}$"))


async def test_reports_show_the_four_keys_and_a_place_of_choice(look: Look) -> None:
    page = await look.open("/reports")
    await expect(page.locator("#figures")).to_contain_text("Nothing was deployed in this time.")
    await look.brought_out("v1")
    await look.brought_out("v1", "staging")
    made = await look.deploy("v2", "staging")
    await look.run(6 * SECOND)
    await look.program.post(f"/deployments/{made}/abort", {}, "ben")
    await look.run(timedelta(minutes=2))
    figures = page.locator(".figure")
    await expect(figures).to_contain_text(
        [
            re.compile("Deployment frequency.*2 deployments succeeded"),
            re.compile("Lead time for changes"),
            re.compile("Change failure rate.*33.3 %.*1 of 3 changes"),
            re.compile("Time to restore.*1 not restored yet"),
        ]
    )
    await expect(page.locator("ph-places li")).to_have_count(2)
    await page.locator("ph-places button", has_text="production").click()
    await expect(page.locator("h1")).to_have_text("shop in production")
    await expect(figures.nth(2)).to_contain_text("0 of 1 change")
    await page.get_by_role("button", name="7 days").click()
    await expect(figures.first.locator(".titled-cells > span")).to_have_count(7)
    await expect(page).to_have_url(re.compile(r"place=shop%2Fproduction.*days=7"))
    await page.go_back()
    await page.go_back()
    await expect(page.locator("h1")).to_have_text("All services")
    narrow = await look.open("/reports?days=90", width=360)
    await expect(narrow.locator("ph-places li")).to_have_count(2)
    assert await fits(narrow, 360)
