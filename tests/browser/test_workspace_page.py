"""The workspace's page in a real Chromium, against the real workspace and a stand-in app."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from bot.workspace import Workspace, random_config
from tests.browser.workspace_stub import (
    CHANNELS,
    CHROMIUM,
    MANIFEST,
    House,
    a_browser,
    a_house,
    actions,
    button,
    composer,
    log,
    mrkdwn,
    say,
)

__all__ = ["a_browser", "a_house"]  # fixtures are found by standing here
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="no Chromium: apt-get install chromium"),
]


@pytest.mark.asyncio(loop_scope="module")
async def test_a_newcomer_lands_in_general_as_the_first_person(house: House) -> None:
    page = await house.open(user="")
    await expect(page).to_have_title(re.compile("#general · Ada Lovelace · Harbour"))
    await expect(page.locator(".place[aria-current=page]")).to_have_text("general")
    await say(page, "Hello *world*, it is <b>me</b> & @grace")
    await expect(log(page).locator(".message")).to_contain_text("Hello world, it is <b>me</b> & @grace")
    await expect(log(page).locator("strong", has_text="world")).to_be_visible()
    await expect(composer(page)).to_have_value("")


@pytest.mark.asyncio(loop_scope="module")
async def test_an_address_that_is_no_longer_right_leads_somewhere(house: House) -> None:
    page = await house.open("CNOSUCH", user="UNOBODY")
    await expect(page.locator(".person")).to_contain_text("Ada Lovelace")
    await expect(page.locator(".place[aria-current=page]")).to_have_text("general")
    ts = await house.post("deploys", "Look at this")
    await page.goto(f"{house.workspace.url}archives/{house.channel('deploys')}/p{ts.replace('.', '')}")
    await expect(page.locator("ws-thread .message")).to_contain_text("Look at this")


@pytest.mark.asyncio(loop_scope="module")
async def test_two_tabs_are_two_people(house: House) -> None:
    ada = await house.open(house.channel("deploys"))
    grace = await house.open(house.channel("general"), user="U0GRACE")
    await say(ada, "@grace please look")
    await expect(grace.locator(".place.is-unread")).to_contain_text("deploys")
    await expect(grace.locator(".place.is-unread .count")).to_contain_text("1")
    await grace.locator(".place.is-unread").click()
    await expect(log(grace).locator(".mention-you")).to_have_text("@grace")
    await expect(grace.locator(".separator-new")).to_be_visible()
    await expect(grace.locator(".place .count")).to_have_count(0)
    await grace.reload()
    await expect(grace.locator(".person")).to_contain_text("Grace Hopper")
    await expect(grace.locator(".pane-title").first).to_have_text("deploys")


@pytest.mark.asyncio(loop_scope="module")
async def test_switching_people_keeps_the_channel(house: House) -> None:
    await house.app.web.chat_postEphemeral(channel=house.channel("deploys"), user="U0ADA", text="For you alone")
    page = await house.open(house.channel("deploys"))
    await expect(log(page).locator(".is-ephemeral")).to_contain_text("Only visible to you")
    await page.locator(".person").click()
    await page.get_by_role("menuitemradio", name="Alan Turing").click()
    await expect(page.locator(".person")).to_contain_text("Alan Turing")
    await expect(page.locator(".pane-title").first).to_have_text("deploys")
    await expect(log(page).locator(".message")).to_have_count(0)
    await say(page, "I am Alan")
    await expect(log(page).locator(".author")).to_have_text("Alan Turing")


@pytest.mark.asyncio(loop_scope="module")
async def test_a_rewrite_above_does_not_move_what_one_reads(house: House) -> None:
    first = await house.post("random", "short")
    for number in range(60):
        await house.post("random", f"line {number}\nsecond line")
    page = await house.open(house.channel("random"))
    await expect(log(page).locator(".message").last).to_contain_text("line 59")
    await page.locator(".jump").click()
    await expect(log(page).locator(".message").last).to_be_in_viewport()
    scroller = page.locator("ws-conversation .scroller")
    await scroller.evaluate("(node) => node.scrollTop = 0")
    await expect(log(page).locator(".message")).to_have_count(61)
    reading = log(page).locator(".message", has_text=re.compile("line 9"))
    await scroller.evaluate("(node) => node.scrollTop = 300")
    before = await _top(reading)
    await house.app.web.chat_update(channel=house.channel("random"), ts=first, text="\n".join(["long"] * 20))
    await expect(log(page).locator(".message").first).to_contain_text("long")
    assert abs(await _top(reading) - before) < 1  # a fraction of a pixel is lost in scrollTop
    await house.post("random", "newest")
    await expect(page.locator(".jump")).to_contain_text("1 new message")
    assert abs(await _top(reading) - before) < 1  # a fraction of a pixel is lost in scrollTop
    await page.locator(".jump").click()
    await expect(log(page).locator(".message").last).to_be_in_viewport()


async def _top(row: Any) -> float:
    return float(await row.evaluate("(node) => node.getBoundingClientRect().top"))


@pytest.mark.asyncio(loop_scope="module")
async def test_commands_are_completed_remembered_and_refused(house: House) -> None:
    page = await house.open(house.channel("deploys"))
    await composer(page).press_sequentially("/o")
    offers = page.locator("ws-conversation .offer")
    await expect(offers).to_have_count(2)
    await composer(page).press("ArrowDown")
    await composer(page).press("ArrowUp")
    await composer(page).press("Tab")
    await expect(composer(page)).to_have_value("/ops ")
    await expect(offers).to_contain_text("help | status")
    await composer(page).press_sequentially("status")
    await composer(page).press("Enter")
    await expect(composer(page)).to_have_value("")
    await composer(page).press("ArrowUp")
    await expect(composer(page)).to_have_value("/ops status")
    await composer(page).press("ArrowDown")
    await expect(composer(page)).to_have_value("")
    await say(page, "/nothing like this")
    await expect(page.locator("ws-conversation .composer-note")).to_contain_text("/nothing is not a command here")
    await expect(composer(page)).to_have_value("/nothing like this")
    assert [payload["text"] for payload in house.app.heard] == ["status"]


@pytest.mark.asyncio(loop_scope="module")
async def test_threads_by_keyboard(house: House) -> None:
    await house.post("deploys", "First")
    await house.post("deploys", "Second")
    page = await house.open(house.channel("deploys"))
    await expect(log(page).locator(".message")).to_have_count(2)
    await page.evaluate("document.activeElement.blur()")
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    await expect(log(page).locator(".message").nth(1)).to_be_focused()
    await page.keyboard.press("k")
    await page.keyboard.press("Enter")
    thread = page.locator("ws-thread")
    await expect(thread.locator(".message")).to_contain_text("First")
    await expect(thread.locator("textarea")).to_be_focused()
    await page.keyboard.type("A reply")
    await page.keyboard.press("Enter")
    await expect(thread.locator(".message").nth(1)).to_contain_text("A reply")
    await expect(log(page).locator(".replies")).to_contain_text("1 reply")
    await page.keyboard.type("/ops")
    await page.keyboard.press("Enter")
    await page.keyboard.press("Enter")
    await expect(thread.locator(".composer-note")).to_contain_text("does not work in a thread")
    await page.keyboard.press("Escape")
    await expect(thread).to_be_hidden()
    await page.evaluate("document.activeElement.blur()")
    await page.keyboard.press("/")
    await expect(composer(page)).to_be_focused()
    await page.evaluate("document.activeElement.blur()")
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()


@pytest.mark.asyncio(loop_scope="module")
async def test_home_fills_itself_and_its_buttons_reach_the_app(house: House) -> None:
    page = await house.open("A0WORKSPACE")
    await expect(page.locator("ws-home")).to_contain_text("shows nothing here yet")
    view = {"type": "home", "blocks": [mrkdwn("*Waiting for you*"), actions(button("Review", "review"))]}
    await house.app.web.views_publish(user_id="U0ADA", view=view)
    await page.locator("ws-home").get_by_role("button", name="Review").click()
    await expect(page.locator("ws-home .button")).not_to_have_class(re.compile("is-pending"))
    assert house.app.heard[-1]["container"]["type"] == "view"


@pytest.mark.asyncio(loop_scope="module")
async def test_a_message_shortcut_carries_its_message(house: House) -> None:
    await house.post("deploys", "It burns")
    page = await house.open(house.channel("deploys"))
    await log(page).locator(".message").hover()
    await page.get_by_role("button", name="Message shortcuts").click()
    await page.get_by_role("menuitem", name="Make an incident").click()
    heard = await house.app.next_heard()
    assert heard["message"]["text"] == "It burns"


@pytest.mark.asyncio(loop_scope="module")
async def test_a_channel_that_the_app_made_can_be_joined(house: House) -> None:
    page = await house.open(house.channel("deploys"))
    await house.app.web.conversations_create(name="incident-42")
    await page.locator(".place", has_text="incident-42").click()
    await expect(composer(page)).to_be_hidden()
    await page.get_by_role("button", name="Join").click()
    await say(page, "I am in")
    await expect(log(page).locator(".message")).to_contain_text("I am in")


@pytest.mark.asyncio(loop_scope="module")
async def test_a_narrow_page_is_one_pane_at_a_time(house: House) -> None:
    await house.post("deploys", "Look")
    page = await house.open(house.channel("deploys"), width=360, height=640)
    await expect(page.locator("ws-sidebar")).to_be_hidden()
    await page.get_by_role("button", name="Back to the list").click()
    await expect(page.locator("ws-sidebar")).to_be_visible()
    await page.locator(".place", has_text="deploys").click()
    await log(page).locator(".message").hover()
    await page.get_by_role("button", name="Reply in thread").click()
    await expect(page.locator("ws-thread .message")).to_contain_text("Look")
    await expect(log(page)).to_be_hidden()
    await page.get_by_role("button", name="Back to the channel").click()
    await expect(log(page)).to_be_visible()
    wide = await page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 360


@pytest.mark.asyncio(loop_scope="module")
async def test_the_theme_is_remembered(house: House) -> None:
    page = await house.open(house.channel("deploys"))
    await page.get_by_role("button", name=re.compile("^Theme")).click()
    await page.get_by_role("button", name=re.compile("^Theme")).click()
    await page.reload()
    ground = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(23, 27, 30)"


@pytest.mark.asyncio(loop_scope="module")
async def test_events_may_come_in_pieces_twice_and_in_any_order(house: House) -> None:
    page = await house.bare()
    found = await page.evaluate("""async () => {
        const { EventParser } = await import("/events.js");
        const { reduce, initial, threadKey } = await import("/store.js");
        const parser = new EventParser();
        const pieces = [": still here\\n\\nid: a-1\\nevent: mess", "age\\ndata: {\\"x\\":", "1}\\n\\n"];
        const parsed = pieces.flatMap((piece) => parser.feed(piece));

        const post = (ts, more) => ({ type: "message", channel: "C1", message: { ts, user: "U1", ...more } });
        const reply = post("3.0", { thread_ts: "1.0" });
        const parent = { ts: "1.0", user: "U1", reply_count: 1, reply_users: ["U1"], latest_reply: "3.0" };
        const events = [
            { type: "conversation_loading", channel: "C1" },
            { type: "thread_loading", channel: "C1", ts: "1.0" },
            post("2.0"), post("1.0"), post("2.0"), reply, reply,
            { type: "message_changed", channel: "C1", message: parent }, reply,
            { type: "message_deleted", channel: "C1", ts: "2.0" },
            { type: "message_changed", channel: "C1", message: { ts: "9.0" } },
            { type: "constructor" },
        ];
        const state = events.reduce(reduce, initial);
        const { messages } = state.conversations.C1;
        return {
            parsed,
            channel: messages.map((message) => [message.ts, message.reply_count]),
            thread: state.threads[threadKey("C1", "1.0")].messages.map((message) => message.ts),
        };
    }""")
    assert found["parsed"] == [{"id": "a-1", "name": "message", "data": '{"x":1}'}]
    assert found["channel"] == [["1.0", 1]]
    assert found["thread"] == ["3.0"]


@pytest.mark.asyncio(loop_scope="module")
async def test_the_page_mends_itself_when_the_workspace_restarts(browser: Browser, tmp_path: Path) -> None:
    config = random_config(manifest=MANIFEST, channels=CHANNELS, rates=None, journal=tmp_path / "journal")
    page = await browser.new_page()
    async with Workspace(config) as first:
        port = int(first.url.rsplit(":", 1)[1].strip("/"))
        await page.goto(f"{first.url}#/U0ADA")
        await expect(log(page)).to_be_visible()
        await say(page, "Before")
        await expect(log(page)).to_contain_text("Before")
    await expect(page.locator("#banner")).to_contain_text("The connection to the workspace is lost")
    again = random_config(
        manifest=MANIFEST, channels=CHANNELS, rates=None, journal=tmp_path / "journal", port=port,
        credentials=config.credentials,
    )  # fmt: skip
    async with Workspace(again) as second:
        grace = await second.client("grace")
        await grace.say("general", "After")
        await page.get_by_role("button", name="Try now").click()
        await expect(log(page)).to_contain_text("After")
        await expect(page.locator("#banner")).to_have_text("Connected again.")
        await expect(log(page).locator(".message", has_text="Before")).to_have_count(1)
        await page.close()
