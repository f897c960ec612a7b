"""`pilothouse serve`: the product itself, until SIGTERM or SIGINT; SIGHUP reads rules and routing anew."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import sys
from pathlib import Path
from typing import Final

from bot.house.app import running
from bot.house.single import AlreadyRunning, DataFolderUnusable
from bot.settings import SettingsWrong, load_settings
from bot.settings.read import Settings
from bot.web.server import PortTaken, serving
from storage.errors import StorageError

FAILED: Final = 1
KNOWN: Final = (AlreadyRunning, DataFolderUnusable, PortTaken, StorageError, SettingsWrong)

log = logging.getLogger(__name__)


def serve(config: Path) -> int:
    """Run until told to stop; the exit code. Known failures are told in their own words."""
    try:
        settings = load_settings(config, whole=False)
        _check_keys(settings)
        _log_to_stderr(settings)
        return _run(settings)
    except KNOWN as error:
        print(error, file=sys.stderr)  # noqa: T201  # a command's word
        return FAILED


def _run(settings: Settings) -> int:
    try:
        import uvloop  # noqa: PLC0415  # where it installs
    except ImportError:
        return asyncio.run(_serve(settings))
    return uvloop.run(_serve(settings))


async def _serve(settings: Settings) -> int:
    gc.disable()
    async with running(settings) as house, serving(house) as url:
        # What a start makes stays. Walking over it takes 0.1 s each time, and nobody is answered meanwhile.
        gc.freeze()
        # Thousands of alerts live long; looking through all of them at every burst costs more than it finds.
        gc.set_threshold(50_000, 20, 1000)
        gc.enable()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, house.stop.set)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, house.reloader.ask)
        log.info("ready at %s", url)
        print(f"Pilothouse is ready at {url}", flush=True)  # noqa: T201  # a command's word
        await house.stop.wait()
        return FAILED if house.failure else 0


def _check_keys(settings: Settings) -> None:
    """Without keys nobody could be heard or answered; say which are missing before anything starts."""
    environment = settings.environment
    missing = [] if environment.slack_bot_token else ["SLACK_BOT_TOKEN"]
    if not environment.slack_app_token and not environment.slack_signing_secret:
        missing.append("SLACK_APP_TOKEN (Socket Mode) or SLACK_SIGNING_SECRET (HTTP)")
    if missing:
        from bot.settings.problems import SettingsProblem  # noqa: PLC0415

        remedy = "set it in the environment; README, Install on Slack, says where to find it"
        raise SettingsWrong([SettingsProblem("environment", 0, name, f"is missing; {remedy}") for name in missing])


def _log_to_stderr(settings: Settings) -> None:
    level = settings.environment.pilothouse_log.upper()
    form = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
    logging.basicConfig(
        stream=sys.stderr, level=level if level in logging.getLevelNamesMapping() else "INFO", format=form
    )
    for noisy in ("apscheduler", "slack_bolt", "slack_sdk", "dbos", "alembic.runtime.plugins"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # They warn of what is meant: a check that is still under way is not begun again, and the client has the token.
    for warning in ("apscheduler.scheduler", "bot.inputs.slack.bolt"):
        logging.getLogger(warning).setLevel(logging.ERROR)
