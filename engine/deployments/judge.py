"""When a step is passed, extended, paused or given up, from what its gates said. Pure.

A failing gate gives up at any moment. Passing needs every gate to pass, asked after the dwell and the warm-up are over.
No data is not a pass: a step with too little stays once more, then waits for a person.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from engine.deployments.action import Record
from engine.deployments.deployment import Deployment, Measurement, Outcome, State, Verdict
from engine.deployments.events import DeploymentPaused, RollbackStarted, StepExtended, StepPassed
from engine.deployments.words import render_number

MEASURE_EVERY: Final = timedelta(seconds=2)
MEASURE_PAUSED_EVERY: Final = timedelta(seconds=10)  # a pause may last for days
ERRORS: Final = 5  # so many askings in a row that did not work make the deployment wait for a person


def warm(deployment: Deployment, *, now: datetime) -> bool:
    """Whether the new version has been judgeable for longer than the warm-up, which is discarded."""
    since = deployment.traffic_at
    return since is not None and now - since >= deployment.plan.strategy.warm_up


def measure_due(deployment: Deployment, *, now: datetime) -> bool:
    """Whether it is time to ask again: every MEASURE_EVERY, and once when the dwell is over."""
    at, paused = deployment.measured_at, deployment.state is State.PAUSED
    if at is None or now - at >= (MEASURE_PAUSED_EVERY if paused else MEASURE_EVERY):
        return True
    return _ripe(deployment, now) and not _ripe(deployment, at) and not paused


def failing(deployment: Deployment) -> Record | None:
    """Going back, when a gate that counts now has failed."""
    failed = _first(deployment, Verdict.FAIL)
    return Record((RollbackStarted(_failed(failed), Outcome.GATE_FAILED),)) if failed else None


def judge(deployment: Deployment, *, now: datetime) -> Record | None:
    """What the gates' answers lead to; None while the step just stays."""
    failed = failing(deployment)
    if failed:
        return failed
    if deployment.state is State.PAUSED or deployment.step_passed:
        return None
    erring = _first(deployment, Verdict.ERROR)
    if erring and deployment.gate_errors >= ERRORS:
        return Record((DeploymentPaused(f"Gate {erring.gate} could not be asked: {erring.note}"),))
    if erring or not _ripe(deployment, now):
        return None
    unsure = _unsure(deployment)
    return _undecided(deployment, unsure) if unsure else Record((StepPassed(deployment.step),))


def _ripe(deployment: Deployment, at: datetime) -> bool:
    return deployment.step_left(at) <= timedelta(0) and warm(deployment, now=at)


def _first(deployment: Deployment, verdict: Verdict) -> Measurement | None:
    counting = {gate.name for gate in deployment.gates_now}
    found = (one for one in deployment.measurements if one.verdict is verdict and one.gate in counting)
    return next(found, None)


def _failed(one: Measurement) -> str:
    said = one.note or f"{render_number(one.value, one.unit)}, and it has to be {one.threshold}."
    return f"Gate {one.gate} failed: {said}"


def _unsure(deployment: Deployment) -> str:
    """Why the step cannot be passed yet; empty when every gate passed."""
    said = {one.gate: one for one in deployment.measurements}
    for gate in deployment.gates_now:
        found = said.get(gate.name)
        if found is None:
            return f"Gate {gate.name} has not been asked."
        if found.verdict is not Verdict.PASS:
            return f"Gate {gate.name} is inconclusive: {found.note or 'too little data'}"
    return ""


def _undecided(deployment: Deployment, why: str) -> Record:
    if deployment.step_extended:
        return Record((DeploymentPaused(why),))
    return Record((StepExtended(deployment.step, why),))
