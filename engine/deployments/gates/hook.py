"""Asks a check of the team's own, again until it has an end."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime

from engine.deployments.deployment import Deployment, Measurement, Verdict
from engine.deployments.gates.answers import asked, before_of, said
from engine.deployments.judge import warm
from engine.errors import PermanentFailure
from engine.hooks import HookAnswer, HookCall, HookCalls, HookStatus
from engine.strategy_specs import GateSpec, HookSpec

_VERDICTS = {
    HookStatus.SUCCEEDED: Verdict.PASS,
    HookStatus.FAILED: Verdict.FAIL,
    HookStatus.IN_PROGRESS: Verdict.INCONCLUSIVE,
}


async def ask_hook(gate: GateSpec, deployment: Deployment, hooks: HookCalls, *, now: datetime) -> Measurement:
    """What the check says now. What it said once in a step stands; in progress it is asked again.

    Raises TemporaryFailure and PermanentFailure when it gave no answer that can be read.
    """
    spec = _spec(gate)
    if not warm(deployment, now=now):
        return said(gate, now, Verdict.INCONCLUSIVE, query=asked(gate, deployment, now), note="warming up")
    last = before_of(gate, deployment)
    if last and last.verdict in {Verdict.PASS, Verdict.FAIL}:
        return replace(last, at=now)
    if last and last.ask_after and now < last.ask_after:
        # Not an error again: nobody asked. It opens nothing either.
        return replace(last, at=now, verdict=Verdict.INCONCLUSIVE)
    call = HookCall(
        url=spec.url,
        facts=facts_of(gate, deployment),
        key=key_of(gate, deployment),
        secret=spec.secret,
        timeout=spec.timeout,
        at=now,
    )
    return _measured(gate, deployment, await hooks.call(call), now)


def facts_of(gate: GateSpec, deployment: Deployment) -> dict[str, str | int | None]:
    """What the check is told: the same in every call of a step. `step` counts from 1."""
    plan = deployment.plan
    return {
        "deployment": deployment.id,
        "gate": gate.name,
        "service": plan.service,
        "environment": plan.environment,
        "version": plan.version,
        "previous": plan.previous,
        "digest": plan.digest,
        "purpose": deployment.purpose,
        "requested_by": deployment.requested_by,
        "step": deployment.step + 1,
        "steps": len(plan.strategy.steps),
        "weight": deployment.weight,
    }


def key_of(gate: GateSpec, deployment: Deployment) -> str:
    """The Idempotency-Key: one for a deployment, step and gate, whoever asks and however often."""
    subject = f"{deployment.id}/{deployment.step}/{gate.name}"
    return hashlib.sha256(subject.encode()).hexdigest()[:32]


def _measured(gate: GateSpec, deployment: Deployment, answer: HookAnswer, now: datetime) -> Measurement:
    verdict = _VERDICTS[answer.status]
    silent = {Verdict.FAIL: "The check said failed.", Verdict.INCONCLUSIVE: "in progress"}.get(verdict, "")
    return said(
        gate,
        now,
        verdict,
        query=asked(gate, deployment, now),
        note=answer.message or silent,
        ask_after=now + answer.retry_after if answer.retry_after else None,
    )


def _spec(gate: GateSpec) -> HookSpec:
    if gate.hook is None:
        raise PermanentFailure(f"Gate {gate.name!r} does not say whom to ask.", "Give it a `url`.")
    return gate.hook
