"""How the command line names a service in an environment: `shop in production`, or without the `in`."""

from __future__ import annotations

import argparse
from typing import Any, Final

PLACE: Final = "SERVICE [in] ENVIRONMENT"


def at_place(parser: argparse.ArgumentParser) -> None:
    """Add the words of a place to a command; its options then have `service` and `environment`."""
    parser.add_argument("place", nargs="+", metavar="WORD", action=_Place, help=PLACE)
    parser.usage = f"{parser.prog} [options] {PLACE}"


class _Place(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, *_: Any) -> None:
        match values:
            case [service, "in", environment] | [service, environment]:
                namespace.service, namespace.environment = service, environment
            case _:
                parser.error("name a service and an environment, such as: shop in production")
