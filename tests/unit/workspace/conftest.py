"""A workspace, and a small real Slack app (slack_bolt) that talks to it over Socket Mode."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta

import pytest
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.workspace import Manifest, Workspace, WorkspaceConfig, random_config
from bot.workspace.manifest import parse_manifest

MANIFEST = {
    "display_information": {"name": "Parrot"},
    "features": {
        "bot_user": {"display_name": "parrot"},
        "app_home": {"home_tab_enabled": True},
        "slash_commands": [
            {"command": "/echo", "description": "Say it again", "usage_hint": "words"},
            {"command": "/escaped", "description": "With references", "should_escape": True},
        ],
        "shortcuts": [
            {"name": "Sing", "type": "global", "callback_id": "sing", "description": "Sings"},
            {"name": "Quote", "type": "message", "callback_id": "quote", "description": "Quotes"},
        ],
    },
    "oauth_config": {
        "scopes": {
            "bot": [
                "chat:write",
                "commands",
                "channels:read",
                "channels:history",
                "channels:manage",
                "channels:join",
                "im:write",
                "reactions:write",
                "users:read",
                "users:read.email",
                "team:read",
                "usergroups:read",
                "usergroups:write",
            ]
        }
    },
    "settings": {
        "interactivity": {"is_enabled": True},
        "event_subscriptions": {
            "bot_events": ["message.channels", "message.im", "app_mention", "app_home_opened", "member_joined_channel"]
        },
    },
}
SOON = timedelta(milliseconds=20)


@pytest.fixture
def manifest() -> Manifest:
    return parse_manifest(MANIFEST)


@pytest.fixture
def config(manifest: Manifest) -> WorkspaceConfig:
    return random_config(manifest=manifest, event_retries=(SOON, SOON, SOON))


@pytest.fixture
async def workspace(config: WorkspaceConfig) -> AsyncIterator[Workspace]:
    async with Workspace(config) as running:
        yield running


@pytest.fixture
def web(workspace: Workspace) -> AsyncWebClient:
    return AsyncWebClient(workspace.config.credentials.bot_token, base_url=workspace.api_url)


@pytest.fixture
def app(web: AsyncWebClient) -> AsyncApp:
    """A bolt app without listeners; the test adds its own."""
    return AsyncApp(client=web, signing_secret="unused in Socket Mode")


@pytest.fixture
def connect(workspace: Workspace) -> Callable[[AsyncApp], AbstractAsyncContextManager[AsyncSocketModeHandler]]:
    """Connects an app for as long as a block lasts: ``async with connect(app): …``."""

    @asynccontextmanager
    async def connecting(app: AsyncApp) -> AsyncIterator[AsyncSocketModeHandler]:
        handler = AsyncSocketModeHandler(app, workspace.config.credentials.app_token, ping_interval=0.3)
        await handler.connect_async()  # type: ignore[no-untyped-call]  # bolt has no types here
        await workspace.app_connected()
        try:
            yield handler
        finally:
            await handler.close_async()  # type: ignore[no-untyped-call]  # bolt has no types here

    return connecting


@pytest.fixture
async def connected(
    app: AsyncApp, connect: Callable[[AsyncApp], AbstractAsyncContextManager[AsyncSocketModeHandler]]
) -> AsyncIterator[AsyncSocketModeHandler]:
    async with connect(app) as handler:
        yield handler
