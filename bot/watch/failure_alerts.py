"""Alerts of what failed here, for the same routing, silences and pages as any other: a deployment that ended half way,
a component that was given up, and a router that cannot be set right.

They are worked out from what stands written, again and again, so that no crash leaves one untold or tells it twice:

| the component | its alert |
|---|---|
| failed | fires |
| is brought up again, by a retry or a deployment | stays as it is |
| runs, is stopped, reset or unregistered | is over |

That of the router is over once it is right, once a deployment or a restart has taken it in hand again, and when the
component is stopped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from alerting.alerts.alert import ReceivedAlert
from alerting.alerts.fingerprint import fingerprint
from alerting.alerts.store import AlertStore
from engine.components.journal import all_cards
from engine.components.lifecycle import ComponentState
from engine.deployments.deployment import State
from engine.deployments.journal import DeploymentJournal, Summary
from storage.events import Card, EventLog

SOURCE: Final = "deployments"
"""The source of these alerts in the store."""
DEPLOYMENT_FAILED: Final = "DeploymentFailed"
COMPONENT_FAILED: Final = "ComponentFailed"
ROUTER_GIVEN_UP: Final = "RouterGivenUp"
NAMES: Final = frozenset({DEPLOYMENT_FAILED, COMPONENT_FAILED, ROUTER_GIVEN_UP})
COMING_BACK: Final = frozenset({ComponentState.CONFIGURING, ComponentState.DEPLOYING})


@dataclass(frozen=True, slots=True)
class Failure:
    """What failed where: `text` says in what state everything is, `stable` what ran before ("" for nothing).

    `name` is the alert's. `deployment` is the one that ended half way, "" when something failed by itself.
    """

    name: str
    service: str
    environment: str
    version: str
    stable: str
    text: str
    deployment: str = ""


class FailureAlerts:
    """The store's alerts of this source. `board` is the address people reach the board at."""

    def __init__(
        self,
        log: EventLog,
        deployments: DeploymentJournal,
        store: AlertStore,
        *,
        board: str,
        external_labels: Mapping[str, str],
    ) -> None:
        self._log = log
        self._deployments = deployments
        self._store = store
        self._board = board
        self._external_labels = external_labels

    async def tick(self, now: datetime) -> None:
        """Let fire what has failed, and end what has not any more. Raises storage's errors."""
        cards = await all_cards(self._log)
        failed = [card for card in cards if card.state == ComponentState.FAILED]
        latest = {card.key: await self._latest(card) for card in failed}
        found = [*(failure_of(card, latest[card.key]) for card in failed), *map(misrouted, cards)]
        alerts = [self._alert(one, now) for one in found if one is not None]
        await self._store.take(alerts)
        staying = {card.key for card in cards if _stays(card, latest.get(card.key))}
        wanted = {alert.fingerprint for alert in alerts}
        if staying:
            wanted |= {one.fingerprint for one in self._store.all() if _place(one) in staying}
        await self._store.sync(SOURCE, wanted, at=now)

    async def _latest(self, card: Card) -> Summary | None:
        """The last deployment there that has changed anything."""
        found = await self._deployments.latest(str(card.data["service"]), str(card.data["environment"]))
        return next((one for one in found if one.started_at is not None), None)

    def _alert(self, failure: Failure, now: datetime) -> ReceivedAlert:
        labels = {**self._external_labels, **labels_of(failure)}
        mark = fingerprint(labels)
        known = self._store.get(mark)
        since = now if known is None or known.resolved(now) else known.starts_at
        return ReceivedAlert(
            labels=labels,
            annotations=annotations_of(failure),
            starts_at=since,
            ends_at=None,
            updated_at=now,
            fingerprint=mark,
            source=SOURCE,
            generator_url=f"{self._board}/deployments/{failure.deployment}" if failure.deployment else self._board,
        )


def failure_of(card: Card, latest: Summary | None) -> Failure | None:
    """What is to be told of a failed component's card, by the last deployment there that has changed anything.

    None while that one has not ended, and where a first version was taken back as it should be: nothing is lost then.
    """
    stable, reason = str(card.data["version"] or ""), str(card.data["reason"])
    service, environment = str(card.data["service"]), str(card.data["environment"])
    if latest is not None and latest.open:
        return None
    if latest is not None and latest.state is State.FAILED and latest.reason == reason:
        return Failure(DEPLOYMENT_FAILED, service, environment, str(latest.version), stable, reason, str(latest.id))
    return Failure(COMPONENT_FAILED, service, environment, stable, stable, reason) if stable else None


def misrouted(card: Card) -> Failure | None:
    """What is to be told of a component whose router is wrong and is left so."""
    reason = str(card.data.get("router", ""))  # cards of older releases do not have it
    if not reason or card.state == ComponentState.FAILED:
        return None
    stable = str(card.data["version"] or "")
    return Failure(ROUTER_GIVEN_UP, str(card.data["service"]), str(card.data["environment"]), stable, stable, reason)


def labels_of(failure: Failure) -> dict[str, str]:
    """What it is routed, grouped and silenced by."""
    return {
        "alertname": failure.name,
        "service": failure.service,
        "environment": failure.environment,
        "version": failure.version,
        "severity": "critical",
    }


def annotations_of(failure: Failure) -> dict[str, str]:
    """What people read: what happened, in what state everything is, and what to do."""
    place, version = f"{failure.service} in {failure.environment}", failure.version
    told = {"description": failure.text, "remedy": _remedy(failure)}
    if failure.name == ROUTER_GIVEN_UP:
        return {"summary": f"The router of {place} does not send all to {version}, and stays so", **told}
    if failure.name == COMPONENT_FAILED:
        return {"summary": f"{place} has failed: {version} does not stay up", **told}
    summary = f"{place} has failed: the deployment of {version} ended half way and was not taken back"
    return {"summary": summary, **told, "deployment": failure.deployment}


def _remedy(failure: Failure) -> str:
    at = f"{failure.service} {failure.environment}"
    if failure.name == ROUTER_GIVEN_UP:
        return f"Find who else changes it, and end that. Then /ops restart {at} lets Pilothouse set it right again."
    if failure.stable:
        return f"/ops retry {at} brings {failure.stable} back; or deploy a good version."
    return "Nothing was stable before: deploy a good version."


def _stays(card: Card, latest: Summary | None) -> bool:
    """Whether its alert neither fires anew nor ends now."""
    return card.state in COMING_BACK or (latest is not None and latest.open)


def _place(alert: ReceivedAlert) -> str:
    """The key of the card it is about; "" for another's alert, or one that is over."""
    ours = alert.source == SOURCE and alert.ends_at is None
    return f"{alert.labels['service']}/{alert.labels['environment']}" if ours else ""
