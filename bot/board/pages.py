"""The small pages around the board: sign in, sign out, and why somebody is not let in. Pure."""

from __future__ import annotations

from html import escape
from typing import Final

from bot.board.frame import HEAD

_STYLE: Final = '  <link rel="stylesheet" href="/board/style.css">'
_DOOR: Final = """<body class="door">
  <main class="door-card">
    <p class="wordmark"><img src="/board/icon.svg" alt="" width="20" height="20">Pilothouse</p>
    <h1>{title}</h1>
    {body}
  </main>
</body>
</html>
"""
_SIGN_IN: Final = """<p>Your link is good once, for five minutes.</p>
    <form method="post" action="/signin">
      <input type="hidden" name="code" value="{code}">
      <button class="button" autofocus>Sign in</button>
    </form>"""
_SIGN_OUT: Final = """<p>You will need a new link from chat to come back.</p>
    <form method="post" action="/signout"><button class="button" autofocus>Sign out</button></form>"""
_WAY_IN: Final = """<p>{reason}</p>
    <ol class="steps-in">
      <li>Type <code>/ops board</code> in chat.</li>
      <li>Open the link that only you can see. In this browser it leads to the page you asked for.</li>
    </ol>
    <p class="soft">Programs use a token: <code>pilothouse token create</code>.</p>
    <script type="module" src="/board/return.js"></script>"""


def sign_in(code: str) -> str:
    """A button that spends the code, so that a preview which only follows the link does not."""
    return _page(title="Sign in to the board", body=_SIGN_IN.format(code=escape(code, quote=True)))


def sign_out() -> str:
    """A button that ends the session."""
    return _page(title="Sign out", body=_SIGN_OUT)


def way_in(reason: str) -> str:
    """For whoever is not signed in. A browser that is, and came by a link from elsewhere, returns by itself."""
    return _page(title="Sign in to the board", body=_WAY_IN.format(reason=escape(reason)))


def refused(reason: str, remedy: str) -> str:
    """For whoever may not."""
    return _page(title="Not for you yet", body=f"<p>{escape(reason)}</p>\n    <p>{escape(remedy)}</p>")


def _page(*, title: str, body: str) -> str:
    return HEAD.format(title=f"{title} · Pilothouse", links=_STYLE) + _DOOR.format(title=title, body=body)
