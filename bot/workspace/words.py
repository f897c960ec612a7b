"""What a person types, as Slack hands it to apps. Source: Slack's "Formatting text for app surfaces". Pure."""

import re
from collections.abc import Callable
from typing import Final

from bot.workspace.model import State

NAMED: Final = re.compile(r"(?<![\w&])([@#])([\w.-]*\w)")
TOKEN: Final = re.compile(r"<(?:[@#][A-Z0-9]+(?:\|[^<>]*)?|!(?:here|channel|everyone))>")
LOUD: Final = ("here", "channel", "everyone")


def as_message(words: str, state: State) -> str:
    """A message's text: & < > escaped, @name and #name turned into references. References stay as they are."""
    return _outside_tokens(words, lambda part: _named(escape(part), state, labels=False))


def as_command(words: str, state: State) -> str:
    """A command's text with should_escape: references carry the name as a label."""
    return _outside_tokens(words, lambda part: _named(escape(part), state, labels=True))


def escape(words: str) -> str:
    """The three control characters & < > as entities, so that typed words are never taken for references."""
    return words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _outside_tokens(words: str, change: Callable[[str], str]) -> str:
    parts, end = [], 0
    for token in TOKEN.finditer(words):
        parts += [change(words[end : token.start()]), token.group()]
        end = token.end()
    return "".join([*parts, change(words[end:])])


def _named(words: str, state: State, *, labels: bool) -> str:
    def reference(found: re.Match[str]) -> str:
        sign, name = found.groups()
        if sign == "@" and name in LOUD:
            return f"<!{name}>"
        known = _known(sign, name, state)
        label = f"|{name}" if labels or sign == "#" else ""
        return f"<{sign}{known}{label}>" if known else found.group()

    return NAMED.sub(reference, words)


def _known(sign: str, name: str, state: State) -> str:
    if sign == "#":
        channel = state.find_channel(name)
        return channel.id if channel and not channel.is_im else ""
    return next((user.id for user in state.users.values() if user.name == name.lower()), "")
