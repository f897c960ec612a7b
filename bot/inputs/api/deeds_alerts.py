"""The API's changes of silences; each is a command for the single door."""

from __future__ import annotations

from datetime import timedelta

from alerting.commands import ExpireSilence, SetSilence
from alerting.silences.silence import SilenceId
from bot.inputs.api import alert_groups, present_alerts
from bot.inputs.api import schemas_alerts as shapes
from bot.inputs.api.alert_filter import parsed_matchers
from bot.inputs.api.endpoint import Api, Call, ask
from bot.inputs.api.errors import ApiError
from bot.inputs.api.reads_alerts import sources


async def silence(api: Api, call: Call) -> shapes.Silenced:
    """Mute what matches from now on."""
    wish = call.ask(shapes.SilenceAsk)
    matchers = parsed_matchers(wish.matchers, "matchers")
    lasts = None if wish.seconds is None else timedelta(seconds=wish.seconds)
    response = await ask(api, call, SetSilence(matchers, lasts, wish.comment), named_in_body=True)
    return await _shown(api, response.data["silence"]["id"])


async def expire(api: Api, call: Call) -> shapes.Silenced:
    """End a silence now."""
    response = await ask(api, call, ExpireSilence(SilenceId(call.path("id"))))
    return await _shown(api, response.data["silence"]["id"])


async def _shown(api: Api, id: str) -> shapes.Silenced:  # noqa: A002
    now = api.now()
    standing = await alert_groups.Standing.of(sources(api), now=now)
    known = standing.silences.get(SilenceId(id))
    if known is None:
        raise ApiError(404, "NotFound", f"There is no silence {id[:40]}.", "`GET /silences` lists them with their ids.")
    return present_alerts.silence(known, now=now, mutes=standing.mutes()[known.id])
