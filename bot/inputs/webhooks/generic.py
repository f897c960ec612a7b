"""What anybody else tells who knows a trigger's secret: which version it is to deploy. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from bot.inputs.webhooks.wish import Nothing, Text, Wish
from bot.settings.triggers import Trigger


@dataclass(frozen=True, slots=True)
class _Told:
    version: Text
    service: Text = ""
    environment: Text = ""


def read_generic(body: bytes, trigger: Trigger, delivery: str) -> list[Wish] | Nothing:
    """The deployment that is asked for; what the body names has to be what the trigger is for.

    Raises msgspec.MsgspecError when the body is no object with a version.
    """
    told = msgspec.json.decode(body, type=_Told, strict=True)
    service, environment = told.service or trigger.service, told.environment or trigger.environment
    if (service, environment) != (trigger.service, trigger.environment):
        place = f"{trigger.service} to {trigger.environment}"
        raise msgspec.ValidationError(f"{trigger.name} deploys {place} and nothing else")
    return [Wish(trigger.name, service, environment, told.version, f"delivery {delivery}")]
