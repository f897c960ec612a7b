"""Which percents a router may be given now. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from engine.catalog import Version
from engine.errors import PermanentFailure
from engine.infrastructure.balancers.balancing import effective_weights

Weights = Mapping[Version, int]


def checked(weights: Weights) -> dict[Version, int]:
    """The versions with a share. Raises PermanentFailure unless all are 0-100 and sum to 100, or none has any.

    Clouds take sums of any size and mean proportions by them; ours are percent.
    """
    shares = {version: weight for version, weight in weights.items() if weight != 0}
    wrong = [weight for weight in shares.values() if not 0 < weight <= 100]
    if wrong or (shares and sum(shares.values()) != 100):
        said = ", ".join(f"{version} {weight}" for version, weight in weights.items())
        raise PermanentFailure(f"Weights have to be percent that sum to 100, not {said}.", "Ask for other weights.")
    return shares


def grantable(
    asked: Weights, ready: Collection[Version], former: Weights, named: Collection[Version]
) -> dict[Version, int]:
    """The percents to set now: a share goes only to versions that can answer.

    While none of those asked for can, those that had the traffic keep it, as long as they are named and can answer;
    with nobody at all to answer, what was asked is set for whoever comes first.
    """
    shares = checked(asked)
    if not shares:
        return {}
    held = {version: weight for version, weight in former.items() if version in named}
    return effective_weights(shares, ready) or effective_weights(held, ready) or shares
