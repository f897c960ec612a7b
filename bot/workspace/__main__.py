"""``python -m bot.workspace``: a workspace of its own process.

The app's keys come from SLACK_BOT_TOKEN, SLACK_APP_TOKEN and SLACK_SIGNING_SECRET, so that they are in no process
list; missing ones are drawn and printed, ready for a shell's ``eval``.
"""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from bot.workspace.config import ConfigError, Credentials, WorkspaceConfig, load_people, random_credentials
from bot.workspace.journal import JournalBroken
from bot.workspace.lock import JournalInUse
from bot.workspace.manifest import Manifest, ManifestError, load_manifest
from bot.workspace.server import Workspace


def parser() -> argparse.ArgumentParser:
    """The options of the command line; their help texts are what ``--help`` prints."""
    arguments = argparse.ArgumentParser(prog="python -m bot.workspace", description="A Slack-compatible workspace.")
    arguments.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    arguments.add_argument("--port", type=int, default=0, help="port to listen on (default: a free one)")
    arguments.add_argument("--manifest", type=Path, help="the Slack app manifest of the app to try")
    arguments.add_argument("--journal", type=Path, help="file that keeps everything over restarts")
    arguments.add_argument("--people", type=Path, help="YAML file with team, people, channels and groups")
    arguments.add_argument("--request-url", help="deliver by signed HTTP to this address instead of Socket Mode")
    arguments.add_argument("--no-rates", action="store_true", help="do not limit how often the app may call")
    arguments.add_argument(
        "--page", action=argparse.BooleanOptionalAction, default=True, help="serve the web page (default: yes)"
    )
    return arguments


def read_config(options: argparse.Namespace, environment: Mapping[str, str]) -> WorkspaceConfig:
    """The configuration out of options and environment. Raises ConfigError, ManifestError, OSError."""
    manifest = load_manifest(options.manifest) if options.manifest else Manifest()
    people = load_people(options.people) if options.people else {}
    config = WorkspaceConfig(
        credentials=_credentials(environment),
        manifest=manifest,
        host=options.host,
        port=options.port,
        journal=options.journal,
        page=options.page,
        request_url=options.request_url,
        **people,
    )
    return replace(config, rates=None) if options.no_rates else config


def _credentials(environment: Mapping[str, str]) -> Credentials:
    drawn = random_credentials()
    return replace(
        drawn,
        bot_token=environment.get("SLACK_BOT_TOKEN") or drawn.bot_token,
        app_token=environment.get("SLACK_APP_TOKEN") or drawn.app_token,
        signing_secret=environment.get("SLACK_SIGNING_SECRET") or drawn.signing_secret,
    )


def announcement(workspace: Workspace, environment: Mapping[str, str]) -> str:
    """What is printed once the workspace listens: its address, and the keys that were drawn."""
    keys = workspace.config.credentials
    exports = {
        "SLACK_API_URL": workspace.api_url,
        "SLACK_BOT_TOKEN": keys.bot_token,
        "SLACK_APP_TOKEN": keys.app_token,
        "SLACK_SIGNING_SECRET": keys.signing_secret,
    }
    lines = [f"export {name}={value}" for name, value in exports.items() if not environment.get(name)]
    return "\n".join([f"# workspace at {workspace.url}", *lines])


async def run(config: WorkspaceConfig, environment: Mapping[str, str]) -> None:
    """Serve until SIGINT or SIGTERM."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with Workspace(config) as workspace:
        print(announcement(workspace, environment), flush=True)  # noqa: T201 - a command's output
        await stop.wait()


def main() -> int:
    """Run the command until it is stopped. Returns the exit code: 1, with one line on stderr, if it cannot start."""
    options = parser().parse_args()
    try:
        asyncio.run(run(read_config(options, os.environ), os.environ))
    except (ConfigError, ManifestError, JournalBroken, JournalInUse, OSError) as error:
        print(f"The workspace cannot start: {error}", file=sys.stderr)  # noqa: T201 - a command's output
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
