"""A service's page and the trains' pages in a real Chromium: what a person sees, does and is refused."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import ClientSession
from playwright.async_api import Browser, Locator, Page, async_playwright, expect

from bot.readings.now import AlertRow
from tests.unit.api.house import SECOND, Client, House, Json

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
EVIL = "<img src=x onerror=\"document.title='owned'\"><b>bold</b>"
WISH = {
    "services": [{"service": "shop", "version": "v1"}, {"service": "till", "version": "v1"}],
    "environment": "production",
}

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="no Chromium: apt-get install chromium"),
    pytest.mark.asyncio(loop_scope="module"),
]


@dataclass
class Look:
    """A served house with a program in it, and pages that look at it as somebody signed in (None: nobody)."""

    house: House
    program: Client
    open: Callable[..., Awaitable[Page]]

    async def brought_out(self, version: str, environment: str = "staging") -> str:
        """A deployment that has ended; ben approved it where that is needed."""
        body = {"service": "shop", "version": version, "environment": environment}
        status, made = await self.program.post("/deployments", body)
        assert status == 201, made
        if environment == "production":
            await self.program.post(f"/deployments/{made['id']}/approve", {}, "ben")
        await self.run(timedelta(minutes=2))
        return str(made["id"])

    async def train(self) -> str:
        status, made = await self.program.post("/trains", WISH)
        assert status == 201, made
        return str(made["id"])

    async def component(self, environment: str = "staging") -> Json:
        return (await self.program.get(f"/components/shop/{environment}"))[1]

    async def run(self, time: timedelta) -> None:
        await self.house.durable.run_for(time)


@pytest_asyncio.fixture(scope="module", loop_scope="module", name="browser")
async def a_browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module", name="look")
async def a_look(browser: Browser) -> AsyncIterator[Look]:
    house = House(names=("shop", "till"))
    found: list[str] = []
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(house.serving())
        program = Client(house, await stack.enter_async_context(ClientSession()))

        async def open_page(path: str, *, person: str | None = "ben", width: int = 1280) -> Page:
            context = await browser.new_context(viewport={"width": width, "height": 800})
            stack.push_async_callback(context.close)
            if person:
                cookie: Any = {"name": "pilothouse", "value": await house.session(person), "url": house.url}
                await context.add_cookies([cookie])
            page = await context.new_page()
            page.set_default_timeout(4000)
            page.on("pageerror", lambda error: found.append(str(error)))
            page.on("console", lambda one: found.extend([one.text] if "Content Security Policy" in one.text else []))
            await page.goto(f"{house.url}{path}")
            await expect(page.locator("body")).not_to_have_attribute("data-state", "loading")
            return page

        yield Look(house, program, open_page)
    assert found == []


def button(page: Page, name: str, environment: str = "staging") -> Locator:
    return page.locator(f"#in-{environment} .deeds-row").get_by_role("button", name=name, exact=True)


def dialog(page: Page) -> Locator:
    return page.locator("dialog[open]")


async def fits(page: Page, width: int) -> bool:
    return bool(await page.evaluate("document.documentElement.scrollWidth") <= width)


async def test_what_runs_is_scaled_and_followed(look: Look) -> None:
    await look.brought_out("v1")
    page = await look.open("/services/shop")
    here = page.locator("#in-staging")
    await expect(here.locator(".place-line")).to_contain_text(re.compile("Running.*v1.*2 of 2 healthy.*v1 100 %"))
    await expect(here.locator(".instance")).to_have_count(2)
    await button(page, "Scale …").click()
    await dialog(page).get_by_label("Instances").fill("4")
    await dialog(page).get_by_role("button", name="Scale").click()
    await expect(here.locator(".place-progress")).to_contain_text("Scaling: 2 of 4 instances are well.")
    await expect(here.locator("progress")).to_have_attribute("value", "2")
    await expect(here.locator(".remarks")).to_contain_text("4 instances were asked for by Ben.")
    for _ in range(3):
        await look.house.tend()
    await expect(here.locator(".place-line")).to_contain_text("4 of 4 healthy")
    await expect(here.locator(".place-progress")).to_have_count(0)
    await expect(page.locator("#announce")).to_have_text("staging: Running.")


async def test_a_number_that_cannot_be_is_refused_in_the_dialog(look: Look) -> None:
    await look.brought_out("v1")
    page = await look.open("/services/shop")
    await button(page, "Scale …").click()
    await dialog(page).get_by_label("Instances").fill("65")
    await dialog(page).get_by_role("button", name="Scale").click()
    await expect(dialog(page).get_by_role("alert")).to_contain_text("64")
    await dialog(page).get_by_role("button", name="Cancel").click()
    await expect(dialog(page)).to_have_count(0)


async def test_it_is_stopped_started_and_restarted(look: Look) -> None:
    await look.brought_out("v1")
    page = await look.open("/services/shop")
    await button(page, "Stop").click()
    await expect(dialog(page)).to_contain_text("v1 takes no more requests there, then all 2 instances stop.")
    await dialog(page).get_by_role("button", name="Stop it").click()
    await expect(page.locator("#in-staging .place-line")).to_contain_text("Stopping")
    await look.house.tend()
    await expect(page.locator("#in-staging .place-line")).to_contain_text("Stopped")
    await expect(page.locator("#in-staging")).to_contain_text("No instance runs.")
    await expect(page.locator("#in-staging .deeds-row button")).to_have_text(["Start", "Unregister"])
    await expect(page.locator("#in-staging .revision .chip")).to_have_text("stopped")
    await button(page, "Start").click()
    for _ in range(3):
        await look.house.tend()
    await expect(page.locator("#in-staging .place-line")).to_contain_text("Running")
    await button(page, "Restart").click()
    await dialog(page).get_by_role("button", name="Restart").click()
    await expect(page.locator("#in-staging .place-line")).to_contain_text("Updating")


async def test_a_stop_counts_for_what_was_seen(look: Look) -> None:
    await look.brought_out("v1")
    page = await look.open("/services/shop")
    await button(page, "Stop").click()
    await look.program.post("/components/shop/staging/restart")
    await dialog(page).get_by_role("button", name="Stop it").click()
    await expect(dialog(page).get_by_role("alert")).to_contain_text("was changed since it was asked")
    assert (await look.component())["state"] == "updating"


async def test_another_revision_is_gone_back_to(look: Look) -> None:
    for version in ("v1", "v2"):
        await look.brought_out(version)
    page = await look.open("/services/shop")
    rows = page.locator("#in-staging .revision")
    await expect(rows).to_have_text([re.compile("2.*v2.*runs.*Ada"), re.compile("1.*v1.*Ada.*Roll back")])
    await page.get_by_role("button", name="Roll back to revision 1").click()
    await expect(dialog(page)).to_contain_text("shop in staging goes from v2 to v1 of revision 1")
    await expect(dialog(page)).to_contain_text("Its configuration is the one that runs.")
    await dialog(page).get_by_role("button", name="Roll back").click()
    await expect(page.locator("h1")).to_have_text("Roll back shop to v1 in staging")
    await page.locator("h1 a").click()
    await expect(page).to_have_url(re.compile(r"/services/shop#in-staging$"))
    await expect(page.locator("#in-staging .deeds-note")).to_contain_text("While a deployment is under way")
    await expect(page.locator("#in-staging .deeds-row button")).to_have_count(0)


@pytest.mark.parametrize(
    ("person", "note"),
    [
        (None, "To decide here, sign in: /ops board in chat gives a link."),
        ("cleo", "Cleo may not restart services in staging. Ask Ada or Ben."),
    ],
)
async def test_whoever_may_not_is_told_why(look: Look, person: str | None, note: str) -> None:
    for version in ("v1", "v2"):
        await look.brought_out(version)
    page = await look.open("/services/shop", person=person)
    await expect(page.locator("#in-staging .deeds-note")).to_have_text(note)
    await expect(page.locator("#in-staging .deeds-row button")).to_have_count(0)
    await expect(page.get_by_role("button", name="Roll back to revision 1")).to_have_count(0)


async def test_a_long_past_scrolls_and_older_ones_are_read(look: Look) -> None:
    for number in range(12):
        await look.brought_out(f"v{1 + number % 2}")
    page = await look.open("/services/shop")
    past = page.locator("#in-staging .past-box")
    for box, rows in ((past.first, ".decision"), (past.last, ".revision")):
        await expect(box.locator(rows)).to_have_count(10)
        assert await box.evaluate("one => one.scrollHeight > one.clientHeight")
        before = await box.evaluate("one => { one.scrollTop = one.scrollHeight; return one.scrollTop; }")
        assert before > 0
        await box.get_by_role("button", name=re.compile("older|all 12")).click()
        await expect(box.locator(rows)).to_have_count(12)
        await expect(box.locator(".show-all")).to_be_hidden()
    await page.evaluate("scrollTo(0, document.body.scrollHeight)")
    assert await page.evaluate("scrollY") > 0
    await look.brought_out("v1")
    await expect(past.first.locator(".decision")).to_have_count(12 + 1)
    await expect(past.last.locator(".revision")).to_have_count(12 + 1)


async def test_what_is_wrong_and_what_stands_in_the_way(look: Look) -> None:
    await look.brought_out("v1")
    await look.house.fire("HighErrors")
    labels = {"alertname": EVIL, "service": "shop"}
    look.house.alerts.append(AlertRow(EVIL, "firing", labels, {"summary": EVIL}, 1.0, look.house.clock()))
    await look.program.post("/components/shop/staging/lock", {"reason": EVIL, "seconds": 7200})
    await look.program.post("/freezes", {"environment": "staging", "reason": "audit"})
    page = await look.open("/services/shop")
    await expect(page.locator("#incidents")).to_contain_text("HighErrors")
    await expect(page.locator("#alerts")).to_contain_text("<b>bold</b>")
    remarks = page.locator("#in-staging .remarks p")
    await expect(remarks).to_have_text([re.compile("Locked by Ada: <img.* left"), "Frozen by Ada: audit"])
    await button(page, "Restart").click()
    await dialog(page).get_by_role("button", name="Restart").click()
    await expect(page.locator("#in-staging .place-line")).to_contain_text("Updating")  # neither keeps from that
    assert await page.locator("main img, main b").count() == 0
    await expect(page.locator("#bad")).to_contain_text("None.")
    other = await look.open("/services/till")
    await expect(other.locator("#incidents")).to_contain_text("None open.")
    await expect(other.locator("#in-staging")).to_contain_text("None yet. /ops deploy in chat")


async def test_the_pages_fit_a_phone_and_tell_what_is_not_there(look: Look) -> None:
    await look.brought_out("v1")
    train = await look.train()
    for path in ("/services/shop", "/trains", f"/trains/{train}", "/"):
        page = await look.open(path, width=360)
        await expect(page.locator("body")).to_have_attribute("data-state", "ready")
        assert await fits(page, 360), path
    for path, told in (("/services/none", "There is no service 'none'."), ("/trains/t-none", "There is no train")):
        missing = await look.open(path)
        await expect(missing.locator("#failure")).to_contain_text(told)


async def test_the_board_leads_to_services_and_trains(look: Look) -> None:
    train = await look.train()
    page = await look.open("/")
    await page.locator("#services .place a").first.click()
    await expect(page.locator("h1")).to_have_text("shop")
    await expect(page).to_have_url(re.compile("/services/shop#in-production$"))
    await page.go_back()
    await page.locator("#trains .train-title a").click()
    await expect(page).to_have_url(re.compile(f"/trains/{train}$"))
    await expect(page.locator("h1")).to_have_text("Train of 2 services to production")
    await page.get_by_role("link", name="All trains").click()
    await expect(page.locator("h1")).to_have_text("Release trains")
    await expect(page.locator(".train")).to_have_count(1)


async def test_what_is_empty_has_its_link_beside_its_words(look: Look) -> None:
    page = await look.open("/")
    for part, name in (("trains", "All trains"), ("alerts", "Groups, silences, rules")):
        words = await page.locator(f"#{part} .nothing").bounding_box()
        link = await page.locator(f"#{part}").get_by_role("link", name=name).bounding_box()
        assert words is not None
        assert link is not None
        assert link["x"] >= words["x"] + words["width"], part
        assert abs(link["y"] - words["y"]) < words["height"], part


async def test_a_train_is_approved_followed_and_taken_back(look: Look) -> None:
    made = await look.train()
    asker = await look.open(f"/trains/{made}", person="ada")
    await expect(asker.locator(".deeds-row button")).to_have_text(["Reject"])
    await expect(asker.locator(".deeds-note")).to_have_text("You asked for it, so somebody else has to approve.")
    page = await look.open(f"/trains/{made}")
    await expect(page.locator(".train-agreed")).to_contain_text("1 more approval needed")
    await page.get_by_role("button", name="Approve all").click()
    await expect(page.locator(".train-agreed")).to_contain_text("Approved by Ben")
    await look.run(2 * SECOND)
    parts = page.locator(".train-part")
    await expect(parts).to_have_text([re.compile("In progress.*shop.*nothing → v1.*d-"), re.compile("till")])
    await page.get_by_role("button", name="Abort").click()
    await expect(dialog(page)).to_contain_text("the last wave first")
    await dialog(page).get_by_role("button", name="Abort it").click()
    await expect(page.locator(".train-agreed")).to_contain_text("Abort asked for by Ben")
    await look.run(timedelta(minutes=5))
    await expect(page.locator(".history")).to_contain_text("Aborted by Ben.")
    await expect(page.locator(".train .state").first).to_contain_text(re.compile("Going back|as it was"))


async def test_a_train_that_is_out(look: Look) -> None:
    made = await look.train()
    await look.program.post(f"/trains/{made}/approve", {}, "ben")
    page = await look.open(f"/trains/{made}", person=None)
    await look.run(timedelta(minutes=5))
    await expect(page.locator(".train .state").first).to_have_text("Everything is out")
    await expect(page.locator(".train-part .state")).to_have_text(["Out", "Out"])
    # What came out then need not run now, so nothing says that it does.
    await expect(page.locator(".train-note")).to_have_text([re.compile(r"^d-\w+ $")] * 2)
    await expect(page).to_have_title("Everything is out: Train of 2 services to production · Pilothouse")
    await expect(page.locator(".deeds-row button")).to_have_count(0)
