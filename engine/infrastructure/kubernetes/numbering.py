"""Which pod gets which ordinal. Pure.

Two replicas of Pilothouse may number the same pods at once: both choose alike from alike views, and each label is
written only to the pod as it was read, so the second of two different choices is refused and made anew.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import count

from engine.infrastructure.kubernetes.pods import Pod


def parse_ordinals(text: str) -> frozenset[int]:
    """`1,2` as the annotation has it."""
    return frozenset(int(part) for part in text.split(",") if part.isdecimal())


def render_ordinals(ordinals: Collection[int]) -> str:
    """The annotation's text."""
    return ",".join(str(one) for one in sorted(ordinals))


def homeless(pods: Iterable[Pod]) -> tuple[Pod, ...]:
    """The live pods without an ordinal of their own; of two with the same, the older keeps it."""
    held: set[int] = set()
    found = []
    for pod in _by_age(pods):
        if pod.ordinal is None or pod.ordinal in held:
            found.append(pod)
        else:
            held.add(pod.ordinal)
    return tuple(found)


def assign(pods: Collection[Pod], wanted: Collection[int]) -> Mapping[str, int]:
    """The ordinals to write, by the pod's name: wanted ones first, then the smallest that are free.

    When Kubernetes took another pod than the one meant to go, the one that stayed takes the place that is wanted.
    """
    lost = homeless(pods)
    names = {pod.name for pod in lost}
    held = {pod.ordinal: pod for pod in pods if pod.live and pod.ordinal is not None and pod.name not in names}
    free = sorted(set(wanted) - set(held))
    others = (one for one in count(1) if one not in held and one not in wanted)
    given = {pod.name: free.pop(0) if free else next(others) for pod in lost}
    strays = sorted((pod for ordinal, pod in held.items() if ordinal not in wanted), key=lambda pod: pod.name)
    given.update((pod.name, ordinal) for pod, ordinal in zip(strays, free, strict=False))
    return given


def _by_age(pods: Iterable[Pod]) -> list[Pod]:
    return sorted((pod for pod in pods if pod.live), key=lambda pod: (pod.created, pod.name))
