"""How a deployment and an incident stand in chat: loads the state, draws it, says where it belongs."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final

from alerting.incidents.incident import Incident, State, incident_of
from alerting.incidents.journal import IncidentJournal
from alerting.oncall.escalator import page_key
from bot.chat.live import Copy, Teller, Telling
from bot.views.blocks import Mention, cut, plain
from bot.views.deployment import render_deployment, title
from bot.views.incident import render_incident, render_page
from engine.catalog import Catalog
from engine.deployments.deployment import Deployment
from engine.deployments.deployment import State as DeploymentState
from engine.deployments.journal import PREFIX, DeploymentJournal, id_of
from engine.errors import NotFound
from engine.security.identity import Directory

Link = Callable[[Incident], Awaitable[str]]

INCIDENTS: Final = "incident-"
URGENT: Final = frozenset({DeploymentState.PLANNED, DeploymentState.PAUSED, DeploymentState.ROLLING_BACK})
# Where a line of a thread names a person by id: first of all, after "by", after "from", after "Paging".
PERSON: Final = re.compile(r"(?P<before>^Paging |^|\b(?:by|from) )(?P<id>[^\s,]+?)(?=[.,]?(?:\s|$))")


def mention_by(directory: Callable[[], Directory]) -> Mention:
    """A person's id as `<@U…>`, as their name where chat does not know them."""

    def mention(person: str) -> str:
        found = directory().by_id(person)
        if found is None:
            return "Pilothouse" if person == "system" else plain(person)
        return f"<@{found.slack[0][1]}>" if found.slack else plain(found.name)

    return mention


def deployment_teller(
    journal: DeploymentJournal,
    catalog: Callable[[], Catalog],
    mention: Mention,
    directory: Callable[[], Directory],
    *,
    fallback: str,
    board: str = "",
    now: Callable[[], datetime],
) -> Teller:
    """Deployments, in their service's channel; `fallback` takes those whose service left the settings.

    `board` is where people reach the board.
    """

    async def tell(stream: str) -> Telling:
        deployment = await journal.load(id_of(stream))
        return Telling(
            channel=f"#{_channel(deployment, catalog(), fallback)}",
            message=render_deployment(deployment, mention=mention, now=now(), board=board),
            lines=thread_lines([step.text for step in deployment.history], directory(), ended=_heading(deployment)),
            state=deployment.state.value,
            version=deployment.stream_version,
            ended=deployment.ended,
            urgent=deployment.state in URGENT,
            loud="failing" if deployment.state is DeploymentState.ROLLING_BACK else "",
        )

    return Teller("deployment", PREFIX, tell)


def _heading(deployment: Deployment) -> str:
    loud = deployment.ended or deployment.state is DeploymentState.ROLLING_BACK
    return title(deployment) if loud else ""


def _subject(incident: Incident) -> str:
    return incident.title if incident.ended else ""


def thread_lines(texts: Sequence[str], directory: Directory, *, ended: str) -> list[str]:
    """The lines of a thread with people's names. The last also stands in the channel, so it says what has ended."""
    lines = [plain(_with_names(text, directory)) for text in texts]
    if ended and lines:
        lines[-1] = f"*{plain(cut(ended, 200))}* · {lines[-1]}"
    return lines


def _with_names(text: str, directory: Directory) -> str:
    # Names, not mentions: whoever decided need not be called at each step.
    def named(found: re.Match[str]) -> str:
        person = directory.by_id(found["id"])
        return found["before"] + (person.name if person else found["id"])

    return PERSON.sub(named, text)


def _channel(deployment: Deployment, catalog: Catalog, fallback: str) -> str:
    try:
        return catalog.service(deployment.plan.service).channel
    except NotFound:
        return fallback


def incident_teller(
    journal: IncidentJournal, mention: Mention, directory: Callable[[], Directory], link: Link
) -> Teller:
    """Incidents, in their route's channel, with the pages that were sent as copies to keep true."""

    async def tell(stream: str) -> Telling:
        incident = await journal.load(incident_of(stream))
        return Telling(
            channel=f"#{incident.channel}",
            message=render_incident(incident, mention=mention),
            lines=thread_lines([entry.text for entry in incident.history], directory(), ended=_subject(incident)),
            state=f"{incident.state.value} {incident.acknowledged_by or ''} {_arrived(incident)}",
            version=incident.stream_version,
            ended=incident.state is State.RESOLVED,
            urgent=True,
            loud=incident.repeated,
            copies=_pages(incident, mention, directory(), await link(incident) if incident.pages else ""),
        )

    return Teller("incident", INCIDENTS, tell)


def _arrived(incident: Incident) -> int:
    """How many pages arrived: one that did after somebody took the incident still offers to take it."""
    return sum(page.delivered_at is not None for page in incident.pages)


def _pages(incident: Incident, mention: Mention, directory: Directory, link: str) -> list[Copy]:
    copies = []
    for page in incident.pages:
        person = directory.by_id(page.person)
        if page.delivered_at and person and person.slack:
            message = render_page(incident, mention=mention, person=page.person, link=link)
            copies.append(Copy(f"@{person.slack[0][1]}", page_key(incident, page), message))
    return copies
