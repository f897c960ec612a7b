"""What may be told to a router, and how pods make a ratio. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import product
from typing import Final

from engine.catalog import Version
from engine.errors import PermanentFailure
from engine.infrastructure.balancers.balancing import effective_weights

_TOLERANCE: Final = 1  # percent points that rounding may cost


def checked(weights: Mapping[Version, int]) -> dict[Version, int]:
    """The weights above 0. Raises PermanentFailure when they are no percentages, together 100 or nothing."""
    shares = {version: weight for version, weight in weights.items() if weight}
    if any(weight < 0 for weight in shares.values()) or sum(shares.values()) not in {0, 100}:
        told = ", ".join(f"{version} {weight}" for version, weight in weights.items())
        raise PermanentFailure(f"{told} are not percentages that make 100.", "Correct the steps of the strategy.")
    return shares


def only(shares: Mapping[Version, int]) -> Version | None:
    """The version that gets all; None when nobody gets any. Raises PermanentFailure for a share of the traffic."""
    if len(shares) > 1:
        told = " and ".join(f"{weight} % for {version}" for version, weight in shares.items())
        raise PermanentFailure(
            f"A Service's selector sends all requests to one version, never {told}.",
            "Use the router gateway or replicas, or a strategy that switches at once, such as blue-green.",
        )
    return next(iter(shares), None)


def counted(versions: Iterable[Version], told: Mapping[Version, int]) -> dict[Version, int]:
    """The percent that so many pods of each version get of requests spread evenly.

    What differs from `told` by rounding only is told as it was.
    """
    pods = Counter(versions)
    real = effective_weights(pods, pods)
    if pods and all(abs(real.get(one, 0) - told.get(one, 0)) <= _TOLERANCE for one in {*real, *told}):
        return {version: weight for version, weight in told.items() if weight}
    return real


def shares_of_pods(shares: Mapping[Version, int], pods: Mapping[Version, int]) -> dict[Version, int]:
    """How many of each version's pods make these shares best, the most where several do.

    Raises PermanentFailure when no choice comes near enough; versions without pods are left out.
    """
    wanted = {version: weight for version, weight in shares.items() if pods.get(version)}
    if len(wanted) > 2:
        raise PermanentFailure("Pods split traffic between two versions at most.", "Finish one deployment first.")
    choices = product(*(range(1, pods[version] + 1) for version in wanted))
    scored = [(_miss(wanted, numbers), -sum(numbers), numbers) for numbers in choices]
    miss, _, best = min(scored)
    if len(wanted) == len(shares) and miss > _TOLERANCE:
        raise PermanentFailure(
            _cannot(wanted, pods), "Choose such steps, run more instances, or use the router gateway."
        )
    return dict(zip(wanted, best, strict=True))


def _miss(wanted: Mapping[Version, int], numbers: tuple[int, ...]) -> float:
    total, sum_of = sum(numbers), sum(wanted.values())
    pairs = zip(wanted.values(), numbers, strict=True)
    return max((abs(weight * 100 / sum_of - number * 100 / total) for weight, number in pairs), default=0.0)


def _cannot(wanted: Mapping[Version, int], pods: Mapping[Version, int]) -> str:
    first, second = wanted
    numbers = product(range(1, pods[first] + 1), range(1, pods[second] + 1))
    steps = sorted({round(one * 100 / (one + other)) for one, other in numbers})
    listed = ", ".join(str(step) for step in steps[:12])
    return (
        f"{pods[first]} pods of {first} and {pods[second]} of {second} cannot split requests "
        f"{wanted[first]} to {wanted[second]}; {first} can get {listed} %."
    )
