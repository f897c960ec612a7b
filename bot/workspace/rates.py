"""How often an app may call: Slack's rate limits as token buckets.

Source: Slack's "Rate limits" page. Tiers are calls per minute and method; posting is one message per second
and channel with short bursts. A call that finds no token is answered with 429 and Retry-After.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` tokens at most, refilled at `per_second`. Per channel, the calls of one channel share a bucket."""

    per_second: float
    burst: float
    per_channel: bool = False


@dataclass(frozen=True, slots=True)
class Bucket:
    """The `tokens` that were left at the time `at` (seconds); they are refilled when the next one is taken."""

    tokens: float
    at: float


def take(bucket: Bucket | None, rate: Rate, now: float) -> tuple[Bucket, float]:
    """Take one token at `now` (seconds). Returns the new bucket and 0, or the seconds to wait for a token."""
    held = rate.burst if bucket is None else min(rate.burst, bucket.tokens + (now - bucket.at) * rate.per_second)
    if held >= 1:
        return Bucket(held - 1, now), 0.0
    return Bucket(held, now), (1 - held) / rate.per_second


def per_minute(calls: int) -> Rate:
    """So many calls a minute, which may all come at once."""
    return Rate(calls / 60, calls)


TIER_1: Final = per_minute(1)
TIER_2: Final = per_minute(20)
TIER_3: Final = per_minute(50)
TIER_4: Final = per_minute(100)
GENEROUS: Final = per_minute(600)


@dataclass(frozen=True, slots=True)
class Rates:
    """The rate of each method; `other` for methods without one of their own."""

    methods: Mapping[str, Rate]
    other: Rate = TIER_3

    def of(self, method: str) -> Rate:
        """The rate of a method such as ``chat.postMessage``."""
        return self.methods.get(method, self.other)


SLACK_RATES: Final = Rates(
    {
        "api.test": GENEROUS,
        "auth.test": GENEROUS,
        # Tier 1 in Slack, with room for an app that reconnects: a restart must not lock it out for a minute.
        "apps.connections.open": Rate(1 / 2, 20),
        "chat.postMessage": Rate(1, 4, per_channel=True),
        "chat.postEphemeral": TIER_4,
        "chat.update": TIER_3,
        "chat.delete": TIER_3,
        "chat.getPermalink": GENEROUS,
        "conversations.list": TIER_2,
        "conversations.create": TIER_2,
        "conversations.setTopic": TIER_2,
        "conversations.setPurpose": TIER_2,
        "conversations.members": TIER_4,
        "conversations.info": TIER_3,
        "users.info": TIER_4,
        "users.list": TIER_2,
        "usergroups.list": TIER_2,
        "usergroups.users.update": TIER_2,
        "views.open": TIER_4,
        "views.push": TIER_4,
        "views.update": TIER_4,
        "views.publish": TIER_4,
    }
)


@dataclass(slots=True)
class Meter:
    """The buckets of one app. `rates` None lets everything pass."""

    rates: Rates | None
    _buckets: dict[tuple[str, str], Bucket] = field(default_factory=dict)

    def wait(self, method: str, channel: str, now: float) -> int:
        """Count one call at `now` (seconds). Returns 0, or whole seconds for Retry-After."""
        if self.rates is None:
            return 0
        rate = self.rates.of(method)
        key = (method, channel if rate.per_channel else "")
        self._buckets[key], wait = take(self._buckets.get(key), rate, now)
        return math.ceil(wait)
