"""The one message of a deployment, drawn whole from its state each time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from bot.readings.offers import Offer, offered
from bot.readings.previews import preview_of
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
    fields,
    fitted,
    header,
    paragraphs,
    plain,
    section,
    span,
    when,
)
from bot.views.numbers import bar, measured
from engine.deployments.deployment import Deployment, Outcome, Purpose, State, Verdict
from engine.deployments.strategies import STRATEGIES
from engine.deployments.words import PREVIEWED, stage

APPROVE: Final = "deployment.approve"
REJECT: Final = "deployment.reject"
ABORT: Final = "deployment.abort"
RESUME: Final = "deployment.resume"
PROMOTE: Final = "deployment.promote"
FINISH: Final = "deployment.finish"
ROLL_BACK: Final = "deployment.roll_back"

LONGEST_REASON: Final = 1000
SECOND: Final = timedelta(seconds=1)

STATES: Final = {
    State.PLANNED: "⏳ Waiting for approval",
    State.RUNNING: "🔵 In progress",
    State.PAUSED: "⏸ Paused",
    State.PROMOTING: "🔵 Promoting",
    State.SUCCEEDED: "✅ Succeeded",
    State.ROLLING_BACK: "🟠 Going back",
    State.ROLLED_BACK: "↩️ Rolled back",
    State.FAILED: "❌ Failed",
    State.CANCELLED: "⚪ Cancelled",
}
OUTCOMES: Final = {
    Outcome.REJECTED: "rejected",
    Outcome.EXPIRED: "nobody decided in time",
    Outcome.ABORTED: "aborted",
    Outcome.GATE_FAILED: "a gate failed",
    Outcome.BROKEN: "it could not be done",
    Outcome.SUPERSEDED: "another version took its place",
    Outcome.VOID: "what was agreed to has changed",
}


def title(deployment: Deployment) -> str:
    """`Deploy shop v2 to production`, the action and its scope."""
    plan = deployment.plan
    if deployment.purpose is Purpose.ROLL_BACK:
        return f"Roll back {plan.service} to {plan.version} in {plan.environment}"
    return f"Deploy {plan.service} {plan.version} to {plan.environment}"


def state_line(deployment: Deployment) -> str:
    """The state in a word, with its outcome where that says more."""
    word = STATES[deployment.state]
    if deployment.state is State.PLANNED and deployment.approved:
        word = "⏳ Waiting" if deployment.held else "🔵 Starting"
    outcome = OUTCOMES.get(deployment.outcome) if deployment.outcome else None
    return f"{word} · {outcome}" if outcome else word


def render_deployment(deployment: Deployment, *, mention: Mention, now: datetime, board: str = "") -> Message:
    """The message: what, state, progress, gates, who decided, and the buttons that make sense now.

    With the address of a `board` it names the deployment's page there.
    """
    blocks = [
        header(title(deployment)),
        section(_summary(deployment, mention)),
        fields(_plan(deployment)),
        *_progress(deployment, now),
        *_gates(deployment),
        *_trouble(deployment),
        *_remarks(deployment, mention),
        *_decisions(deployment, mention),
        *_buttons(deployment),
        context(_footer(deployment, board)),
    ]
    return Message(escape(f"{cut(title(deployment), 300)}: {state_line(deployment)}"), fitted(blocks))


def _summary(deployment: Deployment, mention: Mention) -> str:
    asked = f"asked for by {mention(deployment.requested_by)} · {when(deployment.requested_at)}"
    line = f"*{state_line(deployment)}* · {asked}"
    return f"{line}\n{plain(cut(deployment.reason, LONGEST_REASON))}" if deployment.reason else line


def _plan(deployment: Deployment) -> list[tuple[str, str]]:
    plan = deployment.plan
    old = code(plan.previous) if plan.previous else "nothing"
    figures = [(plain(cut(name, 60)), plain(cut(value, 60))) for name, value in deployment.figures]
    return [
        ("Version", f"{old} → {code(plan.version)}"),
        ("Plan", cut_markup(_strategy(deployment), 300)),
        ("Instances", str(plan.instances)),
        *_preview(deployment),
        *_planned_gates(deployment),
        *figures,
    ]


def _preview(deployment: Deployment) -> list[tuple[str, str]]:
    """In code style, so that a header is copied as it is."""
    ways = preview_of(deployment)
    return [("Preview", code(ways))] if ways else []


def _planned_gates(deployment: Deployment) -> list[tuple[str, str]]:
    """The gates by name, until they stand below with what they measured."""
    gates = deployment.plan.strategy.gates
    if deployment.measurements or deployment.plan.first or not gates:
        return []
    return [("Gates", cut_markup(", ".join(plain(gate.name) for gate in gates), 500))]


def _strategy(deployment: Deployment) -> str:
    spec = deployment.plan.strategy
    if deployment.plan.first:
        return f"{escape(spec.name)}: first deployment, all traffic at once when healthy"
    known = STRATEGIES.get(spec.kind)  # an old deployment may be of a kind there is no more
    return f"{escape(spec.name)}: {escape(known.told(deployment.plan) if known else spec.kind)}"


def _progress(deployment: Deployment, now: datetime) -> list[Block]:
    if deployment.state is State.PLANNED or deployment.started_at is None:
        return []
    parts = [f"{bar(deployment.weight)} *{deployment.weight} %* of traffic on {code(deployment.plan.version)}"]
    parts += _stages(deployment)
    left = deployment.step_left(now)
    if deployment.state is State.RUNNING and deployment.plan.strategy.steps and deployment.step >= 0:
        parts.append(_doing(deployment, left))
    if deployment.state is State.PROMOTING and deployment.kept_until:
        parts.append(f"{code(deployment.plan.previous or '')} is kept until {when(deployment.kept_until)}")
    if deployment.ended_at:
        took = deployment.ended_at - deployment.started_at
        parts.append(f"took {span(took)}" if took >= SECOND else "took less than a second")
    return [section(" · ".join(parts)), *_traffic(deployment)]


def _stages(deployment: Deployment) -> list[str]:
    """Where it stands: `step 2 of 3`, or `✓ preview → *switch* → keep`."""
    steps, working = deployment.plan.strategy.steps, deployment.state in {State.RUNNING, State.PAUSED}
    if steps and steps[0].weight == 0:
        keeping = deployment.state is State.PROMOTING and deployment.kept_until is not None
        shown = len(PREVIEWED) if deployment.plan.strategy.keep_old or len(steps) == len(PREVIEWED) else len(steps)
        at = len(PREVIEWED) - 1 if keeping else deployment.step
        return [" → ".join(_marked(name, here - at) for here, name in enumerate(PREVIEWED[:shown]))] * (
            working or keeping
        )
    counted = deployment.state is State.RUNNING and steps and deployment.step >= 0
    return [f"step {deployment.step + 1} of {len(steps)}"] if counted else []


def _marked(name: str, ahead: int) -> str:
    return f"*{name}*" if ahead == 0 else name if ahead > 0 else f"✓ {name}"


def _doing(deployment: Deployment, left: timedelta) -> str:
    if deployment.promotion_asked_by:
        return "going on to the end at once"
    return f"{span(left)} left" if left else "checking the gates"


def _traffic(deployment: Deployment) -> list[Block]:
    # Before a first version there was nobody to answer: what came too early was not lost by the roll-out.
    if deployment.plan.first or deployment.started_at is None:
        return []
    if not deployment.plan.counted:
        return [context("Requests are not counted by this router")]
    told = f"{deployment.requests:,} requests went through the proxy meanwhile, {deployment.lost:,} were lost"
    return [context(told)] if deployment.requests else []


def _gates(deployment: Deployment) -> list[Block]:
    if not deployment.measurements:
        return []
    lines = [measured(one) for one in deployment.measurements]
    failed = [one for one in deployment.measurements if one.verdict in {Verdict.FAIL, Verdict.ERROR} and one.query]
    queries = [f"*{plain(cut(one.gate, 60))}* asked {code(one.query, 1000)}" for one in failed]
    return paragraphs([*lines, *queries])


def _trouble(deployment: Deployment) -> list[Block]:
    if not deployment.trouble or deployment.ended:
        return []
    since = f" since {when(deployment.trouble_since)}" if deployment.trouble_since else ""
    return [section(f"⚠️ Trying again{since}: {plain(cut(deployment.trouble, LONGEST_REASON))}")]


def _remarks(deployment: Deployment, mention: Mention) -> list[Block]:
    """Why it waits, what is passed on purpose, and what was warned of."""
    lines = [f"⏳ {plain(cut(deployment.held, LONGEST_REASON))}"] if deployment.held else []
    lines += [
        f"⚠️ Overridden by {mention(one.by)}: {plain(cut(one.what, 500))} Reason: {plain(cut(one.reason, 500))}"
        for one in deployment.plan.overrides
    ]
    lines += [f"⚠️ {plain(cut(one, 500))}" for one in deployment.plan.warnings]
    if deployment.plan.revision is not None:
        lines.append(f"With the configuration of revision {deployment.plan.revision}.")
    return paragraphs(lines)


def _decisions(deployment: Deployment, mention: Mention) -> list[Block]:
    lines = [
        f"{'Approved' if one.approved else 'Rejected'} by {mention(one.person)} · {when(one.at)}"
        for one in deployment.decisions
    ]
    if deployment.promotion_asked_by:
        lines.append(f"Promoted at once by {mention(deployment.promotion_asked_by)}")
    if deployment.abort_asked_by:
        lines.append(f"Abort asked for by {mention(deployment.abort_asked_by)}")
    if deployment.state is State.PLANNED and not deployment.approved:
        lines.append(_needed(deployment))
    return [context("\n".join(lines))] if lines else []


def _needed(deployment: Deployment) -> str:
    plan = deployment.plan
    who = "someone other than who asked" if plan.four_eyes else "anyone who may approve"
    who += f" in {plain(plan.approval_group)}" if plan.approval_group else ""
    expiry = f" · expires {when(plan.expires_at)}" if plan.expires_at else ""
    return f"{len(deployment.approvals)} of {plan.approvals_needed} needed approvals, by {who}{expiry}"


def _buttons(deployment: Deployment) -> list[Block]:
    made = _elements(deployment)
    return [actions(f"deployment:{deployment.id}", *made)] if made else []


def _elements(deployment: Deployment) -> list[Block]:
    return [_offer(offer, deployment) for offer in offered(deployment)]


def _offer(offer: Offer, deployment: Deployment) -> Block:  # noqa: PLR0911  # one return an offer
    plan, value = deployment.plan, button_value(deployment)
    match offer:
        case Offer.APPROVE:
            return button(approval_word(deployment), APPROVE, value, style="primary")
        case Offer.REJECT:
            return button("Reject", REJECT, value)
        case Offer.RESUME:
            return button("Resume", RESUME, value, style="primary")
        case Offer.PROMOTE:
            return button("Promote now", PROMOTE, _standing(deployment), confirm=_promote_question(deployment))
        case Offer.FINISH:
            return button(f"Let {plan.previous} go", FINISH, value, confirm=_finish_question(deployment))
        case Offer.ABORT:
            return button("Abort", ABORT, value, style="danger", confirm=_abort_question(deployment))
        case Offer.ROLL_BACK:
            question = _back_question(deployment)
            return button(f"Roll back to {plan.previous}", ROLL_BACK, value, style="danger", confirm=question)


def approval_word(deployment: Deployment) -> str:
    """What the button that approves says: `Approve v2`, `Approve step 2`, `Switch to v2`."""
    plan, waiting = deployment.plan, deployment.waiting_step
    if waiting is None:
        return f"Approve {plan.version}"
    match stage(plan, waiting):
        case "switch":
            return f"Switch to {plan.version}"
        case "keep":
            return f"Let {plan.previous} go"
        case _:
            return f"Approve step {waiting + 1}"


def button_value(deployment: Deployment) -> str:
    """What a button carries: which deployment, as which digest, which step waits, in which pause.

    The rest is loaded at the click.
    """
    step = "" if deployment.waiting_step is None else str(deployment.waiting_step)
    paused = f"|{deployment.paused_at.timestamp():.0f}" if deployment.paused_at else ""
    return f"{deployment.id}|{deployment.plan.digest}|{step}{paused}"


def _standing(deployment: Deployment) -> str:
    """As `button_value`, with the step it stands at: who promotes skips what was left then, in that pause."""
    paused = int(deployment.paused_at.timestamp()) if deployment.paused_at else 0
    return f"{deployment.id}|{deployment.plan.digest}|{deployment.step}|{paused}"


def _promote_question(deployment: Deployment) -> Block:
    plan = deployment.plan
    text = (
        f"What is left of its steps and gates is skipped; {escape(plan.version)} takes all traffic once it is healthy."
    )
    return confirm(f"Promote {plan.service} {plan.version} now?", text, "Promote")


def _finish_question(deployment: Deployment) -> Block:
    plan = deployment.plan
    text = f"Its instances in {escape(plan.environment)} stop now; going back to it takes a new start then."
    return confirm(f"Let {plan.service} {plan.previous} go?", text, "Let go")


def _abort_question(deployment: Deployment) -> Block:
    plan = deployment.plan
    back = f" All traffic goes back to {escape(plan.previous)}." if plan.previous else ""
    if deployment.state is State.PLANNED and not deployment.approved:
        back = " Nothing of it has begun."
    return confirm(
        f"Abort {plan.service} {plan.version}?", f"The deployment to {escape(plan.environment)} ends.{back}", "Abort"
    )


def _back_question(deployment: Deployment) -> Block:
    plan = deployment.plan
    change = f"from {escape(plan.version)} to {escape(plan.previous or '')}"
    text = f"{escape(plan.service)} in {escape(plan.environment)} goes {change}."
    return confirm(f"Roll back {plan.service}?", text, "Roll back")


def _footer(deployment: Deployment, board: str) -> str:
    digest = deployment.plan.digest.removeprefix("sha256:")[:12]
    page = f" · <{board}/deployments/{escape(deployment.id)}|Open on the board>" if board else ""
    return f"{escape(deployment.id)} · digest {escape(digest)}{page}"
