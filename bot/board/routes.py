"""The board's addresses."""

from __future__ import annotations

from aiohttp import web

from bot.app import Pilothouse


def add_board_routes(app: web.Application, house: Pilothouse) -> None:
    """Serve the board at `/`."""
