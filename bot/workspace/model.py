"""What a workspace knows: its values, its events and their fold.

Every change is an event; the state is nothing but the events folded in order, so a journal of events is all
that a restart needs. Timestamps (`ts`) are Slack's: seconds since 1970 with six decimals, as text, unique in
the workspace.
"""

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

UNREAD_COUNTED = 100
"""Unread messages are counted up to this many; a page shows more as "99+"."""


@dataclass(frozen=True, slots=True)
class User:
    """A person or the app's bot. `tz` is a name of the IANA time zone database."""

    id: str
    name: str
    real_name: str
    email: str = ""
    tz: str = "Etc/UTC"
    is_bot: bool = False
    is_guest: bool = False
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Channel:
    """A public channel, or a direct message between two users (`is_im`, without a name)."""

    id: str
    name: str
    creator: str
    created: int
    members: tuple[str, ...] = ()
    topic: str = ""
    purpose: str = ""
    is_im: bool = False

    def partner(self, user: str) -> str:
        """The other one in a direct message; oneself in a message to oneself."""
        return next((member for member in self.members if member != user), user)


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `only_for` names the one who sees an ephemeral message; `reactions` maps emoji to users."""

    ts: str
    channel: str
    user: str
    text: str
    blocks: list[Json] | None = None
    attachments: list[Json] | None = None
    thread_ts: str = ""
    edited_ts: str = ""
    bot_id: str = ""
    app_id: str = ""
    subtype: str = ""
    metadata: Json | None = None
    reactions: dict[str, list[str]] = field(default_factory=dict)
    only_for: str = ""

    @property
    def is_reply(self) -> bool:
        """In a thread without being its parent; Slack gives the parent its own ts as `thread_ts`."""
        return bool(self.thread_ts) and self.thread_ts != self.ts

    @property
    def in_channel(self) -> bool:
        """Shown in the channel itself: not a reply, or a reply that was also sent to the channel."""
        return not self.is_reply or self.subtype == "thread_broadcast"

    def visible_to(self, user: str) -> bool:
        """Whether this user may see it, once in the channel: an ephemeral message has one reader."""
        return not self.only_for or self.only_for == user


@dataclass(frozen=True, slots=True)
class View:
    """A modal or a Home tab as one user has it. `content` is what the app sent, block ids filled in."""

    id: str
    hash: str
    user: str
    content: Json
    root_id: str
    previous_id: str = ""
    values: Json = field(default_factory=dict)

    @property
    def external_id(self) -> str:
        """The id that the app chose itself, unique in the workspace; "" if it chose none."""
        return str(self.content.get("external_id") or "")


@dataclass(frozen=True, slots=True)
class ResponseUrl:
    """The right to answer one interaction later: `uses` left until `expires` (seconds since 1970)."""

    token: str
    channel: str
    user: str
    expires: float
    uses: int
    message_ts: str = ""
    thread_ts: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """A user group: `handle` is what people write after @."""

    id: str
    handle: str
    name: str
    users: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UserSaved:
    """A user came or changed."""

    user: User


@dataclass(frozen=True, slots=True)
class GroupSaved:
    """A user group came or changed, its users included."""

    group: Group


@dataclass(frozen=True, slots=True)
class ChannelSaved:
    """A conversation was made or changed: its members, topic or purpose."""

    channel: Channel


@dataclass(frozen=True, slots=True)
class MessagePosted:
    """A message or an ephemeral message was posted."""

    message: Message


@dataclass(frozen=True, slots=True)
class MessageChanged:
    """`reaction` tells a change of reactions, which is not an edit, from a change of content."""

    message: Message
    reaction: bool = False


@dataclass(frozen=True, slots=True)
class MessageDeleted:
    """A message without replies went away; one with replies becomes a tombstone by MessageChanged."""

    channel_id: str
    ts: str


@dataclass(frozen=True, slots=True)
class ReadMarked:
    """A user has read a channel up to and including `ts`."""

    user_id: str
    channel_id: str
    ts: str


@dataclass(frozen=True, slots=True)
class ViewOpened:
    """A modal was opened or pushed."""

    view: View


@dataclass(frozen=True, slots=True)
class ViewChanged:
    """A modal got new content or new values."""

    view: View


@dataclass(frozen=True, slots=True)
class ViewClosed:
    """A modal was closed: by the user, by the app, or because another took its place."""

    view_id: str


@dataclass(frozen=True, slots=True)
class HomePublished:
    """The app published a user's Home tab, which replaces the one before."""

    view: View


@dataclass(frozen=True, slots=True)
class ResponseUrlSaved:
    """A response_url was given out, or one of its uses spent."""

    url: ResponseUrl


Event = (
    UserSaved
    | GroupSaved
    | ChannelSaved
    | MessagePosted
    | MessageChanged
    | MessageDeleted
    | ReadMarked
    | ViewOpened
    | ViewChanged
    | ViewClosed
    | HomePublished
    | ResponseUrlSaved
)


@dataclass(slots=True)
class State:
    """Everything in the workspace. Only `fold` changes it.

    `timeline` holds, per channel, the ts of what the channel itself shows; `threads` the ts of the replies
    under (channel, ts of the parent). Both are in order of time.
    """

    users: dict[str, User] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    channels: dict[str, Channel] = field(default_factory=dict)
    messages: dict[tuple[str, str], Message] = field(default_factory=dict)
    timeline: dict[str, list[str]] = field(default_factory=dict)
    threads: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    reads: dict[tuple[str, str], str] = field(default_factory=dict)
    views: dict[str, View] = field(default_factory=dict)
    homes: dict[str, View] = field(default_factory=dict)
    urls: dict[str, ResponseUrl] = field(default_factory=dict)
    last_ts: str = "0000000000.000000"

    def channel_messages(self, channel: str) -> list[Message]:
        """What the channel itself shows, oldest first, ephemeral messages of all users included."""
        return [self.messages[channel, ts] for ts in self.timeline.get(channel, ())]

    def thread(self, channel: str, parent: str) -> list[Message]:
        """The replies under a message, oldest first, without the parent."""
        return [self.messages[channel, ts] for ts in self.threads.get((channel, parent), ())]

    def find_channel(self, name: str) -> Channel | None:
        """The channel with this id or this name, with or without its #."""
        bare = name.removeprefix("#")
        named = (one for one in self.channels.values() if one.name == bare and not one.is_im)
        return self.channels.get(name) or next(named, None)

    def find_im(self, one: str, other: str) -> Channel | None:
        """The direct message between two users, in either order, or of one with oneself; None if there is none."""
        pair = {one, other}
        return next((c for c in self.channels.values() if c.is_im and set(c.members) == pair), None)

    def unread(self, user: str, channel: Channel) -> tuple[int, int]:
        """Unread messages and those that call this user, each counted up to UNREAD_COUNTED."""
        order = self.timeline.get(channel.id, [])
        start = bisect_right(order, self.reads.get((user, channel.id), ""))
        tail = (self.messages[channel.id, ts] for ts in order[max(start, len(order) - UNREAD_COUNTED) :])
        new = [message for message in tail if message.user != user and message.visible_to(user)]
        return len(new), sum(channel.is_im or calls(message, user) for message in new)


def calls(message: Message, user: str) -> bool:
    """Whether a message mentions this user, by name or with the whole channel."""
    marks = (f"<@{user}>", f"<@{user}|", "<!channel>", "<!here>", "<!everyone>")
    return any(mark in message.text for mark in marks)


def next_ts(last: str, now: float) -> str:
    """A ts for `now` that is later than `last`, since a ts is also the message's identity."""
    fresh = f"{now:017.6f}"
    if fresh > last:
        return fresh
    seconds, micros = last.split(".")
    total = int(seconds) * 1_000_000 + int(micros) + 1
    return f"{total // 1_000_000:010d}.{total % 1_000_000:06d}"


def fold(state: State, event: Event) -> None:
    """Bring `state` up to date with one event."""
    match event:
        case UserSaved() | GroupSaved() | ChannelSaved():
            _fold_team(state, event)
        case ViewOpened() | ViewChanged() | ViewClosed() | HomePublished():
            _fold_views(state, event)
        case MessagePosted(message):
            _post(state, message)
        case MessageChanged(message):
            state.messages[message.channel, message.ts] = message
        case MessageDeleted(channel_id, ts):
            _delete(state, channel_id, ts)
        case ReadMarked(user_id, channel_id, ts):
            state.reads[user_id, channel_id] = ts
        case ResponseUrlSaved(url):
            _keep_url(state, url)


def _fold_team(state: State, event: UserSaved | GroupSaved | ChannelSaved) -> None:
    match event:
        case UserSaved(user):
            state.users[user.id] = user
        case GroupSaved(group):
            state.groups[group.id] = group
        case ChannelSaved(channel):
            state.channels[channel.id] = channel


def _fold_views(state: State, event: ViewOpened | ViewChanged | ViewClosed | HomePublished) -> None:
    match event:
        case ViewOpened(view) | ViewChanged(view):
            state.views[view.id] = view
        case ViewClosed(view_id):
            state.views.pop(view_id, None)
        case HomePublished(view):
            state.homes[view.user] = view


def _post(state: State, message: Message) -> None:
    state.messages[message.channel, message.ts] = message
    state.last_ts = max(state.last_ts, message.ts)
    if message.is_reply:
        state.threads.setdefault((message.channel, message.thread_ts), []).append(message.ts)
    if message.in_channel:
        state.timeline.setdefault(message.channel, []).append(message.ts)


def _delete(state: State, channel: str, ts: str) -> None:
    message = state.messages.pop((channel, ts), None)
    if message is None:
        return
    if message.is_reply:
        state.threads[channel, message.thread_ts].remove(ts)
    if message.in_channel:
        state.timeline[channel].remove(ts)


def _keep_url(state: State, url: ResponseUrl) -> None:
    state.urls[url.token] = url
    while len(state.urls) > 10_000:
        # Tokens are kept in order of issue, so the first is the oldest: a busy test never grows without end.
        state.urls.pop(next(iter(state.urls)))
