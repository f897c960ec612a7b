"""What happens after a delivery was acknowledged: words become commands, commands go through the single door."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from bot.commands import VERBS, Misunderstood, OpenDeployForm, ShowHelp, Verb, Vocabulary, parse
from bot.inputs.slack.clicks import command_of, request_id
from bot.inputs.slack.deliveries import Clicked, Delivery, Submitted, Typed
from bot.views import forms
from bot.views.answers import RUN_SUGGESTION, render_help, render_misunderstood, render_refusal
from bot.views.blocks import Message
from engine.commands import Actor, Deploy, Request, Response
from engine.security.permissions import Permission
from storage.claims import Claims

log = logging.getLogger(__name__)

REPEATS: Final = timedelta(minutes=15)  # Slack repeats a delivery for up to 11 minutes

Render = Callable[[object, Response], Message]
FormOf = Callable[[OpenDeployForm], Awaitable[Mapping[str, Any]]]
OpenForm = Callable[[str, Mapping[str, Any]], Awaitable[None]]


class Door(Protocol):
    """The orchestrator, as this room needs it."""

    async def handle(self, request: Request) -> Response: ...

    def may(self, actor: Actor, permission: Permission, environment: str | None) -> bool: ...


class Reply(Protocol):
    """Answers one person privately."""

    async def __call__(self, delivery: Delivery, message: Message) -> None: ...


class SlackListeners:
    """Implements Listeners (app.py)."""

    def __init__(
        self,
        door: Door,
        claims: Claims,
        vocabulary: Callable[[], Vocabulary],
        render: Render,
        reply: Reply,
        deploy_form: FormOf,
        open_form: OpenForm,
        publish_home: Callable[[str, str], Awaitable[None]],
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._door = door
        self._claims = claims
        self._vocabulary = vocabulary
        self._render = render
        self._reply = reply
        self._deploy_form = deploy_form
        self._open_form = open_form
        self._publish_home = publish_home
        self._now = now

    async def typed(self, delivery: Typed) -> None:
        """A slash command or a mention."""
        if await self._first(delivery):
            prefix = "" if delivery.root in {"/ops", "mention"} else delivery.root.removeprefix("/") + " "
            await self._line(delivery, prefix + delivery.text, request=delivery.id)

    async def clicked(self, delivery: Clicked) -> None:
        """A button. What it stands for is checked again behind the door, as if it were typed."""
        if not await self._first(delivery):
            return
        if delivery.action == RUN_SUGGESTION:
            await self._line(delivery, delivery.value.partition(" ")[2], request=request_id(delivery))
            return
        command = command_of(delivery)
        if command is not None:
            await self._do(delivery, command, request=request_id(delivery))

    def checked(self, delivery: Submitted) -> Mapping[str, str]:
        """Errors to show at the inputs, before the form closes."""
        try:
            self._read_form(delivery)
        except Misunderstood as error:
            return {forms.VERSION: error.reason}
        return {}

    async def submitted(self, delivery: Submitted) -> None:
        """A form that had no errors."""
        if await self._first(delivery):
            await self._do(delivery, self._read_form(delivery), request=delivery.id)

    async def home_opened(self, team: str, user: str) -> None:
        """Somebody looks at the Home tab."""
        await self._publish_home(team, user)

    async def _first(self, delivery: Delivery) -> bool:
        """Whether this delivery was not seen before, by this process or another."""
        return await self._claims.claim(f"slack:{delivery.id}", now=self._now(), ttl=REPEATS)

    def _read_form(self, delivery: Submitted) -> object:
        values = delivery.values
        version = values.get(forms.VERSION, "").strip()
        if not version or len(version.split()) != 1:
            raise Misunderstood("A version is one word, such as v2.4.1.")
        line = f"deploy {values.get(forms.SERVICE, '')} {version} to {values.get(forms.ENVIRONMENT, '')}"
        command = parse(line, self._vocabulary())
        if not isinstance(command, Deploy):
            raise Misunderstood("Choose a service, a version and an environment.")
        return command

    async def _line(self, delivery: Delivery, line: str, *, request: str) -> None:
        try:
            command = parse(line, self._vocabulary())
        except Misunderstood as error:
            await self._reply(delivery, render_misunderstood(error))
            return
        match command:
            case ShowHelp(verb):
                await self._reply(delivery, render_help(self._allowed(delivery.actor), only=verb))
            case OpenDeployForm() if delivery.trigger:
                await self._show_form(delivery, command)
            case OpenDeployForm():
                usage = "/ops deploy SERVICE VERSION to ENVIRONMENT"
                await self._reply(delivery, render_misunderstood(Misunderstood("A form can't open from here.", usage)))
            case _:
                await self._do(delivery, command, request=request, text=line)

    async def _show_form(self, delivery: Delivery, command: OpenDeployForm) -> None:
        if not any(
            self._door.may(delivery.actor, Permission.DEPLOY, place) for place in self._vocabulary().environments
        ):
            await self._reply(
                delivery, render_refusal("You may not deploy anywhere.", "`/ops help` shows what you may do.")
            )
            return
        await self._open_form(delivery.trigger, await self._deploy_form(command))

    def _allowed(self, actor: Actor) -> Sequence[Verb]:
        places = [None, *self._vocabulary().environments]
        return [verb for verb in VERBS if any(self._door.may(actor, verb.permission, place) for place in places)]

    async def _do(self, delivery: Delivery, command: object, *, request: str, text: str = "") -> None:
        context = {"channel": delivery.channel, "text": text}
        response = await self._door.handle(Request(request, self._now(), "chat", delivery.actor, command, context))
        warning = str(response.data.get("warning", ""))
        if response.ok:
            await self._reply(delivery, self._render(command, response))
        else:
            await self._reply(delivery, render_refusal(response.error, response.remedy, warning=warning))
