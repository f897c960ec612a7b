"""Buttons, selects and modals of the workspace's page, and what the app hears of them."""

import asyncio
import re
from datetime import timedelta

import pytest
from playwright.async_api import expect

from tests.browser.workspace_stub import (
    CHROMIUM,
    House,
    Json,
    a_browser,
    a_house,
    actions,
    button,
    log,
    mrkdwn,
    never,
    plain,
)

__all__ = ["a_browser", "a_house"]  # fixtures are found by standing here
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="no Chromium: apt-get install chromium"),
]


@pytest.mark.asyncio(loop_scope="module")
async def test_a_button_waits_for_the_app_and_the_message_is_rewritten(house: House) -> None:
    answer = asyncio.Event()

    async def approve(payload: Json) -> None:
        await answer.wait()
        await house.app.web.chat_update(
            channel=payload["channel"]["id"], ts=payload["message"]["ts"], text="Approved by @ada", blocks=[]
        )

    house.app.on["approve"] = approve
    confirm = {"title": plain("Sure?"), "text": plain("Really?"), "confirm": plain("Do it"), "deny": plain("No")}
    blocks = [mrkdwn("Deploy?"), actions(button("Approve", "approve", style="primary", confirm=confirm))]
    await house.post("deploys", "Deploy?", blocks=blocks)
    page = await house.open(house.channel("deploys"))
    approving = log(page).get_by_role("button", name="Approve")
    await approving.click()
    await page.get_by_role("button", name="No").click()
    assert house.app.heard == []
    await approving.click()
    await page.get_by_role("button", name="Do it").click()
    await expect(approving).to_have_class(re.compile("is-pending"))
    await approving.click()
    await expect(page.get_by_role("dialog")).to_be_visible()
    await page.keyboard.press("Escape")
    answer.set()
    await expect(log(page).locator(".message")).to_contain_text("Approved by @ada (edited)")
    assert [payload["actions"][0]["action_id"] for payload in house.app.heard] == ["approve"]


@pytest.mark.asyncio(loop_scope="module")
async def test_a_button_says_after_three_seconds_that_it_still_waits(house: House) -> None:
    answer = asyncio.Event()

    async def late(payload: Json) -> None:
        await answer.wait()

    house.app.on["late"] = late
    await house.post("deploys", "Late?", blocks=[actions(button("Late", "late"))])
    page = await house.open(house.channel("deploys"))
    await expect(log(page).locator(".message")).to_be_visible()
    await page.clock.install()
    await log(page).get_by_role("button", name="Late").click()
    await page.clock.fast_forward(3000)
    await expect(log(page).locator(".press-note")).to_contain_text("has not answered for 3 seconds. Still waiting.")
    answer.set()
    await expect(log(page).locator(".press-note")).to_be_hidden()
    await expect(log(page).get_by_role("button", name="Late")).not_to_have_class(re.compile("is-pending"))


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("house", [{"ack_timeout": timedelta(milliseconds=200)}], indirect=True)
async def test_a_button_says_that_the_app_did_not_answer(house: House) -> None:
    house.app.on["slow"] = never
    await house.post("deploys", "Slow?", blocks=[actions(button("Slow", "slow"))])
    page = await house.open(house.channel("deploys"))
    slow = log(page).get_by_role("button", name="Slow")
    await slow.click()
    await expect(log(page).locator(".press-note")).to_contain_text("did not answer within 3 seconds")
    await expect(slow).not_to_have_class(re.compile("is-pending"))


FORM: Json = {
    "type": "modal",
    "callback_id": "form",
    "title": plain("Deploy"),
    "submit": plain("Go"),
    "private_metadata": "kept",
    "blocks": [
        {
            "type": "input",
            "block_id": "version",
            "label": plain("Version"),
            "element": {"type": "plain_text_input", "action_id": "v", "min_length": 2, "max_length": 8},
        },
        {
            "type": "input",
            "block_id": "service",
            "label": plain("Service"),
            "element": {
                "type": "static_select",
                "action_id": "s",
                "options": [{"text": plain(name), "value": name} for name in ("cart", "checkout", "shop")],
            },
        },
    ],
}


@pytest.mark.asyncio(loop_scope="module")
async def test_a_modal_shows_errors_at_its_inputs_and_keeps_what_was_typed(house: House) -> None:
    page = await house.open(house.channel("deploys"))
    await house.open_modal(page, FORM)
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Go").click()
    await expect(dialog.locator(".input-error:visible")).to_have_count(2)
    await dialog.get_by_label("Version").fill("v2")
    await dialog.locator(".picker").click()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(dialog.locator(".picker")).to_contain_text("checkout")

    async def refuse(payload: Json) -> Json:
        return {"response_action": "errors", "errors": {"version": "There is no v2"}}

    house.app.on["form"] = refuse
    await dialog.get_by_role("button", name="Go").click()
    await expect(dialog.locator(".input-error:visible")).to_have_text(["There is no v2"])
    await expect(dialog.get_by_label("Version")).to_be_focused()
    await expect(dialog.get_by_label("Version")).to_have_value("v2")
    house.app.on.pop("form")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    view = house.app.heard[-1]["view"]
    assert view["private_metadata"] == "kept"
    assert view["state"]["values"]["service"]["s"]["selected_option"]["value"] == "checkout"


@pytest.mark.asyncio(loop_scope="module")
async def test_modals_stack_and_escape_goes_back(house: House) -> None:
    async def push(payload: Json) -> None:
        view = {"type": "modal", "title": plain("Second"), "blocks": [mrkdwn("On top")]}
        await house.app.web.views_push(trigger_id=payload["trigger_id"], view=view)

    house.app.on["deeper"] = push
    page = await house.open(house.channel("deploys"))
    first = {**FORM, "blocks": [FORM["blocks"][0], actions(button("Deeper", "deeper"))]}
    await house.open_modal(page, first)
    await page.get_by_label("Version").fill("v9")
    await page.get_by_role("button", name="Deeper").click()
    await expect(page.get_by_role("heading", name="Second")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("heading", name="Deploy", exact=True)).to_be_visible()
    await expect(page.get_by_label("Version")).to_have_value("v9")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    assert house.workspace.state.views == {}


@pytest.mark.asyncio(loop_scope="module")
async def test_selects_ask_the_app_and_tell_it_what_was_chosen(house: House) -> None:
    async def offer(payload: Json) -> Json | None:
        if payload["type"] != "block_suggestion":
            return None
        return {"options": [{"text": plain(f"{payload['value']}-{n}"), "value": str(n)} for n in range(3)]}

    house.app.on["asked"] = offer
    several = {
        "type": "multi_static_select",
        "action_id": "several",
        "placeholder": plain("Several"),
        "options": [{"text": plain(name), "value": name} for name in ("one", "two", "three")],
    }
    asked = {"type": "external_select", "action_id": "asked", "placeholder": plain("Search"), "min_query_length": 1}
    await house.post("deploys", "Choose", blocks=[{**mrkdwn("Which?"), "accessory": several}, actions(asked)])
    page = await house.open(house.channel("deploys"))
    await log(page).locator(".picker", has_text="Several").click()
    await page.keyboard.press("Enter")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await page.keyboard.press("Escape")
    told = (await house.app.next_heard())["actions"][0]
    assert [option["value"] for option in told["selected_options"]] == ["one", "two"]
    await log(page).locator(".picker", has_text="Search").click()
    await page.keyboard.type("shop")
    await page.get_by_role("option", name="shop-2").click()
    await expect(log(page).locator(".picker").last).to_contain_text("shop-2")
    heard = [await house.app.next_heard(), await house.app.next_heard()]
    assert [payload["type"] for payload in heard] == ["block_suggestion", "block_actions"]
    assert heard[1]["actions"][0]["selected_option"]["value"] == "2"
