"""What people and apps wrote, as the workspace's page draws it: as Slack does, and never as markup."""

import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.workspace_stub import (
    CHROMIUM,
    House,
    a_browser,
    a_house,
    actions,
    button,
    log,
    mrkdwn,
    plain,
)

__all__ = ["a_browser", "a_house"]  # fixtures are found by standing here
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="no Chromium: apt-get install chromium"),
]

EVIL = "<img src=x onerror=alert(1)><script>alert(2)</script>"


@pytest.mark.asyncio(loop_scope="module")
async def test_nothing_that_was_written_becomes_markup(house: House) -> None:
    blocks = [
        {"type": "header", "text": plain(EVIL)},
        mrkdwn(f"{EVIL} *<javascript:alert(3)|click>* <data:text/html,x|data> <https://example.org/?a=1&amp;b=2|fine>"),
        {"type": "context", "elements": [{"type": "plain_text", "text": EVIL}]},
        {"type": "image", "image_url": "https://127.0.0.1:9/x.png", "alt_text": EVIL},
        actions(button(EVIL[:70], "evil")),
    ]
    await house.post("random", EVIL, blocks=blocks)
    await house.post("random", EVIL, username=EVIL)
    await house.post("random", EVIL, attachments=[{"title": EVIL, "title_link": "javascript:alert(4)", "text": EVIL}])
    page = await house.open(house.channel("random"))
    await expect(log(page).locator(".message")).to_have_count(3)
    found = await page.evaluate("""() => ({
        scripts: document.querySelectorAll("main script, main img[src='x']").length,
        inline: document.querySelectorAll("main [onerror], main [style*=expression]").length,
        links: [...document.querySelectorAll("main .message .content a")].map((a) => a.getAttribute("href")),
    })""")
    assert found["scripts"] == found["inline"] == 0
    assert set(found["links"]) <= {"https://example.org/?a=1&b=2", "https://127.0.0.1:9/x.png"}
    await expect(log(page).locator(".refused-link").first).to_have_text("click")


@pytest.mark.asyncio(loop_scope="module")
async def test_mrkdwn_reads_as_slack_draws_it(house: House) -> None:
    page = await house.bare()
    drawn = await page.evaluate(
        """async (texts) => {
            const { mrkdwn } = await import("/prose.js");
            const users = { U1: { name: "ada" } };
            const names = { you: "U1", user: (id) => users[id], channel: () => null, href: () => "#" };
            return texts.map((text) => mrkdwn(text, names).innerHTML.replace(/ class="[^"]*"/g, ""));
        }""",
        [text for text, _ in PROSE],
    )
    assert drawn == [markup for _, markup in PROSE]


def _lines(inside: str) -> str:
    return f"<div>{inside}</div>"


PROSE = [
    ("*bold* _it_ ~gone~ `a*b*`", _lines("<strong>bold</strong> <em>it</em> <s>gone</s> <code>a*b*</code>")),
    ("2*3*4 snake_case_name", _lines("2*3*4 snake_case_name")),
    ("*a _b_ ~c~*", _lines("<strong>a <em>b</em> <s>c</s></strong>")),
    ("&lt;b&gt; &amp;amp;", _lines("&lt;b&gt; &amp;amp;")),
    ("```\nx *y*\n```\nz", '<pre tabindex="0">x *y*</pre>' + _lines("z")),
    ("an ``` alone", _lines("an ``` alone")),
    ("&gt; said\n&gt; twice\nme", "<blockquote>said<br>twice</blockquote>" + _lines("me")),
    ("• a\n• b\n1. c", '<ul><li>a</li><li>b</li></ul><ol><li value="1">c</li></ol>'),
    (
        "<@U1> <@U9> <!here> <#C9|ops>",
        _lines("<span>@ada</span> <span>@U9</span> <span>@here</span> <span>#ops</span>"),
    ),
    ("<!date^0^{nonsense}|then>", _lines("then")),
    ("12:30:45 :nosuch:", _lines("12:30:45 :nosuch:")),
    ("<javascript:alert(1)|x>", _lines('<span title="This link is not followed">x</span>')),
]


@pytest.mark.asyncio(loop_scope="module")
async def test_dates_take_the_zone_of_the_reader(house: House) -> None:
    page = await house.bare()
    shown = await page.evaluate("""async () => {
        const { slackDate } = await import("/time.js");
        const now = new Date(2026, 10, 24, 12, 0, 0);
        const unix = new Date(2026, 10, 24, 9, 5, 7).getTime() / 1000;
        const tokens = ["date_num", "date", "date_short", "date_long", "date_pretty", "time_secs", "ago"];
        return tokens.map((token) => slackDate(`{${token}}`, unix, now));
    }""")
    assert shown == [
        "2026-11-24",
        "November 24th",
        "Nov 24",
        "Tuesday, November 24th",
        "Today",
        "9:05:07 AM",
        "3 hours ago",
    ]


def test_no_script_or_style_stands_in_the_html() -> None:
    """The Content-Security-Policy would refuse them, and the page would be broken without a word."""
    page = Path(__file__).parents[2] / "bot" / "workspace" / "page"
    html = (page / "index.html").read_text(encoding="utf-8")
    assert re.findall(r"<script(?![^>]*src=)|\sstyle=|\son\w+=|https?://", html) == []
    modules = {found.name for found in page.glob("*.js")}
    assert modules == set(re.findall(r'"([\w]+\.js)"', html))
    as_markup = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write")
    assert [found.name for found in page.glob("*.js") if as_markup.search(found.read_text("utf-8"))] == []
