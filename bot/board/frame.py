"""The frame of every page of the board: its head, its top, the modules it loads. Its middle is a file of its own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Final

FILES: Final = Path(__file__).parent / "page"
MIDDLES: Final = Path(__file__).parent / "middle"
NAMED: Final = (("/", "Board"), ("/alerts", "Alerts"), ("/reports", "Reports"))
_IMPORT: Final = re.compile(r'(?:from|import) "\./([\w.]+)"')

HEAD: Final = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="color-scheme" content="light dark">
  <title>{title}</title>
  <link rel="icon" href="/board/icon.svg" type="image/svg+xml">
  <script src="/board/theme.js"></script>
{links}
</head>
"""
_BODY: Final = """<body data-state="loading">
  <a class="skip" href="#{skip}">Skip to {skip_words}</a>
  <header class="top">
    <a class="wordmark" href="/"><img src="/board/icon.svg" alt="" width="20" height="20"><span>Pilothouse</span></a>
    <nav class="pages" aria-label="Pages">{pages}</nav>
    <p id="connection" class="connection" role="status">Connecting …</p>
    <div class="tools">
      <span id="you" class="you"></span>
      <button id="keys" class="tool" type="button" aria-label="Keyboard shortcuts" title="Keyboard shortcuts (?)"><kbd>?</kbd></button>
      <button id="theme" class="tool" type="button"></button>
    </div>
  </header>
  <main>
{middle}  </main>
  <p id="announce" class="hidden" aria-live="polite"></p>
  <noscript><p class="failure">The board needs JavaScript. Nothing is loaded from elsewhere.</p></noscript>
</body>
</html>
"""  # noqa: E501  # a line of markup is one


@dataclass(frozen=True, slots=True)
class BoardPage:
    """One page: `name` is that of its middle, `script` the module that runs it, `skip` what comes after the top.

    `at` is its address when the top names it.
    """

    name: str
    title: str
    script: str
    styles: tuple[str, ...]
    skip: tuple[str, str]
    at: str = ""


PAGES: Final = (
    BoardPage(
        "index", "Pilothouse", "app.js", ("rows.css", "deployment.css", "service.css"), ("services", "services"), "/"
    ),
    BoardPage(
        "alerts", "Alerts · Pilothouse", "alerts_page.js", ("rows.css", "alerts.css"), ("list", "the list"), "/alerts"
    ),
    BoardPage(
        "reports",
        "Reports · Pilothouse",
        "reports_page.js",
        ("rows.css", "alerts.css", "reports.css"),
        ("figures", "the figures"),
        "/reports",
    ),
    BoardPage(
        "deployment",
        "Deployment · Pilothouse",
        "deployment_page.js",
        ("rows.css", "alerts.css", "deployment.css"),
        ("deployment", "the deployment"),
    ),
    BoardPage(
        "service",
        "Service · Pilothouse",
        "service_page.js",
        ("rows.css", "alerts.css", "deployment.css", "service.css"),
        ("service", "the service"),
    ),
    BoardPage(
        "trains",
        "Release trains · Pilothouse",
        "trains_page.js",
        ("rows.css", "alerts.css", "deployment.css", "service.css"),
        ("trains", "the trains"),
    ),
)


def render_page(page: BoardPage) -> str:
    """The whole page, for whoever is let in. What it shows is asked for by its script."""
    middle = (MIDDLES / f"{page.name}.html").read_text(encoding="utf-8")
    lines = "".join(f"    {line}\n" for line in middle.splitlines())
    skip, words = page.skip
    links = [*(f'  <link rel="stylesheet" href="/board/{name}">' for name in ("style.css", *page.styles))]
    links.append(f'  <script type="module" src="/board/{page.script}"></script>')
    # Named here, so that no module waits for another one to name it.
    links += [f'  <link rel="modulepreload" href="/board/{name}">' for name in sorted(imported(page.script))]
    head = HEAD.format(title=escape(page.title), links="\n".join(links))
    return head + _BODY.format(skip=skip, skip_words=words, pages=_pages(page.at), middle=lines)


def _pages(at: str) -> str:
    here = {at: ' aria-current="page"'}
    return "".join(f'<a href="{path}"{here.get(path, "")}>{word}</a>' for path, word in NAMED)


def imported(script: str) -> set[str]:
    """Every module that the script imports, directly or not."""
    found: set[str] = set()
    waiting = [script]
    while waiting:
        text = (FILES / waiting.pop()).read_text(encoding="utf-8")
        fresh = set(_IMPORT.findall(text)) - found
        found |= fresh
        waiting += fresh
    return found
