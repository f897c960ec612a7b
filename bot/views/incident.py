"""The one message of an incident, drawn whole from its state each time."""

from __future__ import annotations

from typing import Final

from alerting.incidents.incident import Incident, IncidentAlert, Page, Silenced, State, Suspect
from bot.views.blocks import (
    Block,
    Mention,
    Message,
    actions,
    button,
    code,
    confirm,
    context,
    cut,
    cut_markup,
    escape,
    fitted,
    header,
    plain,
    section,
    span,
    when,
)
from bot.views.numbers import number
from bot.views.silences import EXPIRE

ACKNOWLEDGE: Final = "incident.acknowledge"
RESOLVE: Final = "incident.resolve"
ESCALATE: Final = "incident.escalate"
ROLL_BACK: Final = "incident.roll_back"
SILENCES: Final = {
    "incident.silence.1h": "1h",
    "incident.silence.4h": "4h",
    "incident.silence.resolved": "until resolved",
}
"""The buttons that silence an incident, with how long."""

STATES: Final = {State.OPEN: "🔴 Open", State.ACKNOWLEDGED: "🟡 Acknowledged", State.RESOLVED: "✅ Resolved"}
MOST_ALERTS: Final = 8
MOST_SILENCES: Final = 3
QUIET_LABELS: Final = frozenset({"alertname", "severity"})


def render_incident(incident: Incident, *, mention: Mention) -> Message:
    """What, since when, who has it, which alerts with labels and values, the suspects, the buttons."""
    blocks = [
        header(f"{STATES[incident.state].split()[0]} {incident.title}"),
        section(_summary(incident, mention)),
        *_alerts(incident),
        *_suspects(incident, mention),
        *_pages(incident, mention),
        *(_silence(one, mention) for one in _live(incident)),
        *_buttons(incident),
        *_silencing(incident),
        context(f"{escape(incident.id)} · severity {plain(cut(incident.severity, 100) or 'none')}"),
    ]
    return Message(f"{STATES[incident.state]}: {escape(cut(incident.title, 300))}", fitted(blocks))


def _summary(incident: Incident, mention: Mention) -> str:
    parts = [_state(incident, mention)]
    if incident.acknowledged_by and incident.acknowledged_at:
        parts.append(f"taken by {mention(incident.acknowledged_by)} {when(incident.acknowledged_at)}")
    elif incident.state is State.OPEN and incident.on_call:
        parts.append(f"on call: {mention(incident.on_call)}")
    return " · ".join(parts)


def _state(incident: Incident, mention: Mention) -> str:
    if incident.resolved_at is None:
        return f"*{STATES[incident.state]}* since {when(incident.opened_at)}"
    how = f"by {mention(incident.resolved_by)}" if incident.resolved_by else "by itself"
    lasted = f"open since {when(incident.opened_at)}, for {span(incident.resolved_at - incident.opened_at)}"
    return f"*{STATES[incident.state]}* {how} {when(incident.resolved_at)} · {lasted}"


def _alerts(incident: Incident) -> list[Block]:
    shown = [_alert(alert, incident.title) for alert in incident.alerts[:MOST_ALERTS]]
    left = len(incident.alerts) - MOST_ALERTS
    return [*shown, context(f"{left} more alerts in this incident")] if left > 0 else shown


def _alert(alert: IncidentAlert, title: str) -> Block:
    """Name, value, words and labels; the words only where they are not the title already."""
    labels = cut_markup(
        "  ".join(
            code(f"{name}={value}", 100) for name, value in sorted(alert.labels.items()) if name not in QUIET_LABELS
        ),
        500,
    )
    words = [alert.annotations.get(name, "") for name in ("summary", "description", "remedy")]
    end = f" · ended {when(alert.ended_at)}" if alert.ended_at else ""
    value = "" if alert.value is None else f" · value {number(alert.value, '')}"
    lines = [
        f"*{plain(cut(alert.name, 100))}*{value} · since {when(alert.since)}{end}",
        *(plain(cut(text, 600)) for text in words if text != title),
        labels,
    ]
    return section("\n".join(line for line in lines if line))


def _suspects(incident: Incident, mention: Mention) -> list[Block]:
    if not incident.suspects:
        return []
    return [
        section("*What changed before it*, the likeliest cause first"),
        *(_suspect(one, incident, mention) for one in incident.suspects[:3]),
    ]


def _suspect(one: Suspect, incident: Incident, mention: Mention) -> Block:
    text = f"{_change(one, mention)}\n{plain(cut(one.why, 300))}"
    if not one.can_roll_back or incident.state is State.RESOLVED:
        return section(text)
    question = confirm(
        f"Roll back {one.service}?", f"{escape(one.service)} goes back to {escape(one.previous)}.", "Roll back"
    )
    value = f"{incident.id}|{one.deployment}"
    return section(text, accessory=button("Roll back", ROLL_BACK, value, style="danger", confirm=question))


def _change(one: Suspect, mention: Mention) -> str:
    versions = f"{code(one.previous)} → {code(one.version)}" if one.previous else code(one.version)
    place = f"{plain(cut(one.service, 60))} in {plain(cut(one.environment, 60))}"
    return f"{place} {versions} by {mention(one.person)} · {when(one.at)}"


def _pages(incident: Incident, mention: Mention) -> list[Block]:
    if not incident.pages:
        return []
    lines = [f"Paged {mention(page.person)} · {_fate(page)}" for page in incident.pages[-5:]]
    if incident.state is State.OPEN and incident.exhausted:
        lines.append("*Everyone was paged and nobody took it.* Escalate again, or call somebody.")
    if incident.state is State.OPEN and incident.hushed_until and not incident.urged:
        lines.append("Nobody is paged while all its alerts are silenced")
    elif incident.state is State.OPEN and incident.next_page_at:
        lines.append(f"Next page {when(incident.next_page_at)} unless somebody takes it")
    return [context("\n".join(lines))]


def _fate(page: Page) -> str:
    if page.delivered_at:
        return f"delivered {when(page.delivered_at)}"
    if page.withdrawn:
        return "not needed any more"
    return plain(cut(page.error, 200)) if page.error else f"being delivered since {when(page.at)}"


def _live(incident: Incident) -> tuple[Silenced, ...]:
    return () if incident.ended else incident.silenced[-MOST_SILENCES:]


def _silencing(incident: Incident) -> list[Block]:
    """The buttons that silence it, while nobody has."""
    if incident.ended or incident.silenced:
        return []
    offers = [button(f"Silence {text}", action, str(incident.id)) for action, text in SILENCES.items()]
    return [actions(f"silence:{incident.id}", *offers)]


def _silence(one: Silenced, mention: Mention) -> Block:
    """Who silenced it until when, with the button that ends it."""
    end = f"until {when(one.until)}"
    if one.until_resolved:
        end = f"until its alerts are resolved, {when(one.until)} at the latest"
    return section(f"🔕 Silenced by {mention(one.person)} {end}", accessory=button("End silence", EXPIRE, one.silence))


def take_value(incident: Incident) -> str:
    """What a button that takes the incident carries: from whose hands, so that taking it back later is a new click."""
    since = f"{incident.acknowledged_at.timestamp():.0f}" if incident.acknowledged_at else ""
    return f"{incident.id}|{since}"


def _buttons(incident: Incident) -> list[Block]:
    value = str(incident.id)
    resolve = button(
        "Resolve",
        RESOLVE,
        value,
        confirm=confirm("Resolve by hand?", "It stays closed until the alert fires anew.", "Resolve"),
    )
    if incident.ended:
        return []
    take = "Acknowledge" if incident.state is State.OPEN else "Take over"
    style = "primary" if incident.state is State.OPEN else ""
    made = [button(take, ACKNOWLEDGE, take_value(incident), style=style)]
    if incident.steps:
        made.append(button("Escalate now", ESCALATE, f"{value}|{incident.level}"))
    made.append(resolve)
    return [actions(f"incident:{incident.id}", *made)]


def render_page(incident: Incident, *, mention: Mention, person: str, link: str = "") -> Message:
    """The direct message that pages a person: why, what likely caused it, and the button that takes it.

    It makes sense alone: whoever is woken by it need not look elsewhere to know what it is about.
    """
    text = f"{mention(person)} you are paged: {escape(cut(incident.title, 300))}"
    blocks = [
        header(f"📟 {incident.title}"),
        section(f"{mention(person)} you are paged. {_summary(incident, mention)}"),
        *_alerts(incident)[:1],
        *_likeliest(incident, mention),
        context(" · ".join([*_link(link), f"severity {plain(cut(incident.severity, 100) or 'none')}"])),
    ]
    if incident.state is State.OPEN:
        blocks.append(
            actions(f"page:{incident.id}", button("Acknowledge", ACKNOWLEDGE, take_value(incident), style="primary"))
        )
    return Message(text, fitted(blocks))


def _likeliest(incident: Incident, mention: Mention) -> list[Block]:
    return [section(f"Likely cause: {_change(one, mention)}") for one in incident.suspects[:1]]


def _link(link: str) -> list[str]:
    return [f"<{link}|The incident's message>"] if link else []
