"""The shortest history that leads to a state. Pure."""

from collections.abc import Iterator

from bot.workspace.model import (
    ChannelSaved,
    Event,
    GroupSaved,
    HomePublished,
    MessagePosted,
    ReadMarked,
    ResponseUrlSaved,
    State,
    UserSaved,
    ViewOpened,
)


def snapshot(state: State) -> Iterator[Event]:
    """Events whose fold is `state` again, but for what left no trace (empty lists, the ts of deleted messages)."""
    yield from (UserSaved(user) for user in state.users.values())
    yield from (GroupSaved(group) for group in state.groups.values())
    yield from (ChannelSaved(channel) for channel in state.channels.values())
    for message in sorted(state.messages.values(), key=lambda one: one.ts):
        yield MessagePosted(message)
    for (user, channel), ts in state.reads.items():
        yield ReadMarked(user, channel, ts)
    yield from (ViewOpened(view) for view in state.views.values())
    yield from (HomePublished(view) for view in state.homes.values())
    yield from (ResponseUrlSaved(url) for url in state.urls.values() if url.uses)
