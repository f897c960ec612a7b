"""What a person does in the workspace, and what then happens between workspace and app."""

from dataclasses import replace

from bot.workspace import payloads
from bot.workspace.deliver import Answer, Deliverer
from bot.workspace.desk import Desk
from bot.workspace.errors import Refused
from bot.workspace.forms import initial_values, inputs, merged, missing
from bot.workspace.manifest import SlashCommand
from bot.workspace.methods_views import checked_view, pushed, updated
from bot.workspace.model import Channel, Json, Message, ResponseUrl, User, View, ViewChanged, ViewOpened, next_ts
from bot.workspace.payloads import Scene
from bot.workspace.render import message_json, view_json
from bot.workspace.responses import respond
from bot.workspace.words import as_command, as_message


class Acts:
    """The acts of people. Each raises Refused with a code that the page shows."""

    def __init__(self, desk: Desk, deliverer: Deliverer) -> None:
        self._desk = desk
        self._deliverer = deliverer

    async def say(self, user: User, channel: Channel, words: str, thread_ts: str) -> Json:
        """Send what the person typed: a message, or a slash command if it starts with /."""
        if not words.strip():
            raise Refused("no_text")
        if user.id not in channel.members:
            raise Refused("not_in_channel")
        if words.startswith("/"):
            return await self._command(user, channel, words, thread_ts)
        if thread_ts and (channel.id, thread_ts) not in self._desk.state.messages:
            raise Refused("thread_not_found")
        message = self._desk.post(
            channel.id, user.id, {"text": as_message(words, self._desk.state)}, thread_ts=thread_ts
        )
        return {"ts": message.ts}

    async def click(self, user: User, message: Message, action: Json, values: Json) -> Answer:
        """Use an element of a message."""
        desk, channel = self._desk, self._desk.state.channels[message.channel]
        shown = message_json(desk.state, message)
        held = merged(initial_values({"blocks": message.blocks}), values)
        url = desk.response_url(channel.id, user.id, message_ts=message.ts, thread_ts=message.thread_ts)
        payload = payloads.message_action(self._scene(user), channel, message, shown, action, held, url)
        return await self._interact(payload)

    async def use(self, user: User, view: View, action: Json, values: Json) -> Answer:
        """Use an element of a modal or a Home tab."""
        held = replace(view, values=merged(view.values, values))
        payload = payloads.view_action(self._scene(user, view.id), view_json(held, self._desk.config), action)
        return await self._interact(payload)

    async def submit(self, user: User, view: View, values: Json) -> Json:
        """Submit a modal. What is plainly missing is said at once, without asking the app."""
        held = replace(view, values=merged(view.values, values))
        if errors := missing(held.content, held.values):
            return {"response_action": "errors", "errors": errors}
        urls = self._chosen_urls(user, held)
        payload = payloads.submission(self._scene(user, view.id), view_json(held, self._desk.config), urls)
        answer = await self._interact(payload)
        if not answer.ok:
            raise Refused(answer.error)
        return self._submitted(held, answer.body)

    async def close(self, user: User, view: View) -> None:
        """Close a modal by its cross or its Close button."""
        shown, content = view_json(view, self._desk.config), view.content
        clears = bool(content.get("clear_on_close"))
        self._desk.close_view(view, whole_stack=clears)
        if content.get("notify_on_close"):
            await self._interact(payloads.closed(self._scene(user), shown, cleared=clears))

    async def shortcut(self, user: User, callback_id: str, message: Message | None) -> Answer:
        """Use a global shortcut, or a message shortcut on a message."""
        known = self._desk.config.manifest.shortcut(callback_id)
        if known is None:
            raise Refused("unknown_shortcut")
        if known.type == "global":
            payload = payloads.global_shortcut(self._scene(user), callback_id)
            return await self._interact(payload)
        if message is None:
            raise Refused("message_not_found")
        channel, shown = self._desk.state.channels[message.channel], message_json(self._desk.state, message)
        url = self._desk.response_url(channel.id, user.id, thread_ts=message.thread_ts)
        payload = payloads.message_shortcut(self._scene(user), callback_id, channel, shown, url)
        return await self._interact(payload)

    async def options(self, user: User, action_id: str, block_id: str, value: str, place: Message | View) -> Json:
        """The options that the app offers for what was typed into an external select."""
        if isinstance(place, View):
            where: Json = {"view": view_json(place, self._desk.config)}
            where["container"] = {"type": "view", "view_id": place.id}
        else:
            where = {"message": message_json(self._desk.state, place), "channel": {"id": place.channel}}
            where["container"] = {"type": "message", "message_ts": place.ts, "channel_id": place.channel}
        payload = payloads.suggestion(self._scene(user), action_id, block_id, value, where)
        answer = await self._interact(payload)
        if not answer.ok:
            raise Refused(answer.error)
        return {key: answer.body[key] for key in ("options", "option_groups") if key in answer.body}

    def open_home(self, user: User) -> View | None:
        """The person's Home tab as it is now; the app is told that it was opened."""
        home = self._desk.state.homes.get(user.id)
        if "app_home_opened" in self._desk.config.manifest.bot_events:
            channel = self._desk.open_im(user.id, self._desk.keys.bot_user)
            shown = view_json(home, self._desk.config) if home else None
            self._deliverer.tell(payloads.home_opened(user, channel, shown, self._ts()))
        return home

    async def _command(self, user: User, channel: Channel, words: str, thread_ts: str) -> Json:
        name, _, rest = words.strip().partition(" ")
        command = self._desk.config.manifest.command(name)
        if command is None:
            raise Refused("unknown_command")
        if thread_ts:
            # Slack's own client refuses slash commands in threads.
            raise Refused("slash_in_thread")
        answer = await self._run(user, channel, command, rest.strip())
        return {"command": True, "delivery": answer.report()}

    async def _run(self, user: User, channel: Channel, command: SlashCommand, rest: str) -> Answer:
        url = self._desk.response_url(channel.id, user.id)
        text = as_command(rest, self._desk.state) if command.should_escape else rest
        payload = payloads.command(self._scene(user), command.command, text, channel, url)
        answer = await self._deliverer.ask("slash_commands", payload)
        if answer.ok and answer.body:
            respond(self._desk, ResponseUrl("", channel.id, user.id, expires=0, uses=0), answer.body)
        return answer

    async def _interact(self, payload: Json) -> Answer:
        if not self._desk.config.manifest.interactivity:
            raise Refused("interactivity_not_enabled")
        return await self._deliverer.ask("interactive", payload)

    def _submitted(self, view: View, body: Json) -> Json:
        """Do what the answer to a submission asks for."""
        desk, action = self._desk, body.get("response_action")
        match action:
            case "errors":
                return {"response_action": action, "errors": body.get("errors") or {}}
            case "update":
                changed: View = updated(view, checked_view(body.get("view"), "modal"))
                desk.record(ViewChanged(changed))
            case "push":
                changed = pushed(desk, view, checked_view(body.get("view"), "modal"))
                desk.record(ViewOpened(changed))
            case "clear":
                desk.close_view(view, whole_stack=True)
                return {"response_action": action}
            case _:
                desk.close_view(view)
                return {}
        return {"response_action": action, "view": view_json(changed, desk.config)}

    def _chosen_urls(self, user: User, view: View) -> list[Json]:
        """A response_url for each conversation chosen in an input with response_url_enabled."""
        found = []
        for block, element in inputs(view.content["blocks"]):
            held = view.values.get(block["block_id"], {}).get(element["action_id"], {})
            channel = held.get("selected_conversation") or held.get("selected_channel")
            if element.get("response_url_enabled") and channel:
                url = self._desk.response_url(channel, user.id)
                ids = {"block_id": block["block_id"], "action_id": element["action_id"]}
                found.append({**ids, "channel_id": channel, "response_url": url})
        return found

    def _scene(self, user: User, view_id: str = "") -> Scene:
        trigger = self._desk.triggers.issue(user.id, self._desk.now(), view_id)
        return Scene(self._desk.config, user, self._ts(), trigger)

    def _ts(self) -> str:
        return next_ts("0000000000.000000", self._desk.now())
