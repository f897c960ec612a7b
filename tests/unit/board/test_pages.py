"""Signing in, the board's page and its files."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import pytest
from aiohttp import ClientSession, CookieJar

from bot.board import pages
from bot.board.asked import own
from bot.board.frame import FILES, PAGES, BoardPage, imported, render_page
from engine.deployments.deployment import PersonId
from tests.unit.api.house import Client, House, Json, a_client

WORLD: Json = {"listens_on": "0.0.0.0"}


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """A board that others can reach, so that it asks for a sign-in."""
    async with a_client(House(**WORLD)) as asking:
        asking.house.access._address = asking.house.access._address._replace(netloc=asking.house.url[7:])
        yield asking


async def link(client: Client, person: str = "ada") -> str:
    code = await client.house.sessions.new_code(PersonId(person), at=client.house.clock())
    return f"{client.house.url}/signin?code={code}"


async def sign_in(client: Client, http: ClientSession, url: str, **headers: str) -> int:
    """As the page's button does."""
    code = url.partition("code=")[2]
    own = {"Sec-Fetch-Site": "same-origin", **headers}
    async with http.post(f"{client.house.url}/signin", data={"code": code}, headers=own) as answer:
        return answer.status


async def test_a_stranger_is_told_the_way_in(client: Client) -> None:
    async with client.http.get(client.house.url) as answer:
        text = await answer.text()
        assert answer.status == 401
        assert "/ops board" in text
        assert answer.headers["Cache-Control"] == "no-store"


async def test_a_link_lets_in_once_and_only_by_its_button(client: Client) -> None:
    url = await link(client)
    for _ in range(2):  # a preview follows the link and spends nothing
        async with client.http.get(url) as answer:
            assert (answer.status, 'method="post"' in await answer.text()) == (200, True)
    assert await sign_in(client, client.http, url) == 200  # redirected to the board
    async with client.http.get(client.house.url) as answer:
        assert (answer.status, "<ph-services>" in await answer.text()) == (200, True)
    async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as other:
        assert await sign_in(client, other, url) == 401


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(client: Client) -> None:
    own = {"Sec-Fetch-Site": "same-origin"}
    code = (await link(client)).partition("code=")[2]
    address = f"{client.house.url}/signin"
    async with client.http.post(address, data={"code": code}, headers=own, allow_redirects=False) as answer:
        cookie = answer.headers["Set-Cookie"]
        assert (answer.status, answer.headers["Location"]) == (303, "/")
    assert {"HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"} <= set(cookie.split("; "))
    assert "Secure" not in cookie  # this board is reached by plain http


async def asked(client: Client, path: str) -> str:
    """Where signing in leads whoever asked for `path` before."""
    async with client.http.get(f"{client.house.url}{path}") as answer:
        assert answer.status in {200, 401}
    headers = {"Sec-Fetch-Site": "same-origin"}
    code = (await link(client)).partition("code=")[2]
    async with client.http.post(
        f"{client.house.url}/signin", data={"code": code}, headers=headers, allow_redirects=False
    ) as answer:
        assert answer.status == 303
        return answer.headers["Location"]


@pytest.mark.parametrize(
    "path",
    [
        "/deployments/d-0123456789ab",
        "/alerts?q=shop&state=active",
        "/reports?days=7",
        "/services/shop",
        "/trains",
        "/trains/t-0123456789ab",
        "/",
    ],
)
async def test_signing_in_leads_to_the_page_that_was_asked_for(client: Client, path: str) -> None:
    assert await asked(client, path) == path
    await client.http.post(f"{client.house.url}/signout", headers={"Sec-Fetch-Site": "same-origin"})
    assert await asked(client, "/signin") == "/"  # it is forgotten by then


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example/deployments/d-1",
        "https://evil.example/",
        "/\\evil.example",
        "/deployments/..%2f..%2fevil",
        "/signout",
        "/alerts?next=https://evil.example",
        "/alerts\r\nSet-Cookie: a=b",
        "/deployments/d-1\n",
        "",
    ],
)
async def test_nobody_is_led_elsewhere(client: Client, path: str) -> None:
    assert own(path) == "/"
    code = (await link(client)).partition("code=")[2]
    headers = {"Sec-Fetch-Site": "same-origin", "Cookie": f'pilothouse-asked="{quote(path)}"'}
    async with client.http.post(
        f"{client.house.url}/signin", data={"code": code}, headers=headers, allow_redirects=False
    ) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/")


def test_with_https_the_cookie_stays_on_it() -> None:
    access = House(listens_on="0.0.0.0", address="https://board.example").access
    assert (access.secure, access.cookie) == (True, "__Host-pilothouse")


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "", "Origin": "null"}])
async def test_another_site_signs_nobody_in_or_out(client: Client, headers: dict[str, str]) -> None:
    url = await link(client)
    assert await sign_in(client, client.http, url, **headers) == 403
    async with client.http.post(f"{client.house.url}/signout", headers=headers) as answer:
        assert answer.status == 403
    assert await sign_in(client, client.http, url) == 200


async def test_signing_out_ends_the_session_itself(client: Client) -> None:
    await sign_in(client, client.http, await link(client))
    cookies = {one.key: one.value for one in client.http.cookie_jar}
    async with client.http.post(f"{client.house.url}/signout", headers={"Sec-Fetch-Site": "same-origin"}) as answer:
        assert answer.status == 401  # redirected to a board that is closed again
    kept = {"Cookie": f"pilothouse={cookies['pilothouse']}"}
    async with client.http.get(client.house.url, headers=kept) as answer:
        assert answer.status == 401


async def test_somebody_without_a_role_reads_who_to_ask(client: Client) -> None:
    await sign_in(client, client.http, await link(client, "dan"))
    async with client.http.get(client.house.url) as answer:
        assert answer.status == 403
        assert "Ask Ada" in await answer.text()


async def test_the_policy_lets_nothing_in(client: Client) -> None:
    await sign_in(client, client.http, await link(client))
    async with client.http.get(client.house.url) as answer:
        policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "require-trusted-types-for 'script'" in policy


@pytest.mark.parametrize("name", ["..%2Froutes.py", "%2Fetc%2Fpasswd", "nothing.js", ".", ".."])
async def test_only_the_pages_own_files_are_served(client: Client, name: str) -> None:
    async with client.http.get(f"{client.house.url}/board/{name}") as answer:
        assert answer.status in {401, 404}  # `..` is the board itself, which is closed


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_the_page_names_is_there_and_no_other_is_loaded(page: BoardPage) -> None:
    text = render_page(page)
    named = re.findall(r'(?:href|src)="/board/([\w.]+)"', text)
    assert all((FILES / name).is_file() for name in named)
    assert len(named) == len(set(named)) + 1  # the icon is at the top too
    loaded = {name for name in named if name.endswith(".js")}
    assert loaded == {"theme.js", page.script} | imported(page.script)
    elements = set(re.findall(r"<(ph-[\w-]+)>", text))
    scripts = "".join((FILES / name).read_text(encoding="utf-8") for name in loaded)
    assert elements <= set(re.findall(r'customElements\.define\("([\w-]+)"', scripts))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_top_says_which_page_it_is(page: BoardPage) -> None:
    current = re.findall(r'<a href="([/\w]+)" aria-current="page">', render_page(page))
    assert current == ([page.at] if page.at else [])


@pytest.mark.parametrize("path", sorted(FILES.glob("*.js")), ids=lambda path: path.name)
def test_no_script_makes_markup_of_text(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|https?://(?!www\.w3)", text)


def test_what_a_link_carries_stays_text() -> None:
    assert '"><script>' not in pages.sign_in('"><script>alert(1)</script>')
    assert "<script>alert" not in pages.way_in("<script>alert(1)</script>")
    assert "<b>" not in pages.refused("<b>", "<b>")
