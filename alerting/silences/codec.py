"""Silences as JSON, as they are stored and as answers carry them."""

from collections.abc import Mapping, Sequence
from typing import Any

from alerting.routing.matcher import Matcher, Op
from alerting.silences.silence import Silence, SilenceId
from storage.codec import JSON, decode_time, encode_time


def silence_to_json(silence: Silence) -> JSON:
    """The silence as it is stored."""
    return {
        "id": silence.id,
        "matchers": [{"name": one.name, "op": one.op.value, "value": one.value} for one in silence.matchers],
        "starts_at": encode_time(silence.starts_at),
        "ends_at": encode_time(silence.ends_at),
        "updated_at": encode_time(silence.updated_at),
        "created_by": silence.created_by,
        "comment": silence.comment,
        "until_resolved": silence.until_resolved,
        "channel": silence.channel,
        "incident": silence.incident,
        "ended_by": silence.ended_by,
    }


def silence_from_json(data: JSON) -> Silence:
    """The silence that `silence_to_json` wrote."""
    return Silence(
        id=SilenceId(data["id"]),
        matchers=_matchers(data["matchers"]),
        starts_at=decode_time(data["starts_at"]),
        ends_at=decode_time(data["ends_at"]),
        updated_at=decode_time(data["updated_at"]),
        created_by=data["created_by"],
        comment=data["comment"],
        until_resolved=data["until_resolved"],
        channel=data["channel"],
        incident=data["incident"],
        ended_by=data["ended_by"],
    )


def _matchers(data: Sequence[Mapping[str, Any]]) -> tuple[Matcher, ...]:
    return tuple(Matcher(one["name"], Op(one["op"]), one["value"]) for one in data)
