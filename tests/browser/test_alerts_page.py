"""The alerts page in a real Chromium: what a person sees of groups, silences, rules and a rule's day."""

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
from msgspec.structs import replace
from playwright.async_api import Browser, Page, async_playwright, expect

from alerting.errors import TemporaryFailure
from alerting.notify.notification import Reason
from alerting.rules.state import State
from storage.errors import StorageUnavailable
from tests.unit.api.house import Client, House
from tests.unit.board.alert_scene import MINUTE, AlertScene

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
    """A scene that is served, and pages that look at it as somebody signed in (None: nobody)."""

    scene: AlertScene
    program: Client
    open: Callable[..., Awaitable[Page]]


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

        async def open_page(
            path: str = "", *, person: str | None = "ada", width: int = 1280, state: str = "live"
        ) -> Page:
            context = await browser.new_context(viewport={"width": width, "height": 800})
            stack.push_async_callback(context.close)
            if person:
                cookie: Any = {"name": "pilothouse", "value": await scene.house.session(person), "url": scene.house.url}
                await context.add_cookies([cookie])
            page = await context.new_page()
            page.set_default_timeout(4000)
            page.on("pageerror", lambda error: found.append(str(error)))
            page.on("console", lambda one: found.extend([one.text] if "Content Security Policy" in one.text else []))
            await page.goto(f"{scene.house.url}/alerts{path}")
            await expect(page.locator("#connection")).to_have_attribute("data-state", state)
            return page

        yield Look(scene, program, open_page)
    assert found == []


async def test_an_empty_page_says_what_would_appear(look: Look) -> None:
    page = await look.open()
    await expect(page.locator(".views a")).to_contain_text(["None active", "None active", "No rule file is read"])
    await expect(page.locator("ph-alert-groups")).to_contain_text("A rule whose condition holds appears here")
    await page.get_by_role("link", name="Silences").click()
    await expect(page.locator("ph-silences")).to_contain_text("/ops silence in chat makes one")
    await page.get_by_role("link", name="Rules").click()
    await expect(page.locator("ph-rules")).to_contain_text("Name rule files under rules")
    await page.go_back()
    await expect(page.locator("ph-silences")).to_be_visible()


async def test_notifications_show_who_was_told_and_why(look: Look) -> None:
    page = await look.open("?view=notifications")
    part, rows = page.locator("ph-notifications"), page.locator("ph-notifications summary")
    await expect(part).to_contain_text("Nobody was told anything yet.")
    await expect(page.locator("ph-sieve")).to_be_hidden()
    await look.scene.notify("pages", firing=2, alertname="HighErrors", service="shop")
    await expect(rows).to_contain_text(
        [re.compile("Told.*pages.*HighErrors.*2 firing.*As nothing was told of it before")]
    )
    await look.scene.notify("hook", Reason.NEW_FIRING, error=f"it answered 500: {EVIL}", alertname="HighErrors")
    await expect(rows.first).to_contain_text("Not told")
    await expect(page.locator(".views a").last).to_contain_text("hook failed")
    await rows.first.click()
    await expect(part.locator("details[open] .facts")).to_contain_text("integration 0")
    await expect(part).to_contain_text(EVIL)
    narrow = await look.open("?view=notifications", width=360)
    await expect(narrow.locator("ph-notifications summary")).to_have_count(2)
    assert await narrow.evaluate("document.documentElement.scrollWidth") <= 360


async def test_groups_show_who_is_told_and_what_mutes(look: Look) -> None:
    look.scene.busy()
    page = await look.open()
    await expect(page).to_have_title("(3) Alerts · Pilothouse")
    groups = page.locator(".group")
    await expect(groups.locator("h2")).to_have_text(["pages", "tickets", "Pending", "tickets"])
    first = groups.first.locator("summary").first
    await expect(first).to_contain_text(re.compile("Active.*HighErrors.*instance=10.0.0.*for 31m"))
    assert "service=shop" not in await first.inner_text()  # the group's head says it
    await expect(groups.nth(1)).to_contain_text("Silenced by Ada: Moving the disks")
    await expect(groups.nth(3)).to_contain_text("Inhibited by HighErrors")
    await first.click()
    opened = groups.first.locator(".more").first
    await expect(opened.get_by_role("link", name="runbooks")).to_have_attribute("rel", "noreferrer")
    source = opened.get_by_role("link", name="Open the query in Prometheus")
    await expect(source).to_have_attribute("href", re.compile(r"^http://prometheus\.example:9090/graph\?g0\.expr="))
    await groups.nth(1).get_by_role("link", name="Ada: Moving the disks").click()
    await expect(page.locator("ph-silences details[open] .facts")).to_contain_text("5f1c9d3e")


async def test_what_happens_appears_by_itself(look: Look) -> None:
    look.scene.load()
    page = await look.open()
    await expect(page.locator("ph-alert-groups")).to_contain_text("No alerts.")
    alert = look.scene.hold("HighErrors", State.FIRING, 5 * MINUTE, instance="a")
    look.scene.tell("pages", {"alertname": "HighErrors"}, [alert])
    await look.scene.house.fire()  # the log has news
    await expect(page.locator(".group summary")).to_contain_text("HighErrors")
    await expect(page.locator("#announce")).to_have_text("1 alert is active.")


async def test_a_filter_takes_matchers_and_words_and_says_where_it_is_wrong(look: Look) -> None:
    look.scene.busy()
    page = await look.open("?q=nightly")
    rows = page.locator(".group summary")
    await expect(rows).to_have_count(1)
    await page.keyboard.press("/")
    await page.locator(".filter").fill('{severity=~"crit.*"}')
    await expect(rows).to_have_count(2)
    await expect(page).to_have_url(re.compile("q=%7Bseverity"))
    await page.locator(".filter").fill('severity="critical", team~"x"')
    said = page.locator("#filter-said")
    await expect(said.locator("mark")).to_have_text('~"x"')
    await expect(said).to_contain_text("Write matchers such as")
    await expect(rows).to_have_count(2)  # what was found before stays
    await expect(page.locator("#failure")).to_be_hidden()
    await page.keyboard.press("Escape")
    await expect(said).to_be_hidden()
    await expect(rows).to_have_count(6)
    await page.get_by_role("button", name="Muted").click()
    await expect(rows).to_have_count(2)
    await page.reload()
    await expect(rows).to_have_count(2)


async def test_an_alert_is_silenced_and_the_silence_ended(look: Look) -> None:
    look.scene.busy()
    page = await look.open()
    row = page.locator(".group summary", has_text="HighErrors").first
    await row.click()
    await page.get_by_role("button", name="Silence …").first.click()
    dialog = page.get_by_role("dialog")
    matchers = dialog.get_by_label("Matchers")
    await expect(matchers).to_have_value(re.compile('alertname="HighErrors"'))
    await matchers.fill('alertname="HighErrors"')
    await expect(dialog.locator(".preview")).to_have_text("Matches 2 alerts now.")
    await matchers.fill("alertname=")
    await matchers.fill('service="shop"!')
    await expect(dialog.locator(".preview.is-bad")).to_contain_text("column")
    await matchers.fill('service="shop"')
    await dialog.get_by_label("Why").fill("Known, fixing it")
    await dialog.get_by_role("button", name="Silence").click()
    await expect(dialog).to_have_count(0)
    await expect(row).to_contain_text("Silenced by Ada: Known, fixing it")
    await page.get_by_role("link", name="Silences").click()
    mine = page.locator("ph-silences li", has_text="Known, fixing it")
    await expect(mine).to_contain_text(re.compile("Active.*mutes 2 alerts.*left.*Ada"))
    await mine.locator("summary").click()
    await mine.get_by_role("button", name="End it now …").click()
    await dialog.get_by_role("button", name="End it now").click()
    await expect(mine).to_contain_text("Expired")
    await expect(page.locator(".views")).to_contain_text("3 active")


async def test_a_refused_silence_says_why_in_its_dialog(look: Look) -> None:
    look.scene.busy()
    page = await look.open()
    await page.locator(".group summary").first.click()
    await page.get_by_role("button", name="Silence …").first.click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Matchers").fill('x=~".*"')
    await dialog.get_by_label("Why").fill("everything")
    await dialog.get_by_role("button", name="Silence").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("must not match the empty string")
    await page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)


@pytest.mark.parametrize("person", ["cleo", None])
async def test_who_may_not_silence_is_offered_nothing(look: Look, person: str | None) -> None:
    look.scene.busy()
    page = await look.open(person=person)
    await page.locator(".group summary").first.click()
    await expect(page.locator(".group .more").first).to_contain_text("Fingerprint")
    await expect(page.get_by_role("button", name="Silence …")).to_have_count(0)


async def test_rules_show_what_is_broken_and_a_file_that_is_not_in_use(look: Look) -> None:
    look.scene.busy()
    look.scene.problems.append('rules/shop.yml:7:5: group "shop", rule 1, "HighErrors": could not parse expression')
    page = await look.open("?view=rules")
    await expect(page.locator("#problems")).to_contain_text("rules/shop.yml:7:5")
    await expect(page.locator(".group h2")).to_have_text(["shop", "disks"])
    await expect(page.locator(".group summary").first).to_contain_text(re.compile("Firing.*2 firing.*12 ms"))
    await page.get_by_role("button", name="Broken").click()
    row = page.locator(".group summary")
    await expect(row).to_have_count(1)
    await expect(row).to_contain_text("vector contains metrics with the same labelset")
    await row.click()
    opened = page.locator(".group .more")
    await expect(opened).to_contain_text("7 since the start")
    await expect(opened).to_contain_text("2 turns since the start")
    link = opened.get_by_role("link", name="Open the query in Prometheus")
    await expect(link).to_have_attribute("href", re.compile(r"g0\.expr=predict_linear"))


async def test_a_rules_day_is_drawn_with_deployments_on_its_axis(look: Look) -> None:
    look.scene.busy()
    await look.scene.past()
    await look.program.post("/deployments", {"service": "shop", "version": "v1", "environment": "staging"})
    await look.scene.house.durable.run_for(timedelta(minutes=1))
    page = await look.open("?view=rules")
    await page.locator(".group summary", has_text="HighErrors").click()
    day = page.locator("ph-day").first
    await expect(day.locator(".day-readout")).to_contain_text("Fired 3 times in the last 24 hours")
    rule = day.get_by_role("img", name=re.compile("^The rule: .*firing from .* for"))
    await expect(rule.locator("rect.day-firing")).to_have_count(3)
    await expect(day.get_by_role("img", name=re.compile("instance=10.0.0.1:9100"))).to_have_count(1)
    value = day.get_by_role("img", name=re.compile("the rule holds where it is > 0.05"))
    await expect(value.locator(".day-line")).to_have_count(1)
    await expect(day.locator(".day-mark")).to_have_attribute("title", re.compile("Deploy shop v1 in staging"))
    box, mark = await rule.bounding_box(), await day.locator(".day-mark").bounding_box()
    assert box is not None
    assert mark is not None
    assert box["x"] < mark["x"] + mark["width"] / 2 <= box["x"] + box["width"] + 1  # on the same axis
    await rule.hover(force=True, position={"x": box["width"] * 0.4, "y": 5})
    await expect(day.locator(".day-readout")).to_contain_text(re.compile(r"· (firing|inactive|pending)"))
    await day.get_by_role("button", name="1 h", exact=True).click()
    await expect(day.locator(".day-readout")).to_contain_text("in the last hour")


async def test_a_day_that_cannot_be_read_says_why(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    look.scene.load()
    look.scene.ranges.failure = TemporaryFailure("http://prometheus cannot be reached: refused")
    page = await look.open("?view=rules")
    await page.locator(".group summary").first.click()
    day = page.locator("ph-day").first
    await expect(day).to_contain_text("The value could not be read: http://prometheus cannot be reached: refused.")
    await expect(day.locator(".day-readout")).to_have_text("Did not fire in the last 24 hours")

    async def away(*_: object) -> None:
        raise StorageUnavailable("The database does not answer", "Look whether it runs")

    monkeypatch.setattr(look.scene.house.database.records, "get", away)
    await page.locator(".group summary").nth(1).click()
    await expect(page.locator("ph-day").nth(1)).to_contain_text("Its last day could not be read: The database")


async def test_a_page_that_cannot_be_read_says_why_and_mends(look: Look) -> None:
    look.scene.busy()
    page = await look.open()
    look.scene.away = True
    await look.scene.house.fire()
    await expect(page.locator("#connection")).to_contain_text("Connection lost. Shown as of")
    await expect(page.locator(".group summary")).to_have_count(6)  # what is known stays
    look.scene.away = False
    await expect(page.locator("#connection")).to_have_attribute("data-state", "live")


async def test_a_page_that_was_never_read_says_why_and_tries_again(look: Look) -> None:
    look.scene.away = True
    page = await look.open(state="lost")
    await expect(page.locator("#failure")).to_contain_text("The database does not answer. Look whether it runs.")
    look.scene.away = False
    await page.get_by_role("button", name="Try now").click()
    await expect(page.locator("#failure")).to_be_hidden()
    await expect(page.locator("#connection")).to_have_text("Live")


async def test_the_keyboard_reaches_everything(look: Look) -> None:
    look.scene.busy()
    page = await look.open()
    await expect(page.locator(".group summary")).to_have_count(6)
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    second = page.locator(".group summary").nth(1)
    await expect(second).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("details[open]")).to_have_count(1)
    await page.keyboard.press("Escape")
    await expect(page.locator("details[open]")).to_have_count(0)
    await page.keyboard.press("k")
    await expect(page.locator(".group summary").first).to_be_focused()
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog")).to_contain_text("Filter by matchers or words")


async def test_whatever_has_a_name_stays_text(look: Look) -> None:
    look.scene.busy()
    evil = look.scene.posted(EVIL, MINUTE, x=EVIL)
    evil = replace(evil, annotations={"summary": EVIL, "link": "javascript:alert(1)"}, generator_url="javascript:1")
    look.scene.tell(EVIL, {"x": EVIL}, [evil])
    page = await look.open()
    row = page.locator(".group summary", has_text="<b>bold</b>")
    await row.click()
    await expect(page.locator(".group .facts", has_text="javascript:alert(1)")).to_have_count(1)
    assert await page.locator("main img, main b, main a[href^=javascript]").count() == 0
    assert "owned" not in await page.title()


async def test_three_thousand_alerts_stay_calm_and_fit_a_phone(look: Look) -> None:
    look.scene.full(3000)
    page = await look.open(width=360)
    await expect(page.locator(".views")).to_contain_text("3,003 active")
    rows = page.locator(".group summary")
    await expect(rows.first).to_be_visible()
    assert await rows.count() <= 200
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    zone = page.locator(".group", has_text="zone=zone-0")
    await zone.get_by_role("button", name="Show 409 more alerts of this group").click()
    await expect(zone.locator("summary")).to_have_count(429)
    await page.get_by_role("link", name="Rules").click()
    await expect(page.get_by_role("button", name="Show 804 more")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
