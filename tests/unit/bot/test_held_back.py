"""What holds an alert back, asked of the dispatcher's own word."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from alerting.alerts.alert import ReceivedAlert
from alerting.notify.status import AlertState, AlertStatus
from bot.readings.alerts import alert_rows
from bot.readings.held_back import TOLD, HeldBack, held_back
from bot.readings.now import AlertRow
from tests.unit.api.house import House
from tests.unit.board.alert_scene import AlertScene

SCENE = AlertScene(House())
RACK, DISK = (SCENE.posted(name, timedelta(minutes=1), rack="7") for name in ("RackDown", "DiskDown"))
KNOWN = {one.fingerprint: one for one in (RACK, DISK)}


def asked(alerts: Sequence[ReceivedAlert], status: AlertStatus) -> list[HeldBack]:
    return [held_back(KNOWN.get, lambda _: status)(row) for row in alert_rows([], alerts, SCENE.now)]


@pytest.mark.parametrize(
    ("status", "held"),
    [
        (AlertStatus(AlertState.ACTIVE, receivers=("pages",)), TOLD),
        (AlertStatus(AlertState.SUPPRESSED, inhibited_by=(RACK.fingerprint,)), HeldBack("RackDown")),
        (AlertStatus(AlertState.SUPPRESSED, inhibited_by=("gone",)), HeldBack("gone")),
        (AlertStatus(AlertState.ACTIVE, muted_by=("nights",), receivers=("pages",)), HeldBack("", ("nights",))),
        (AlertStatus(AlertState.ACTIVE, muted_by=("nights",), receivers=("a", "b")), HeldBack("", ("nights",), True)),
    ],
)
def test_what_fires(status: AlertStatus, held: HeldBack) -> None:
    assert asked([DISK], status) == [held]


def test_nothing_holds_back_what_is_pending_or_unknown() -> None:
    muted = AlertStatus(AlertState.ACTIVE, muted_by=("nights",))
    other = SCENE.posted("Other", timedelta(minutes=1))
    assert asked([other], muted) == [TOLD]
    pending = AlertRow("DiskDown", "pending", DISK.labels, {}, 1.0, SCENE.now)
    assert held_back(KNOWN.get, lambda _: muted)(pending) == TOLD
