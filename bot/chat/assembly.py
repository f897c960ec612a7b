"""Puts the speaking side of chat together, and the listening side once there is somebody to listen for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import aiohttp
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.chat.home import HomeTab
from bot.chat.ledger import Ledger
from bot.chat.live import Live, Teller
from bot.chat.outbox import Outbox
from bot.chat.pager import ChatPager
from bot.chat.slack import SlackPlatform
from bot.chat.tellers import mention_by
from bot.inputs.slack.accounts import Accounts
from bot.inputs.slack.app import build_app
from bot.inputs.slack.listeners import Door, SlackListeners
from bot.inputs.slack.reply import PrivateReply
from bot.inputs.slack.silence_forms import SilenceForms
from bot.inputs.slack.tasks import Tasks
from bot.readings.now import Readings
from bot.settings.read import Settings
from bot.views.blocks import Mention
from bot.views.forms import render_deploy_form
from bot.views.outcome import render_outcome
from bot.words.commands import OpenDeployForm
from bot.words.grammar import Vocabulary
from engine.catalog import Catalog
from engine.errors import EngineError
from engine.security.identity import Directory
from storage.database import Database

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Speaking:
    """What sends messages."""

    platform: SlackPlatform
    ledger: Ledger
    outbox: Outbox
    pager: ChatPager
    mention: Mention
    client: AsyncWebClient
    session: aiohttp.ClientSession


def build_speaking(
    settings: Settings,
    database: Database,
    session: aiohttp.ClientSession,
    directory: Callable[[], Directory],
    *,
    now: Callable[[], datetime],
) -> Speaking:
    """The client keeps no retry handlers: the outbox and the ledger decide what is sent again."""
    environment = settings.environment
    client = AsyncWebClient(
        token=environment.slack_bot_token, base_url=environment.slack_api_url, session=session, retry_handlers=[]
    )
    platform = SlackPlatform(client)
    ledger = Ledger(database.records, platform, now=now)
    outbox = Outbox(platform, ledger, now=now)
    mention = mention_by(directory)
    pager = ChatPager(outbox, ledger, platform, directory, mention)
    return Speaking(platform, ledger, outbox, pager, mention, client, session)


@dataclass(frozen=True, slots=True)
class Listening:
    """What hears people: the bolt app, its tasks, the Home tab, and the messages that follow the log."""

    app: AsyncApp
    tasks: Tasks
    home: HomeTab
    live: Live
    listeners: SlackListeners


def build_listening(
    settings: Settings,
    database: Database,
    speaking: Speaking,
    door: Door,
    readings: Readings,
    catalog: Callable[[], Catalog],
    directory: Callable[[], Directory],
    tellers: list[Teller],
    *,
    now: Callable[[], datetime],
) -> Listening:
    """Everything between a delivery and the door."""
    tasks = Tasks()
    home = HomeTab(speaking.platform, readings, directory, speaking.mention, now=now)
    listeners = SlackListeners(
        door=door,
        claims=database.claims,
        vocabulary=lambda: Vocabulary.of(catalog()),
        render=lambda command, response: render_outcome(command, response, mention=speaking.mention),
        reply=PrivateReply(speaking.session, speaking.platform, speaking.outbox),
        versions=lambda: _versions(readings),
        deploy_form=lambda command: _deploy_form(command, catalog(), readings),
        silence_forms=SilenceForms(readings.alerts, speaking.platform.update_view),
        open_form=speaking.platform.open_view,
        publish_home=home.opened,
        account=Accounts(speaking.platform, now=now).kind,
        now=now,
    )
    app = build_app(speaking.client, listeners, tasks, signing_secret=settings.environment.slack_signing_secret)
    live = Live(database.log, database.records, speaking.outbox, speaking.ledger, tellers, now=now)
    return Listening(app, tasks, home, live, listeners)


async def _deploy_form(command: OpenDeployForm, catalog: Catalog, readings: Readings) -> Mapping[str, Any]:
    versions = await _versions(readings)
    services = [str(name) for name in catalog.services]
    return render_deploy_form(services, [str(name) for name in catalog.environments], versions, chosen=command.service)


async def _versions(readings: Readings) -> Mapping[str, Sequence[str]]:
    """The versions that exist. Slack waits three seconds, so the list may cost one; a form is good without it."""
    try:
        async with asyncio.timeout(1):
            return await readings.versions()
    except (TimeoutError, EngineError) as error:
        log.info("the form knows no versions: %s", error)
        return {}
