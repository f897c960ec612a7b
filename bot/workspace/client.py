"""One who acts as a person in a workspace, over its client API: for tests and scripts.

It works against a workspace in this process or any other. What it waits for, it hears on the live stream.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout

from bot.workspace.elements import chosen, elements, typed
from bot.workspace.model import Json

PATIENCE: Final = 10.0
"""Seconds that the waits last unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One event of the live stream: `name` and `data` as the client API says."""

    id: str
    name: str
    data: Json


def _any(_view: Json) -> bool:
    return True


class WorkspaceClient:
    """A person at work: ``async with WorkspaceClient(url, user_id) as ada``."""

    def __init__(self, url: str, user: str) -> None:
        self.user = user
        self.seen: list[Seen] = []
        self._url = url
        self._session: ClientSession
        self._reader: asyncio.Task[None]
        self._news = asyncio.Condition()

    async def __aenter__(self) -> Self:
        self._session = ClientSession(base_url=self._url, timeout=ClientTimeout(total=None))
        since = (await self.boot())["last_event_id"]
        self._reader = asyncio.create_task(self._follow(since), name=f"stream of {self.user}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)
        await self._session.close()

    async def boot(self) -> Json:
        """What the page shows first."""
        return await self._get("boot")

    async def messages(self, channel: str, *, before: str = "", limit: int = 50) -> list[Json]:
        """The newest messages of a channel (id or name), oldest first."""
        found = await self._get("messages", channel=channel, before=before, limit=str(limit))
        return list(found["messages"])

    async def thread(self, channel: str, ts: str) -> list[Json]:
        """A message and its replies."""
        return list((await self._get("thread", channel=channel, ts=ts))["messages"])

    async def home(self) -> Json | None:
        """Open the app's Home tab; gives what it shows at this moment."""
        view: Json | None = (await self._get("home"))["view"]
        return view

    async def say(self, channel: str, text: str, *, thread_ts: str = "") -> Json:
        """Type a text and send it."""
        return await self._post("message", channel=channel, text=text, thread_ts=thread_ts)

    async def command(self, channel: str, text: str) -> Json:
        """Run a slash command such as ``/ops help``; returns when the app has acked it or failed to."""
        return await self.say(channel, text)

    async def click(self, place: Json, action_id: str, *, block_id: str = "", **chosen_fields: Any) -> Json:
        """Press a button or use another element of a message or view as last seen.

        For anything but a button give what was chosen: ``selected_option=…``, ``selected_date=…``.
        """
        block, element = elements(place, action_id, block_id)
        action = {"type": element["type"], "action_id": action_id, "block_id": block["block_id"], **chosen_fields}
        for name in ("value", "text"):
            if name in element and element["type"] == "button":
                action.setdefault(name, element[name])
        return await self._post("action", container=_container(place), action=action)

    async def choose(self, place: Json, action_id: str, value: Any) -> Json:
        """Choose in a select, overflow, picker or check box, by the option's value."""
        _, element = elements(place, action_id)
        return await self.click(place, action_id, **chosen(element, value))

    async def submit(self, view: Json, values: dict[str, Any] | None = None) -> Json:
        """Submit a modal; `values` maps action ids to what is typed or chosen (an option by its value)."""
        state = {"values": typed(view, values or {})}
        return await self._post("view_submit", view_id=view["id"], state=state)

    async def close_view(self, view: Json) -> Json:
        """Close a modal by its cross; the app hears of it only if the view asked for `notify_on_close`."""
        return await self._post("view_close", view_id=view["id"])

    async def shortcut(self, callback_id: str, message: Json | None = None) -> Json:
        """Use a global shortcut, or a message shortcut on a message."""
        where = {"channel": message["channel"], "message_ts": message["ts"]} if message else {}
        return await self._post("shortcut", callback_id=callback_id, **where)

    async def options(self, place: Json, action_id: str, value: str) -> Json:
        """What the app offers in an external select for the text `value`."""
        block, _ = elements(place, action_id)
        ids = {"action_id": action_id, "block_id": block["block_id"]}
        return await self._post("options", **ids, value=value, container=_container(place))

    async def read(self, channel: str, ts: str) -> Json:
        """Mark a channel (id or name) as read up to `ts`. An older mark than the one there changes nothing."""
        return await self._post("read", channel=channel, ts=ts)

    async def join(self, channel: str) -> Json:
        """Join a public channel (id or name), such as one that the app made. Gives the `channel` as it is then."""
        return await self._post("join", channel=channel)

    def mark(self) -> int:
        """A place in the stream: what is seen from now on."""
        return len(self.seen)

    async def wait_for(self, predicate: Callable[[Seen], bool], timeout: float = PATIENCE, *, since: int = 0) -> Seen:
        """The first event that fits, from the mark `since` (the start by default).

        Raises TimeoutError that shows the last events.
        """
        try:
            async with asyncio.timeout(timeout), self._news:
                while True:
                    for index in range(since, len(self.seen)):
                        if predicate(self.seen[index]):
                            return self.seen[index]
                    since = len(self.seen)
                    await self._news.wait()
        except TimeoutError:
            last = [(one.name, one.data) for one in self.seen[-5:]]
            raise TimeoutError(f"Nothing fitted within {timeout} s. The last events of {self.user}: {last}") from None

    async def wait_message(
        self, channel: str, predicate: Callable[[Json], bool], timeout: float = PATIENCE, *, thread_ts: str = ""
    ) -> Json:
        """A message in the channel (id or name) or thread that fits, there already or to come."""
        channel_id, mark = await self._channel_id(channel), self.mark()
        known = await (self.thread(channel_id, thread_ts) if thread_ts else self.messages(channel_id))
        for message in reversed(known):
            if predicate(message):
                return message

        def fits(seen: Seen) -> bool:
            message = seen.data.get("message")
            if message is None or message["channel"] != channel_id:
                return False
            return (not thread_ts or message.get("thread_ts") == thread_ts) and predicate(message)

        found: Json = (await self.wait_for(fits, timeout, since=mark)).data["message"]
        return found

    async def wait_view(
        self, predicate: Callable[[Json], bool] = _any, timeout: float = PATIENCE, *, since: int = 0
    ) -> Json:
        """A modal that was opened, updated or pushed and fits."""
        names = ("view_open", "view_update", "view_push")
        found = await self.wait_for(
            lambda seen: seen.name in names and predicate(seen.data["view"]), timeout, since=since
        )
        view: Json = found.data["view"]
        return view

    async def wait_home(
        self, predicate: Callable[[Json], bool] = _any, timeout: float = PATIENCE, *, since: int = 0
    ) -> Json:
        """A Home tab that was published and fits."""
        found = await self.wait_for(
            lambda seen: seen.name == "home" and predicate(seen.data["view"]), timeout, since=since
        )
        view: Json = found.data["view"]
        return view

    async def _channel_id(self, channel: str) -> str:
        bare = channel.removeprefix("#")
        known = (await self.boot())["channels"]
        return next((str(one["id"]) for one in known if bare in (one["id"], one["name"])), channel)

    async def _get(self, name: str, **parameters: str) -> Json:
        given = {key: value for key, value in parameters.items() if value}
        async with self._session.get(f"/client/{name}", params={"user": self.user, **given}) as response:
            return await _body(response)

    async def _post(self, name: str, **body: Any) -> Json:
        async with self._session.post(f"/client/{name}", json={"user": self.user, **body}) as response:
            return await _body(response)

    async def _follow(self, since: str) -> None:
        """Read the stream, again from the last id whenever the connection is lost."""
        while True:
            headers = {"Last-Event-ID": since}
            try:
                async with self._session.get("/client/events", params={"user": self.user}, headers=headers) as response:
                    async for seen in _events(response):
                        since = seen.id
                        await self._hear(seen)
            except ClientError:
                # The workspace is being restarted; it is asked again shortly.
                await asyncio.sleep(0.1)

    async def _hear(self, seen: Seen) -> None:
        async with self._news:
            self.seen.append(seen)
            self._news.notify_all()


async def _body(response: ClientResponse) -> Json:
    body: Json = await response.json()
    return body


async def _events(response: ClientResponse) -> AsyncIterator[Seen]:
    fields: dict[str, str] = {}
    async for raw in _lines(response):
        name, _, value = raw.partition(":")
        if raw:
            fields[name] = value.removeprefix(" ")
        elif "data" in fields:
            yield Seen(fields.get("id", ""), fields.get("event", ""), json.loads(fields["data"]))
            fields = {}


async def _lines(response: ClientResponse) -> AsyncIterator[str]:
    """Lines of any length, without their ends."""
    rest = b""
    async for chunk in response.content.iter_any():
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line.decode()


def _container(place: Json) -> Json:
    if "ts" in place:
        return {"type": "message", "channel": place["channel"], "message_ts": place["ts"]}
    return {"type": "view", "view_id": place["id"]}
