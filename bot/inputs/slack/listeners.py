"""What happens after a delivery was acknowledged: words become commands, commands go through the single door."""

from __future__ import annotations

import logging
import secrets
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from bot.chat.port import ChatFailure
from bot.inputs.slack.clicks import command_of, press, request_id
from bot.inputs.slack.deliveries import Clicked, Delivery, Submitted, Typed
from bot.inputs.slack.silence_forms import SilenceForms
from bot.views import forms
from bot.views.answers import RUN_SUGGESTION, render_help, render_misunderstood, render_refusal, warned
from bot.views.blocks import LINKS, Message
from bot.views.silences import MATCHERS, SILENCE_FORM
from bot.words.commands import VERBS, OpenDeployForm, ShowHelp, ShowStatus, parse
from bot.words.grammar import Misunderstood, Verb, Vocabulary
from bot.words.silences import OpenSilenceForm
from engine.commands import Actor, Deploy, Request, Response
from engine.errors import TemporaryFailure
from engine.security.permissions import Permission
from engine.security.secrets import mask
from storage.claims import Claims
from storage.errors import StorageError

log = logging.getLogger(__name__)

DOUBLE_CLICK: Final = timedelta(seconds=5)  # presses of one button by one person nearer than this are one
REPEATS: Final = timedelta(minutes=15)  # Slack repeats a delivery for up to 11 minutes

Render = Callable[[object, Response], Message]
FormOf = Callable[[OpenDeployForm], Awaitable[Mapping[str, Any]]]
KnownVersions = Callable[[], Awaitable[Mapping[str, Sequence[str]]]]
OpenForm = Callable[[str, Mapping[str, Any]], Awaitable[None]]
KindOf = Callable[[Actor], Awaitable[str]]


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
        versions: KnownVersions,
        deploy_form: FormOf,
        silence_forms: SilenceForms,
        open_form: OpenForm,
        publish_home: Callable[[Actor, str], Awaitable[None]],
        account: KindOf,
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._door = door
        self._claims = claims
        self._vocabulary = vocabulary
        self._render = render
        self._reply = reply
        self._versions = versions
        self._deploy_form = deploy_form
        self._silence_forms = silence_forms
        self._open_form = open_form
        self._publish_home = publish_home
        self._account = account
        self._now = now

    async def typed(self, delivery: Typed) -> None:
        """A slash command or a mention."""
        prefix = "" if delivery.root in {"/ops", "mention"} else delivery.root.removeprefix("/") + " "
        await self._answered(delivery, lambda: self._line(delivery, prefix + delivery.text, request=delivery.id))

    async def clicked(self, delivery: Clicked) -> None:
        """A button. What it stands for is checked again behind the door, as if it were typed."""
        if delivery.action == MATCHERS:
            await self._preview(delivery)
        else:
            await self._answered(delivery, lambda: self._clicked(delivery))

    async def checked(self, delivery: Submitted) -> Mapping[str, str]:
        """Errors to show at the inputs, before the form closes."""
        if delivery.callback == SILENCE_FORM:
            return self._silence_forms.checked(delivery.values)
        if delivery.callback != forms.DEPLOY_FORM:
            return {}
        return check_form(delivery.values, self._vocabulary(), await self._versions())

    async def submitted(self, delivery: Submitted) -> None:
        """A form that had no errors."""
        if delivery.callback == forms.DEPLOY_FORM:
            await self._answered(delivery, lambda: self._submitted(delivery))
        elif delivery.callback == SILENCE_FORM:
            await self._answered(delivery, lambda: self._silence(delivery))

    async def home_opened(self, actor: Actor) -> None:
        """Somebody looks at the Home tab."""
        try:
            await self._publish_home(actor, await self._account(actor))
        except (StorageError, TemporaryFailure) as error:
            log.warning("a Home tab could not be shown: %s", error)

    async def _answered(self, delivery: Delivery, work: Callable[[], Awaitable[None]]) -> None:
        """Do the work of a delivery that was not seen before. Whatever goes wrong, the person is told."""
        try:
            if await self._first(delivery):
                await work()
        except (StorageError, TemporaryFailure) as error:
            log.warning("%s could not be handled: %s", delivery.id, error)
            await self._reply(delivery, render_refusal(_sentence(error.reason), _sentence(error.remedy)))
        except ChatFailure as failure:
            log.warning("%s could not be answered as meant: %s", delivery.id, failure)
            await self._reply(delivery, render_refusal("Slack did not take the answer.", "Try again."))
        except Exception as error:  # noqa: BLE001  # the last line of defence: nobody is left without an answer
            reference = secrets.token_hex(4)
            trace = mask("".join(traceback.format_exception(error))).text
            log.error("%s failed, reference %s\n%s", delivery.id, reference, trace)  # noqa: TRY400  # masked by hand
            remedy = f"It is logged under the reference {reference}; tell whoever runs Pilothouse."
            await self._reply(delivery, render_refusal("Something went wrong here.", remedy))

    async def _first(self, delivery: Delivery) -> bool:
        """Whether this delivery was not seen before, by this process or another."""
        return await self._claims.claim(f"slack:{delivery.id}", now=self._now(), ttl=REPEATS)

    async def _clicked(self, delivery: Clicked) -> None:
        if not await self._claims.claim(f"slack:{press(delivery)}", now=self._now(), ttl=DOUBLE_CLICK):
            return  # the first half of the double click is answered
        request = request_id(delivery)
        if delivery.action == RUN_SUGGESTION:
            await self._line(delivery, delivery.value.partition(" ")[2], request=request)
            return
        command = command_of(delivery)
        if command is not None:
            await self._do(delivery, command, request=request, account=await self._kind(delivery))
        elif not delivery.action.startswith(LINKS):
            gone = render_refusal("This button is of another release of Pilothouse.", "Type `/ops help` instead.")
            await self._reply(delivery, gone)

    async def _submitted(self, delivery: Submitted) -> None:
        line = form_line(delivery.values)
        await self._line(delivery, line, request=delivery.id)

    async def _silence(self, delivery: Submitted) -> None:
        command = self._silence_forms.command(delivery.values)
        await self._do(delivery, command, request=delivery.id, account=await self._kind(delivery))

    async def _preview(self, delivery: Clicked) -> None:
        """Show what the matchers of the form mean while they are written; without it the form is as good."""
        if not self._door.may(delivery.actor, Permission.VIEW, None):
            return
        try:
            await self._silence_forms.edited(delivery)
        except ChatFailure as failure:
            log.info("the preview of a form could not be shown: %s", failure)

    async def _kind(self, delivery: Delivery) -> str:
        return delivery.account or await self._account(delivery.actor)

    async def _line(self, delivery: Delivery, line: str, *, request: str) -> None:
        account = await self._kind(delivery)
        if account or not self._door.may(delivery.actor, Permission.VIEW, None):
            # Whoever may not even look is told so by the door, and learns no names from us.
            await self._do(delivery, ShowStatus(), request=request, account=account, text=line)
            return
        warning = _warning(line)
        try:
            command = parse(line, self._vocabulary())
        except Misunderstood as error:
            await self._reply(delivery, render_misunderstood(error, warning=warning))
            return
        match command:
            case ShowHelp(verb):
                await self._reply(delivery, warned(render_help(self._allowed(delivery.actor), only=verb), warning))
            case OpenDeployForm() if delivery.trigger:
                await self._show_form(delivery, command)
            case OpenSilenceForm() if delivery.trigger:
                await self._show_silence_form(delivery, command)
            case OpenDeployForm():
                await self._no_form(delivery, "/ops deploy SERVICE VERSION to ENVIRONMENT")
            case OpenSilenceForm():
                await self._no_form(delivery, "/ops silence MATCHERS for DURATION because TEXT")
            case _:
                await self._do(delivery, command, request=request, text=line)

    async def _show_form(self, delivery: Delivery, command: OpenDeployForm) -> None:
        vocabulary = self._vocabulary()
        if not vocabulary.services:
            remedy = "Add one under `services` in the settings file."
            await self._reply(delivery, render_refusal("There are no services yet.", remedy))
        elif not any(self._door.may(delivery.actor, Permission.DEPLOY, place) for place in vocabulary.environments):
            remedy = "`/ops help` shows what you may do."
            await self._reply(delivery, render_refusal("You may not deploy anywhere.", remedy))
        else:
            await self._open_form(delivery.trigger, await self._deploy_form(command))

    async def _show_silence_form(self, delivery: Delivery, command: OpenSilenceForm) -> None:
        if self._may_somewhere(delivery.actor, Permission.SILENCE):
            await self._open_form(delivery.trigger, self._silence_forms.view(command))
        else:
            remedy = "`/ops help` shows what you may do."
            await self._reply(delivery, render_refusal("You may not silence alerts anywhere.", remedy))

    async def _no_form(self, delivery: Delivery, usage: str) -> None:
        await self._reply(delivery, render_misunderstood(Misunderstood("A form can't open from here.", usage)))

    def _may_somewhere(self, actor: Actor, permission: Permission) -> bool:
        places = [None, *self._vocabulary().environments]
        return any(self._door.may(actor, permission, place) for place in places)

    def _allowed(self, actor: Actor) -> Sequence[Verb]:
        return [verb for verb in VERBS if self._may_somewhere(actor, verb.permission)]

    async def _do(
        self, delivery: Delivery, command: object, *, request: str, account: str = "", text: str = ""
    ) -> None:
        context = {"channel": delivery.channel, "text": text, "account": account}
        response = await self._door.handle(Request(request, self._now(), "chat", delivery.actor, command, context))
        warning = str(response.data.get("warning", ""))
        if response.ok:
            await self._reply(delivery, self._render(command, response))
        else:
            await self._reply(delivery, render_refusal(response.error, response.remedy, warning=warning))


def check_form(
    values: Mapping[str, str], vocabulary: Vocabulary, versions: Mapping[str, Sequence[str]]
) -> Mapping[str, str]:
    """What is wrong with the deploy form's values, by the input it is wrong at. `versions` may lack a service."""
    version = values.get(forms.VERSION, "").split()
    if len(version) != 1:
        return {forms.VERSION: "A version is one word, such as v2.4.1."}
    service = values.get(forms.SERVICE, "")
    if service not in vocabulary.services:
        return {forms.SERVICE: "There is no such service any more. Close this and begin anew."}
    try:
        command = parse(form_line(values), vocabulary)
    except Misunderstood as error:
        return {forms.ENVIRONMENT: error.reason}
    if not isinstance(command, Deploy):
        return {forms.ENVIRONMENT: "Choose an environment."}
    known = versions.get(service, ())
    if known and command.version not in known:
        return {forms.VERSION: f"{service} has no such version. Known: {', '.join(known[-10:])}."}
    return {}


def form_line(values: Mapping[str, str]) -> str:
    """The deploy form as it would be typed."""
    service, environment = values.get(forms.SERVICE, ""), values.get(forms.ENVIRONMENT, "")
    return f"deploy {service} {values.get(forms.VERSION, '').strip()} to {environment}"


def _warning(line: str) -> str:
    found = mask(line)
    if not found.found:
        return ""
    kinds = ", ".join(found.kinds)
    return f"Your message held what looks like a secret ({kinds}). Rotate it: others may have read it."


def _sentence(text: str) -> str:
    return text if not text or text.endswith((".", "!", "?")) else f"{text}."
