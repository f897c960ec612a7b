"""A small Slack-compatible workspace: a place to try any Slack app, and the chat of its tests.

It speaks Slack's protocol (Web API, Socket Mode, signed HTTP events, response_url, views) and knows nothing
about the app that talks to it. Start it with ``python -m bot.workspace`` or, inside a test, with
``async with Workspace(config) as workspace``.
"""

from bot.workspace.client import Seen, WorkspaceClient
from bot.workspace.config import ChannelSpec, Credentials, GroupSpec, Person, WorkspaceConfig, random_config
from bot.workspace.faults import ApiCall, Faults
from bot.workspace.manifest import Manifest, load_manifest
from bot.workspace.server import Workspace

__all__ = [
    "ApiCall",
    "ChannelSpec",
    "Credentials",
    "Faults",
    "GroupSpec",
    "Manifest",
    "Person",
    "Seen",
    "Workspace",
    "WorkspaceClient",
    "WorkspaceConfig",
    "load_manifest",
    "random_config",
]
