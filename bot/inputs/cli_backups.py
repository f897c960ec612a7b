"""The command line's words about backups."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import Any

SERVICE_AND_ENVIRONMENT = 2


def add_backup_commands(commands: Any, config: Path) -> None:
    """Add `backup` and `restore` to the parser's commands."""
    backup = _command(commands, "backup", _backup, "back a service's data up, or Pilothouse's own", config)
    backup.add_argument("what", nargs="*", metavar="SERVICE ENVIRONMENT", help="without them, Pilothouse's own data")
    backup.add_argument("--list", action="store_true", help="only show the backups there are")
    restore = _command(commands, "restore", _restore, "bring a backup back, over what is there now", config)
    restore.add_argument("what", nargs="+", metavar="[SERVICE ENVIRONMENT] BACKUP", help="the id that backup shows")


def _command(commands: Any, name: str, run: Any, text: str, config: Path) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text)
    parser.add_argument("--config", type=Path, default=config, help="settings file (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    parser.set_defaults(run=run, fault=parser.error)
    return parser


def _backup(options: argparse.Namespace) -> int:
    from bot.inputs.backup_commands import backup  # noqa: PLC0415

    if len(options.what) not in {0, SERVICE_AND_ENVIRONMENT}:
        options.fault("name a service and an environment, or neither for Pilothouse's own data")
    return asyncio.run(backup(options))


def _restore(options: argparse.Namespace) -> int:
    from bot.inputs.backup_commands import restore  # noqa: PLC0415

    if len(options.what) not in {1, SERVICE_AND_ENVIRONMENT + 1}:
        options.fault("name a service, an environment and a backup, or only a backup of Pilothouse's own data")
    return asyncio.run(restore(options))
