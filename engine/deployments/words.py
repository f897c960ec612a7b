"""What is there, in words for people. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from engine.catalog import Version
from engine.deployments.action import Observation
from engine.deployments.deployment import Plan
from engine.ports import InstanceHealth

PREVIEWED: Final = ("preview", "switch", "keep")


def describe(plan: Plan, seen: Observation) -> str:
    """Exactly what runs and where requests go, one sentence a version."""
    versions = [one for one in (plan.previous, plan.version) if one is not None]
    parts = [_running(version, seen) for version in versions]
    shares = ", ".join(f"{weight} % to {version}" for version, weight in seen.traffic.weights.items() if weight)
    parts.append(f"The router sends {shares}." if shares else "The router sends requests nowhere.")
    return " ".join(parts)


def stage(plan: Plan, step: int) -> str:
    """`preview`, `switch` or `keep`, where the plan begins with a preview; "" where its steps have numbers only."""
    steps = plan.strategy.steps
    known = bool(steps) and steps[0].weight == 0 and 0 <= step < len(PREVIEWED)
    return PREVIEWED[step] if known else ""


def step_name(plan: Plan, step: int) -> str:
    """`Switch`, or `Step 2`."""
    return stage(plan, step).capitalize() or f"Step {step + 1}"


def entering(plan: Plan, step: int) -> str:
    """What people agree to when they approve `step`: the beginning of a sentence about it."""
    match stage(plan, step):
        case "switch":
            return f"The switch to {plan.version}"
        case "keep":
            return f"Letting {plan.previous} go"
        case _:
            return f"Step {step + 1} ({plan.strategy.steps[step].weight} %)"


def notes(seen: Observation, version: Version) -> str:
    """The platform's own words on the instances of a version that are not well."""
    ill = (one for one in seen.instances if one.version == version and one.health is not InstanceHealth.HEALTHY)
    said = {one.note: sentence(f"{one.id} is {one.health}: {one.note}") for one in ill if one.note}
    return " ".join(said.values())


def why_not_well(seen: Observation, version: Version) -> str:
    """The platform's own words on a version that does not come up; how many are in which state where it has none."""
    return notes(seen, version) or _running(version, seen)


def not_well(seen: Observation, version: Version) -> str:
    """Each instance of a version that is not well, with the platform's own words where it has any; "" for none."""
    ill = (one for one in seen.instances if one.version == version and one.health is not InstanceHealth.HEALTHY)
    told = (f"{one.id} is {one.health}: {one.note}" if one.note else f"{one.id} is {one.health}" for one in ill)
    return " ".join(sentence(one) for one in told)


def render_number(value: float | None, unit: str) -> str:
    """A number for people: ratios in percent, times in ms or s, others short."""
    if value is None:
        return "–"
    match unit:
        case "ratio":
            return f"{value * 100:.3g} %"
        case "seconds":
            return f"{value * 1000:.0f} ms" if abs(value) < 1 else f"{value:.2f} s"
        case _:
            return f"{value:,.0f}" if abs(value) >= 100 or value == round(value) else f"{value:.2f}"


def render_time(time: timedelta) -> str:
    """A length of time in its two largest units: `1 h 30 min`, `45 s`."""
    seconds = round(time.total_seconds())
    parts = ((seconds // 86400, "d"), (seconds // 3600 % 24, "h"), (seconds // 60 % 60, "min"), (seconds % 60, "s"))
    said = [f"{count} {unit}" for count, unit in parts if count]
    return " ".join(said[:2]) or f"{time.total_seconds():.3g} s"


def sentence(text: str) -> str:
    """`text` with a full stop, so that more can follow; platforms seldom end theirs."""
    return text if not text or text.endswith((".", "!", "?", "…")) else f"{text}."


def _running(version: Version, seen: Observation) -> str:
    own = [one for one in seen.instances if one.version == version]
    if not own:
        return f"Nothing of {version} runs."
    counts = {state: sum(one.health is state for one in own) for state in InstanceHealth}
    return f"{version}: " + ", ".join(f"{count} {state}" for state, count in counts.items() if count) + "."
