"""The one place where the workspace changes: every event is journaled, folded, and told to pages and app."""

import logging
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from bot.workspace.config import WorkspaceConfig
from bot.workspace.errors import Refused
from bot.workspace.faults import Faults
from bot.workspace.grants import Triggers
from bot.workspace.hub import Hub
from bot.workspace.journal import Journal
from bot.workspace.limits import check_message
from bot.workspace.model import (
    Channel,
    ChannelSaved,
    Event,
    Group,
    GroupSaved,
    HomePublished,
    Json,
    Message,
    MessageChanged,
    MessageDeleted,
    MessagePosted,
    ReadMarked,
    ResponseUrl,
    ResponseUrlSaved,
    State,
    User,
    UserSaved,
    View,
    ViewChanged,
    ViewClosed,
    fold,
    next_ts,
)
from bot.workspace.notices import app_events, notices
from bot.workspace.rates import Meter
from bot.workspace.render import with_ids

log = logging.getLogger(__name__)


def new_id(prefix: str) -> str:
    """An id in Slack's form: a letter and ten capitals or digits."""
    return prefix + "".join(secrets.choice("ABCDEFGHJKLMNPQRSTUVWXYZ0123456789") for _ in range(10))


class Desk:
    """State plus the ways to change it. `tell_app` receives each event that the app subscribed to.

    `url` is the workspace's own address with a final /, known once it listens.
    """

    def __init__(
        self,
        config: WorkspaceConfig,
        journal: Journal,
        now: Callable[[], datetime],
        tell_app: Callable[[Json], None],
        faults: Faults,
    ) -> None:
        self.config = config
        self.keys = config.credentials
        self.url = ""
        self.state = State()
        self.hub = Hub()
        self.faults = faults
        self.meter = Meter(config.rates)
        self.triggers = Triggers(config.trigger_life.total_seconds())
        self._journal = journal
        self._now = now
        self._tell_app = tell_app

    def now(self) -> float:
        """Seconds since 1970."""
        return self._now().timestamp()

    def restore(self) -> None:
        """Fold the journal, then add what the configuration names and the journal does not have yet."""
        self.state = self._journal.restore()
        for event in self._furniture():
            self._keep(event)

    def record(self, event: Event) -> None:
        """Make one event a fact. Raises Refused(fatal_error) if the journal cannot be written; then nothing changed."""
        told = list(app_events(self.state, event, self.config))
        before = self._before(event)
        try:
            self._keep(event)
        except OSError as error:
            log.exception("The workspace's journal cannot be written; the change was refused")
            raise Refused("fatal_error", status=500) from error
        for notice in notices(self.state, before, event, self.config):
            self.hub.publish(notice)
        for body in told:
            self._tell_app(body)

    def post(self, channel: str, user: str, content: Json, **fields: Any) -> Message:
        """Post a message. `content` holds text, blocks, attachments, metadata. Raises Refused over Slack's limits."""
        if refusal := check_message(content):
            raise Refused.of(refusal)
        message = Message(next_ts(self.state.last_ts, self.now()), channel, user, **_content(content), **fields)
        self.record(MessagePosted(message))
        if not self.state.users[user].is_bot:
            self.record(ReadMarked(user, channel, message.ts))
        return message

    def post_as_app(self, channel: str, content: Json, **fields: Any) -> Message:
        """`post` as the app's bot. `fields` are further fields of Message. Raises Refused as `post` does."""
        return self.post(
            channel, self.keys.bot_user, content, bot_id=self.keys.bot_id, app_id=self.keys.app_id, **fields
        )

    def change(self, message: Message, content: Json) -> Message:
        """Replace what a message says. Raises Refused over Slack's limits."""
        if refusal := check_message(content, update=True):
            raise Refused.of(refusal)
        edited = next_ts(message.ts, self.now())
        changed = replace(message, edited_ts=edited, **_content({"metadata": message.metadata, **content}))
        self.record(MessageChanged(changed))
        return changed

    def delete(self, message: Message) -> None:
        """Take a message away; one with replies leaves a mark, as in Slack, so the thread stays reachable."""
        if self.state.threads.get((message.channel, message.ts)):
            gone = replace(
                message, text="This message was deleted.", blocks=None, attachments=None, subtype="tombstone"
            )
            self.record(MessageChanged(gone))
        else:
            self.record(MessageDeleted(message.channel, message.ts))

    def close_view(self, view: View, *, whole_stack: bool = False) -> None:
        """Close a modal, or all modals of its stack."""
        root = view.root_id
        stack = [one for one in self.state.views.values() if one.root_id == root] if whole_stack else [view]
        for one in reversed(stack):
            self.record(ViewClosed(one.id))

    def open_im(self, user: str, other: str) -> Channel:
        """The direct message between two users, made if there is none."""
        found = self.state.find_im(user, other)
        if found is not None:
            return found
        channel = Channel(new_id("D"), "", user, int(self.now()), (user, other), is_im=True)
        self.record(ChannelSaved(channel))
        return channel

    def response_url(self, channel: str, user: str, *, message_ts: str = "", thread_ts: str = "") -> str:
        """A new response_url: good for 30 minutes and five answers."""
        token = secrets.token_urlsafe(18)
        url = ResponseUrl(token, channel, user, self.now() + 30 * 60, 5, message_ts, thread_ts)
        self.record(ResponseUrlSaved(url))
        return f"{self.url}response/{self.config.team_id}/{token}"

    def _keep(self, event: Event) -> None:
        self._journal.append(event)
        fold(self.state, event)

    def _furniture(self) -> Iterator[Event]:
        yield from self._missing_users()
        for group in self.config.groups:
            if group.id not in self.state.groups:
                yield GroupSaved(Group(group.id, group.handle, group.name, group.users))
        everyone = tuple(person.id for person in self.config.people)
        for spec in self.config.channels:
            members = (*everyone, self.keys.bot_user) if spec.with_bot else everyone
            yield from self._missing_channel(spec.name, spec.topic, spec.purpose, members)

    def _missing_users(self) -> Iterator[Event]:
        people = [
            User(one.id, one.name, one.real_name, one.email, one.tz, is_guest=one.guest, deleted=one.deleted)
            for one in self.config.people
        ]
        manifest = self.config.manifest
        bot = User(self.keys.bot_user, manifest.bot_name, manifest.name, is_bot=True)
        for user in (*people, bot):
            if self.state.users.get(user.id) != user:
                yield UserSaved(user)

    def _missing_channel(self, name: str, topic: str, purpose: str, members: tuple[str, ...]) -> Iterator[Event]:
        found = self.state.find_channel(name)
        if found is None:
            created = int(self.now())
            yield ChannelSaved(Channel(new_id("C"), name, members[0], created, members, topic, purpose))
        elif newcomers := tuple(one for one in members if one not in found.members):
            yield ChannelSaved(replace(found, members=(*found.members, *newcomers)))

    def _before(self, event: Event) -> Message | View | None:
        match event:
            case MessageChanged(message):
                return self.state.messages.get((message.channel, message.ts))
            case MessageDeleted(channel, ts):
                return self.state.messages.get((channel, ts))
            case ViewChanged(view) | HomePublished(view):
                return self.state.views.get(view.id)
            case ViewClosed(view_id):
                return self.state.views.get(view_id)
        return None


def _content(content: Json) -> Json:
    """The content fields of a message. Blocks left out are removed: an update replaces the whole message."""
    return {
        "text": content.get("text") or "",
        "blocks": with_ids(content.get("blocks")) or None,
        "attachments": [_attachment(one) for one in content.get("attachments") or []] or None,
        "metadata": content.get("metadata") or None,
    }


def _attachment(attachment: Json) -> Json:
    return {**attachment, "blocks": with_ids(attachment["blocks"])} if attachment.get("blocks") else attachment
