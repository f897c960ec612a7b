"""The silence modal: what it shows at first and while somebody writes, what is wrong with it, what it asks for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from alerting.commands import SetSilence
from alerting.silences.desk import matching
from bot.inputs.slack.deliveries import Clicked
from bot.readings.now import AlertRow
from bot.views.blocks import Block
from bot.views.silences import (
    COMMENT,
    DURATION,
    MATCHERS,
    OWN,
    OWN_DURATION,
    RESOLVED,
    render_no_preview,
    render_preview,
    render_silence_form,
)
from bot.words.grammar import Misunderstood
from bot.words.silences import OpenSilenceForm, checked_matchers, read_duration

UpdateView = Callable[[str, Mapping[str, Any]], Awaitable[None]]


class SilenceForms:
    """`alerts` are those that are pending or fire now; `update` draws the modal of an id anew."""

    def __init__(self, alerts: Callable[[], Sequence[AlertRow]], update: UpdateView) -> None:
        self._alerts = alerts
        self._update = update
        self._typed: dict[str, str] = {}

    def view(self, command: OpenSilenceForm) -> dict[str, Any]:
        """The modal as it opens."""
        return render_silence_form(command.matchers, self.preview(command.matchers))

    def preview(self, text: str) -> Block:
        """What the matchers in `text` would mute now, or what is wrong with them."""
        if not text.strip():
            return render_no_preview()
        try:
            matchers = checked_matchers(text)
        except Misunderstood as wrong:
            return render_no_preview(wrong.reason)
        alerts = self._alerts()
        return render_preview(matching(matchers, alerts), len(alerts))

    async def edited(self, delivery: Clicked) -> None:
        """Somebody wrote at the matchers: draw the preview anew. Raises ChatFailure.

        Every sign that is typed comes as a delivery; while one preview is on its way only the newest text waits.
        """
        view = delivery.view
        under_way = view in self._typed
        self._typed[view] = delivery.values.get(MATCHERS, "")
        if under_way:
            return
        shown: str | None = None
        try:
            while (text := self._typed[view]) != shown:
                await self._update(view, render_silence_form("", self.preview(text)))
                shown = text
        finally:
            del self._typed[view]

    def checked(self, values: Mapping[str, str]) -> dict[str, str]:
        """What is wrong, by the input it is wrong at."""
        problems: dict[str, str] = {}
        try:
            matchers = checked_matchers(values.get(MATCHERS, ""))
        except Misunderstood as wrong:
            return {MATCHERS: wrong.reason}
        try:
            lasts = _lasts(values)
        except Misunderstood as wrong:
            return {OWN_DURATION: wrong.reason}
        if lasts is None and not any(row.state == "firing" for row in matching(matchers, self._alerts())):
            problems[DURATION] = "Nothing that fires now matches, so it would end at once. Choose a time."
        if not values.get(COMMENT, "").strip():
            problems[COMMENT] = "Say why, for those who wonder later."
        return problems

    def command(self, values: Mapping[str, str]) -> SetSilence:
        """What the form asks for; call it only for values without problems."""
        comment = values.get(COMMENT, "").strip()
        return SetSilence(checked_matchers(values.get(MATCHERS, "")), _lasts(values), comment)


def _lasts(values: Mapping[str, str]) -> timedelta | None:
    chosen = values.get(DURATION, "")
    if chosen == RESOLVED:
        return None
    if chosen != OWN:
        return read_duration(chosen)
    own = values.get(OWN_DURATION, "").strip()
    if not own:
        raise Misunderstood("Write how long, such as 30m, 2h or 1d12h.")
    return read_duration(own)
