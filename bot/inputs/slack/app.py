"""The bolt app: registers one listener a key, acknowledges first, and hands the work to tasks of ours.

Everything slow happens after the acknowledgment and outside bolt, because bolt (1.30) resets the acknowledgment when a
listener raises, runs the next matching listener when one is slow, and does not wait for listeners when it closes.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from slack_bolt.app.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.error import BoltUnhandledRequestError
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot.inputs.slack.deliveries import (
    Clicked,
    Submitted,
    Typed,
    parse_click,
    parse_command,
    parse_mention,
    parse_submission,
)
from bot.inputs.slack.tasks import Tasks
from engine.commands import Actor

log = logging.getLogger(__name__)

Ack = Callable[..., Awaitable[Any]]
COMMANDS = ("/ops", "/deploy")  # those of manifest.yml


class Listeners(Protocol):
    """What happens after a delivery was acknowledged. `checked` alone answers within it, with errors by block id."""

    async def typed(self, delivery: Typed) -> None: ...

    async def clicked(self, delivery: Clicked) -> None: ...

    async def checked(self, delivery: Submitted) -> Mapping[str, str]: ...

    async def submitted(self, delivery: Submitted) -> None: ...

    async def home_opened(self, actor: Actor) -> None: ...


def build_app(client: AsyncWebClient, listeners: Listeners, tasks: Tasks, *, signing_secret: str) -> AsyncApp:
    """An app over `client`. Signatures are checked before it (see signature.py), so bolt need not."""

    async def authorize(enterprise_id: str | None, team_id: str | None) -> AuthorizeResult:
        # One app, one team: asking auth.test here would put a call to Slack before the first acknowledgment.
        return AuthorizeResult(enterprise_id=enterprise_id, team_id=team_id, bot_token=client.token)

    app = AsyncApp(
        client=_without_token(client),
        authorize=authorize,
        signing_secret=signing_secret or None,
        request_verification_enabled=False,
        raise_error_for_unhandled_request=True,
        logger=logging.getLogger("bot.inputs.slack.bolt"),
    )
    app.error(_handle_unknown)
    for command in COMMANDS:
        app.command(command)(_command(listeners, tasks))
    # One listener for all buttons and one for all forms: two that match one key would both run.
    app.action(re.compile(".*"))(_click(listeners, tasks))
    app.view(re.compile(".*"))(_submission(listeners, tasks))
    app.event("app_home_opened")(_home(listeners, tasks))
    app.event("app_mention")(_mention(listeners, tasks))
    return app


def _without_token(client: AsyncWebClient) -> AsyncWebClient:
    """The same client for bolt, which warns of a token beside an authorize function."""
    return AsyncWebClient(
        base_url=client.base_url, timeout=client.timeout, session=client.session, retry_handlers=client.retry_handlers
    )


async def _handle_unknown(error: Exception, body: dict[str, Any]) -> BoltResponse:
    """Acknowledge what we do not know: Slack would send it again three times, and switch the app off in the end."""
    if isinstance(error, BoltUnhandledRequestError):
        log.debug("nothing to do for a delivery of type %s", body.get("type"))
    else:
        log.error("a delivery could not be handled", exc_info=error)
    return BoltResponse(status=200, body="")


def _command(listeners: Listeners, tasks: Tasks) -> Callable[..., Awaitable[None]]:
    async def command(ack: Ack, body: dict[str, Any]) -> None:
        await ack()
        delivery = parse_command(body)
        tasks.start(listeners.typed(delivery), name=delivery.id)

    return command


def _click(listeners: Listeners, tasks: Tasks) -> Callable[..., Awaitable[None]]:
    async def click(ack: Ack, body: dict[str, Any]) -> None:
        await ack()
        delivery = parse_click(body)
        tasks.start(listeners.clicked(delivery), name=delivery.id)

    return click


def _submission(listeners: Listeners, tasks: Tasks) -> Callable[..., Awaitable[None]]:
    async def submission(ack: Ack, body: dict[str, Any]) -> None:
        delivery = parse_submission(body)
        errors = await listeners.checked(delivery)
        if errors:
            await ack(response_action="errors", errors=dict(errors))
            return
        await ack()
        tasks.start(listeners.submitted(delivery), name=delivery.id)

    return submission


def _home(listeners: Listeners, tasks: Tasks) -> Callable[..., Awaitable[None]]:
    async def home(ack: Ack, body: dict[str, Any]) -> None:
        await ack()
        event = body["event"]
        if event.get("tab") == "home":
            actor = Actor("slack", str(event["user"]), str(body.get("team_id", "")))
            tasks.start(listeners.home_opened(actor), name="home")

    return home


def _mention(listeners: Listeners, tasks: Tasks) -> Callable[..., Awaitable[None]]:
    async def mention(ack: Ack, body: dict[str, Any]) -> None:
        await ack()
        delivery = parse_mention(body)
        tasks.start(listeners.typed(delivery), name=delivery.id)

    return mention
