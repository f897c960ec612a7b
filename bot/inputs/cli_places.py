"""How the command line names a service in an environment: `shop in production`, or without the `in`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, Final

PLACE: Final = "SERVICE [in] ENVIRONMENT"

UNNAMED: Final = "name a service and an environment, such as: shop in production"


def place_in(words: Sequence[str]) -> tuple[str, str] | None:
    """The service and the environment that the words name; None when they name no place."""
    match words:
        case [service, "in", environment] | [service, environment]:
            return service, environment
        case _:
            return None


def at_place(parser: argparse.ArgumentParser) -> None:
    """Add the words of a place to a command; its options then have `service` and `environment`."""
    parser.add_argument("place", nargs="+", metavar="WORD", action=_Place, help=PLACE)
    parser.usage = f"{parser.prog} [options] {PLACE}"


class _Place(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, *_: Any) -> None:
        found = place_in(values)
        if found is None:
            parser.error(UNNAMED)
        namespace.service, namespace.environment = found
