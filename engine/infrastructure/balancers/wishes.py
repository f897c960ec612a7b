"""What a request says about who should answer it: the pin of the version in flight, and whose request it is. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from engine.infrastructure.balancers.heads import Header
from engine.strategy_specs import Pin
from engine.targets import Balancing


@dataclass(frozen=True, slots=True)
class Wish:
    """`pinned` asks for the version in flight. `caller` is an address, empty where nobody needs it."""

    pinned: bool = False
    caller: bytes = b""


NO_WISH: Final = Wish()
Reader = Callable[[Sequence[Header], bytes], Wish]


def reader_of(pin: Pin | None, balancing: Balancing) -> Reader | None:
    """What reads the wish from a request's header fields and its peer's address; None where none is heeded."""
    asks, sticks = (carries(pin) if pin else None), balancing == "ip-hash"
    if asks is None and not sticks:
        return None

    def read(headers: Sequence[Header], peer: bytes) -> Wish:
        return Wish(asks is not None and asks(headers), caller_of(headers, peer) if sticks else b"")

    return read


def carries(pin: Pin) -> Callable[[Sequence[Header]], bool]:
    """Whether header fields carry the pin: one field, or one cookie, of just this value. Field names ignore case."""
    name, value = pin.name.encode(), pin.value.encode()
    if pin.kind == "header":
        key = name.lower()
        return lambda headers: any(one.strip() == value for field, one in headers if field.lower() == key)
    pair = name + b"=" + value
    return lambda headers: any(pair in _cookies(one) for field, one in headers if field.lower() == b"cookie")


def caller_of(headers: Sequence[Header], peer: bytes) -> bytes:
    """The address a request comes from.

    A peer on this machine is taken for a proxy of ours, and the last address of X-Forwarded-For for what that one
    saw; the addresses before it are whatever a caller liked to write. Of any other peer nothing is believed.
    """
    if not _is_loopback(peer):
        return peer
    told = [value for name, value in headers if name.lower() == b"x-forwarded-for"]
    last = told[-1].rpartition(b",")[2].strip() if told else b""
    return last or peer


def _is_loopback(peer: bytes) -> bool:
    try:
        return ip_address(peer.decode()).is_loopback
    except ValueError:
        return False


def _cookies(field: bytes) -> list[bytes]:
    return [pair.strip() for pair in field.split(b";")]
