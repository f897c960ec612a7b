"""What a newcomer does, in a real Chromium: the real product, its workspace's page, a real Prometheus, real traffic."""

import asyncio
import os
import re
import shutil
import signal
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browser.demo_page import PATIENCE, PageHouse, Room, id_in, sees
from tests.browser.workspace_stub import CHROMIUM, a_browser

__all__ = ["a_browser"]  # fixtures are found by standing here
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="no Chromium: apt-get install chromium"),
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="no Prometheus: apt-get install prometheus"),
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("six points"),
]


# The last events, the newest first. Between them the board's state changes faster than a test can be sure to look.
CAME_BACK = re.compile(
    r"shop in production is running\..*shop-production-\S+ was started again: Ended by SIGKILL\."
    r".*shop in production is being updated: .*shop-production-\S+ is unhealthy: Ended by SIGKILL\."
)


@pytest_asyncio.fixture(scope="module", loop_scope="module", name="house")
async def a_house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PageHouse]:
    async with PageHouse(tmp_path_factory.mktemp("house")) as house:
        yield house


@pytest_asyncio.fixture(loop_scope="module", name="room")
async def a_room(house: PageHouse, browser: Browser) -> AsyncIterator[Room]:
    yield Room(house, browser)
    for context in browser.contexts:
        await context.close()


async def test_people_ask_fill_in_a_form_and_decide_for_each_other(room: Room) -> None:
    me = await room.seat("U0ADA", "deploys")
    await me.type("/ops help")
    await sees(me.private(), "/ops approve ID", "Only visible to you")
    await me.type("/ops status")
    await sees(me.private(), "running · shop in production", "2 of 2 healthy", "primary: @ben")
    await me.type("/ops services")
    await sees(me.private(), "v1, v2, v3, v4")

    await me.type("/deploy")
    form = me.page.locator("dialog[open]")
    await form.get_by_label("Version").fill("two words")
    await form.get_by_role("button", name="Plan deployment").click()
    await expect(form.locator(".input-error:visible")).to_contain_text("one word")
    await form.get_by_role("button", name="Cancel").click()
    await expect(form).to_have_count(0)

    version, running = await room.house.other(), await room.house.version()
    title = f"Deploy shop {version} to production"
    message = await me.ask(f"/ops deploy shop {version} to production", title)
    await sees(message, "Waiting for approval", f"{running} → {version}", "careful: 10 → 50 → 100 %", "error ratio")
    await sees(message, "0 of 1 needed approvals")
    await me.press(message, f"Approve {version}")
    await sees(me.private(), "Another person has to approve this")
    await me.become("Ben")
    await me.press(message, "Reject")
    await sees(message, "Cancelled · rejected", re.compile(r"Rejected by @ben · Today \d+:\d\d"))
    await expect(message.get_by_role("button", name=f"Approve {version}")).to_have_count(0)


async def test_a_canary_rewrites_its_message_and_loses_no_request(room: Room) -> None:
    ada, ben = await room.pair()
    version = await room.house.other()
    message, theirs = await room.deploy(ada, ben, version)
    await sees(theirs, re.compile(r"Approved by @ben · Today \d+:\d\d"))
    await expect(theirs.get_by_role("button", name=f"Approve {version}")).to_have_count(0)
    await sees(message, f"▰▱▱▱▱▱▱▱▱▱ 10 % of traffic on {version}", re.compile(r"step 1 of 3 · (\d+s left|checking)"))
    await sees(message, f"▰▰▰▰▰▱▱▱▱▱ 50 % of traffic on {version}", "pass · error ratio 0 % · needs < 5")
    await sees(message, f"▰▰▰▰▰▰▰▰▰▰ 100 % of traffic on {version}", "Succeeded")
    await sees(message, re.compile(r"[\d,]+ requests went through the proxy meanwhile, 0 were lost"))
    await sees(message, re.compile(r"Lost by the load maker\s*0\s*Sent by the load maker\s*[1-9][\d,]*"))
    assert (await room.house.load_counts())["lost"] == 0

    await message.locator("a.replies").click()
    thread = ada.page.locator("ws-thread")
    await sees(thread, f"Ada asked to deploy {version}", "Approved by Ben.", "Step 1 of 3: aiming at 10 %.")
    await sees(thread, f"Deploy shop {version} to production · Done: {version} runs alone.")


async def test_a_bad_version_goes_back_and_a_good_one_can(room: Room) -> None:
    ada, ben = await room.pair()
    house = room.house
    running, before, after = await house.version(), await house.version("staging"), await house.other("staging")
    other = await house.other()
    waiting = await ada.ask(f"/ops deploy shop {other} to production", f"Deploy shop {other} to production")
    await ada.press(waiting, "Abort", sure="Abort")
    await sees(ada.private(), "Cancelled shop", "nothing of it had begun")
    bad, _ = await room.deploy(ada, ben, "v3")

    done = await ada.ask(f"/ops deploy shop {after} to staging", f"Deploy shop {after} to staging")
    await ada.press(done, f"Roll back to {before}", sure="Roll back")
    pressed = await ada.one(f"Roll back shop to {before} in staging", 0)
    await sees(pressed, "Succeeded", f"{after} → {before}")
    again = await ada.ask(f"/ops deploy shop {after} to staging", f"Deploy shop {after} to staging")
    await house.end_of(await id_in(again), "DeploymentSucceeded")
    typed = await ada.ask("/ops rollback shop", f"Roll back shop to {before} in staging")

    await sees(bad, "Rolled back · a gate failed", "Gate error ratio failed", "0 % of traffic on v3")
    await sees(bad, re.compile(r"fail · error ratio [\d.]+ % · needs < 5\S* % · n=\d+"))
    await sees(bad, 'error ratio asked (sum(rate(shop_requests_total{service="shop"')
    await sees(waiting, "Cancelled · aborted")
    await sees(typed, "Succeeded")
    assert await house.version() == running


async def test_who_is_on_call_takes_a_page_and_one_left_alone_climbs(room: Room) -> None:
    house = room.house
    ada, approver = await room.pair()
    ben = await room.seat("U0BEN", "incidents")
    good = await house.version("staging")
    staging = await ben.titled("shop in staging fails").count()
    production = await ben.titled("shop in production fails").count()

    await ada.type("/ops deploy shop v3 to staging")
    incident = await ben.one("shop in staging fails", staging)
    await sees(incident, "Open since", "on call: @ben", "environment=staging", "service=shop", "severity critical")
    await sees(incident, re.compile(r"ShopErrors · value 0\.\d+"), re.compile(r"[\d.]+% of its requests"))
    await sees(incident, "What changed before it", f"shop in staging {good} → v3 by @ada")
    await ben.press(incident, "Acknowledge")
    await ben.press(incident.locator(".section", has_text=f"{good} → v3"), "Roll back", sure="Roll back")
    await room.deploy(ada, approver, "v3")
    await sees(incident, "Acknowledged", "taken by @ben", "Paged @ben · delivered")
    alone = await ben.one("shop in production fails", production)
    await sees(alone, "Next page")
    await ada.go("Pilothouse")
    page = ada.titled("📟 shop in production fails").last
    await sees(page, "@ada you are paged.", "Likely cause: shop in production", "→ v3", "The incident's message")
    await sees(alone, "Paged @ada · delivered")

    await sees(incident, "✅ Resolved by itself", "taken by @ben")
    await expect(incident.get_by_role("button", name="Acknowledge")).to_have_count(0)
    await expect(ada.titled("shop in staging fails")).to_have_count(0)


async def test_a_killed_instance_is_passed_by_and_comes_back(room: Room) -> None:
    house = room.house
    page = await room.browser.new_page()
    await page.goto(house.board)
    row = page.locator("#services summary", has_text="production")
    await expect(row).to_contain_text("2 of 2 healthy", timeout=PATIENCE)
    served = await house.load_counts()
    killed, *_ = await house.processes()
    os.kill(killed, signal.SIGKILL)
    await expect(page.locator("#events")).to_contain_text(CAME_BACK, timeout=PATIENCE)
    await expect(row).to_contain_text(re.compile("Running.*2 of 2 healthy"), timeout=PATIENCE)
    now = await house.load_counts()
    assert now["ok"] > served["ok"]
    assert now["failed"] == served["failed"]
    me = await room.seat("U0ADA", "deploys")
    await me.type("/ops status")
    await sees(me.private(), "running · shop in production", "2 of 2 healthy")
    assert killed not in await house.processes()


async def test_a_killed_product_goes_on_with_its_canary(room: Room) -> None:
    house = room.house
    ada, ben = await room.pair()
    version = await house.other()
    before = await house.load_counts()
    message, _ = await room.deploy(ada, ben, version)
    number = await ada.titled(f"Deploy shop {version} to production").count()
    await sees(message, f"10 % of traffic on {version}")
    pid = house.pid
    await house.kill()
    await asyncio.gather(house.start(), sees(message, f"10 % of traffic on {version}"))
    assert house.pid != pid
    await sees(message, f"50 % of traffic on {version}", "Succeeded", "0 were lost")
    assert await ada.titled(f"Deploy shop {version} to production").count() == number
    now = await house.load_counts()
    assert now["ok"] > before["ok"]
    assert now["lost"] == before["lost"]
    assert await house.version() == version
    shifts = [one.data["weight"] for one in house.chronicle.of(await id_in(message)) if one.type == "WeightShifted"]
    assert shifts == [10, 50, 100]
