"""The listening side of chat with a door of our own behind it, so that tests say what the house answers."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import aiohttp
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.chat.ledger import Ledger
from bot.chat.outbox import Outbox
from bot.chat.port import Platform
from bot.inputs.slack.accounts import Accounts
from bot.inputs.slack.app import build_app
from bot.inputs.slack.listeners import SlackListeners
from bot.inputs.slack.reply import PrivateReply
from bot.inputs.slack.silence_forms import SilenceForms
from bot.inputs.slack.tasks import Tasks
from bot.readings.now import AlertRow
from bot.views.forms import render_deploy_form
from bot.views.outcome import render_outcome
from bot.words.commands import OpenDeployForm
from bot.words.grammar import Vocabulary
from bot.workspace.http_events import signature
from engine.commands import Actor, Request, Response
from engine.deployments.deployment import PersonId
from engine.errors import Unauthenticated
from engine.security.identity import Directory, Person
from engine.security.permissions import Permission, Role, allowed
from tests.fakes.memory_storage import MemoryDatabase

SECRET = "shhh-sign-it"
# Deliveries are signed when tests are collected, which may be long before they run: time stands still for both.
NOW = datetime.now(UTC)
WORDS = Vocabulary({"shop": ["staging", "production"]}, ["staging", "production"])


def directory(team: str = "T0", *, guest: str = "U0GUEST") -> Directory:
    """Ada may all, Grace may look, and somebody who is named here but only a guest in Slack."""
    people = [("ada", "U0ADA", Role.APPROVER), ("grace", "U0GRACE", Role.VIEWER), ("gus", guest, Role.APPROVER)]
    return Directory(
        Person(PersonId(name), name.title(), slack=((team, user),), roles={"*": role})  # type: ignore[arg-type]
        for name, user, role in people
    )


@dataclass(slots=True)
class FakeDoor:
    """Lets people in as the orchestrator does, and answers every command with `data`."""

    people: Directory
    now: Callable[[], datetime]
    data: dict[str, Any] = field(default_factory=lambda: {"service": "shop", "version": "v2", "environment": "staging"})
    error: Exception | None = None
    open: asyncio.Event = field(default_factory=asyncio.Event)
    requests: list[Request] = field(default_factory=list)

    async def handle(self, request: Request) -> Response:
        self.requests.append(request)
        await self.open.wait()
        if self.error:
            raise self.error
        try:
            self.people.authenticate(request.actor, account=request.context.get("account", ""))
        except Unauthenticated as refused:
            return Response(request.id, self.now(), ok=False, error=refused.reason, remedy=refused.remedy)
        return Response(request.id, self.now(), ok=True, data=self.data)

    def may(self, actor: Actor, permission: Permission, environment: str | None) -> bool:
        try:
            return allowed(self.people.authenticate(actor), permission, environment)
        except Unauthenticated:
            return False

    @property
    def commands(self) -> list[object]:
        return [request.command for request in self.requests]


@dataclass(slots=True)
class Front:
    """Everything between a delivery and the door."""

    app: AsyncApp
    door: FakeDoor
    database: MemoryDatabase
    outbox: Outbox
    tasks: Tasks
    homes: list[tuple[Actor, str]]
    alerts: list[AlertRow]
    updated: list[tuple[str, Mapping[str, Any]]]


def build_front(
    platform: Platform, client: AsyncWebClient, session: aiohttp.ClientSession, people: Directory, now: Any
) -> Front:
    database = MemoryDatabase(now)
    outbox = Outbox(platform, Ledger(database.records, platform, now=now), now=now)
    door, tasks, homes = FakeDoor(people, now), Tasks(), []
    alerts: list[AlertRow] = []
    updated: list[tuple[str, Mapping[str, Any]]] = []
    door.open.set()

    async def form(command: OpenDeployForm) -> Mapping[str, Any]:
        return render_deploy_form(list(WORDS.services), list(WORDS.environments), {}, chosen=command.service)

    async def versions() -> Mapping[str, Sequence[str]]:
        return {}

    async def update_view(view_id: str, view: Mapping[str, Any]) -> None:
        updated.append((view_id, view))

    async def home(actor: Actor, account: str) -> None:
        homes.append((actor, account))

    listeners = SlackListeners(
        door=door,
        claims=database.claims,
        vocabulary=lambda: WORDS,
        render=lambda command, response: render_outcome(command, response, mention=lambda _: "<@U0KNOWN>"),
        reply=PrivateReply(session, platform, outbox),
        versions=versions,
        deploy_form=form,
        silence_forms=SilenceForms(lambda: alerts, update_view),
        open_form=platform.open_view,
        publish_home=home,
        account=Accounts(platform, now=now).kind,
        now=now,
    )
    app = build_app(client, listeners, tasks, signing_secret=SECRET)
    return Front(app, door, database, outbox, tasks, homes, alerts, updated)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A signed HTTP delivery; spoil a header with `with_headers`."""

    body: bytes
    headers: dict[str, str]

    def with_headers(self, **headers: str | None) -> "Delivery":
        given = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return replace(self, headers={name: value for name, value in given.items() if value is not None})


def signed(body: bytes, kind: str, *, at: int | None = None, secret: str = SECRET) -> Delivery:
    at = int(NOW.timestamp()) if at is None else at
    mark = signature(secret, at, body)
    return Delivery(body, {"Content-Type": kind, "X-Slack-Request-Timestamp": str(at), "X-Slack-Signature": mark})


def form(fields: Mapping[str, Any], **how: Any) -> Delivery:
    return signed(urlencode(fields).encode(), "application/x-www-form-urlencoded", **how)


def command(
    text: str, *, user: str = "U0ADA", team: str = "T0", name: str = "/ops", trigger: str = "1.1", **how: Any
) -> Delivery:
    fields = {
        "command": name,
        "text": text,
        "user_id": user,
        "team_id": team,
        "channel_id": "C-deploys",
        "trigger_id": trigger,
        "api_app_id": "A0",
    }
    return form(fields, **how)


def interaction(payload: Mapping[str, Any], *, user: str = "U0ADA", team: str = "T0") -> Delivery:
    who = {"team": {"id": "T0"}, "user": {"id": user, "team_id": team}, "api_app_id": "A0", "trigger_id": "1.1"}
    return form({"payload": json.dumps({**who, **payload})})


def click(
    action: str, value: str, *, trigger: str = "1.1", user: str = "U0ADA", team: str = "T0", at: str = "1764000000.5"
) -> Delivery:
    return interaction(
        {
            "type": "block_actions",
            "trigger_id": trigger,
            "container": {"type": "message", "message_ts": "5.5", "channel_id": "C-deploys"},
            "channel": {"id": "C-deploys"},
            "actions": [{"type": "button", "action_id": action, "block_id": "b", "value": value, "action_ts": at}],
        },
        user=user,
        team=team,
    )


def event(event: Mapping[str, Any], *, id: str = "Ev1") -> Delivery:  # noqa: A002
    body = {"type": "event_callback", "team_id": "T0", "api_app_id": "A0", "event_id": id, "event": event}
    return signed(json.dumps(body).encode(), "application/json")


def mention(words: str, **more: Any) -> dict[str, Any]:
    said = {"type": "app_mention", "user": "U0ADA", "team": "T0", "channel": "C-deploys", "ts": "7.7"}
    return {**said, "text": f"<@U0BOT> {words}", **more}
