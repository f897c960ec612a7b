"""Whether a router can pin requests, and where people can look at a version before it gets any. Pure."""

from __future__ import annotations

from typing import Final

from bot.settings.strategy_parts import PinPart
from bot.settings.target_parts import EcsPart, KubernetesPart, LambdaPart, PlacementPart
from engine.infrastructure.flights import cookie_pattern
from engine.strategy_specs import Pin

LONGEST_NAME: Final = 40
LONGEST_VALUE: Final = 128
WILDCARDS: Final = frozenset("*?")
"""Limits of the http-header condition of an ALB: https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/."""


def unpinnable(pin: PinPart, section: object, place: PlacementPart) -> tuple[str, str] | None:
    """Why these requests cannot be pinned here, and what to do instead; None when they can."""
    match section:
        case KubernetesPart(router="gateway"):
            return None
        case KubernetesPart():
            return f"the router {section.router} of Kubernetes reads no headers", "use router gateway"
        case EcsPart():
            return _at_alb(pin)
        case LambdaPart():
            return "an alias of Lambda reads no headers", "let people call a `preview_alias`"
        case _ if place.haproxy is not None and not place.haproxy.preview_backend:
            return "HAProxy needs a second backend for them", "name it as `haproxy.preview_backend`"
        case _:
            return None


def unseen(pin: PinPart | None, section: object, place: PlacementPart) -> str:
    """What to do so that somebody can look at a preview; "" when somebody can.

    Behind an HTTPRoute each version has a Service of its own that people in the cluster can call.
    """
    match section:
        case KubernetesPart():
            seen = section.router == "gateway" or section.preview_service
            return "" if seen else "name a `preview_service` to show it"
        case EcsPart():
            return "" if pin else "give its strategy a `pin` to show it to those who carry that"
        case LambdaPart():
            return "" if section.preview_alias else "name a `preview_alias` to show it"
        case _ if place.haproxy is not None:
            return "" if place.haproxy.preview_backend else "name a `haproxy.preview_backend` to show it"
        case _:
            return "" if place.preview_port or pin else "give a `preview_port` to show it"


def _at_alb(pin: PinPart) -> tuple[str, str] | None:
    if pin.kind == "cookie":
        longer = len(cookie_pattern(Pin(pin.kind, pin.name, pin.value))) > LONGEST_VALUE
        return ("an ALB takes no pattern that long for a cookie", "shorten its name and value") if longer else None
    if pin.name.lower() == "host":
        return "an ALB reads the host otherwise", "pin by another header"
    if len(pin.name) > LONGEST_NAME or len(pin.value) > LONGEST_VALUE:
        return f"an ALB takes names of {LONGEST_NAME} and values of {LONGEST_VALUE} signs", "shorten it"
    if WILDCARDS & set(pin.value):
        return "* and ? stand for any signs at an ALB", "use another value"
    return None
