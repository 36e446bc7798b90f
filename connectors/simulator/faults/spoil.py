"""Frames spoilt in their text. Pure; each returns None when the frame has nothing that could be spoilt that way."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random
from typing import Final

from connectors.simulator.emission import Venue
from connectors.simulator.faults.timeline import AnyFault, AsStrings, FieldLeftOut, FrameFault, OddNeighbour, Oversized

PRICES: Final[dict[Venue, str]] = {"polymarket": "price", "coinbase": "price_level"}
GARBAGE: Final = (b"<html><h1>502 Bad Gateway</h1></html>", b"{{", b"\x00\x00\x00\x00", b"null null", b'{"channel":}')


def malformed(frame: bytes, rng: Random) -> bytes:
    """Text that is no JSON: garbage in front, a bracket too many, or a byte that is no UTF-8 where a quote stood."""
    way = rng.randrange(3)
    if way == 0:
        return rng.choice(GARBAGE) + frame[: max(1, rng.randrange(40))]  # with a bracket: else it is plain text
    return frame + b"}" if way == 1 else frame.replace(b'"', b"\xff", 1)


def truncated(frame: bytes, rng: Random) -> bytes | None:
    return frame[: rng.randrange(1, len(frame))] if len(frame) > 1 else None


def as_numbers(frame: bytes, venue: Venue) -> bytes | None:
    """Every price without its quotes."""
    return _replaced(rb'("%b"):"(\d[\d.]*)"' % PRICES[venue].encode(), rb"\1:\2", frame)


def as_strings(frame: bytes) -> bytes | None:
    return _replaced(rb'"sequence_num":(\d+)', rb'"sequence_num":"\1"', frame)


def empty_string(frame: bytes, venue: Venue) -> bytes | None:
    """The first price is ""."""
    return _replaced(rb'("%b"):"[^"]+"' % PRICES[venue].encode(), rb'\1:""', frame, 1)


def missing_field(frame: bytes, field: str) -> bytes | None:
    """Without ``field``, wherever it stands; lists and plain values are understood."""
    name = re.escape(field.encode())
    value = rb'(?:"[^"]*"|\[[^\]]*\]|[\w.+-]+)'
    return _replaced(rb'"%b":%b,|,"%b":%b(?=[}\]])' % (name, value, name, value), b"", frame)


def foreign(now_ns: int, rng: Random) -> bytes:
    """A message about another market with something missing."""
    head = b'"market":"0x%040x","timestamp":"%d"' % (rng.getrandbits(160), now_ns // 1_000_000)
    return (
        rng.choice(
            (
                b'{"event_type":"new_market","slug":"will-it-rain","assets_ids":[],"outcomes":["Yes","No"],%b}',
                b'{"event_type":"market_resolved",%b}',
                b'{"event_type":"last_trade_price","asset_id":"1","price":"0.5","side":"BUY",%b}',
                b'{"event_type":"book","asset_id":"1","bids":[{}],"asks":[],%b}',
                b'{"event_type":"price_change","price_changes":[{"asset_id":"1","price":"","size":"","side":""}],%b}',
            )
        )
        % head
    )


def odd_neighbour(frame: bytes, rng: Random) -> bytes:
    """An array of the frame's messages and one of another market that cannot be used."""
    odd = rng.choice(
        (
            b'{"event_type":"last_trade_price","market":"0x0","asset_id":"1","price":"0.5","side":"BUY"}',
            b'{"event_type":"book","market":"0x0","asset_id":1,"bids":"none"}',
            b'{"event_type":"market_resolved","market":"0x0"}',
        )
    )
    own = frame.strip()
    if own[:1] == b"[":
        return own[:-1] + (b"," if own[1:-1].strip() else b"") + odd + b"]"
    return b"[%b,%b]" % ((own, odd) if rng.random() < 0.5 else (odd, own))


def oversized(frame: bytes, size: int) -> bytes | None:
    """As long as asked for, by a field that nobody knows."""
    at = frame.find(b"{") + 1
    if at == 0 or len(frame) >= size:
        return None
    head = b'"padding":"'
    return b"".join((frame[:at], head, b"x" * max(0, size - len(frame) - len(head) - 2), b'",', frame[at:]))


def _replaced(pattern: bytes, by: bytes, frame: bytes, count: int = 0) -> bytes | None:
    new, changes = re.subn(pattern, by, frame, count=count)
    return new if changes else None


_BY_KIND: Final[dict[str, Callable[[bytes, Venue, Random], bytes | None]]] = {
    "malformed": lambda frame, _venue, rng: malformed(frame, rng),
    "truncated": lambda frame, _venue, rng: truncated(frame, rng),
    "as_numbers": lambda frame, venue, _rng: as_numbers(frame, venue),
    "empty_string": lambda frame, venue, _rng: empty_string(frame, venue),
}


def spoilt(fault: AnyFault, venue: Venue, frame: bytes, rng: Random) -> bytes | None:
    """The frame as ``fault`` leaves it; None when there is nothing in it to spoil that way."""
    if isinstance(fault, FieldLeftOut):
        return missing_field(frame, fault.field or PRICES[venue])
    if isinstance(fault, Oversized):
        return oversized(frame, fault.size_bytes)
    if isinstance(fault, OddNeighbour):
        return odd_neighbour(frame, rng)
    if isinstance(fault, AsStrings):
        return as_strings(frame)
    if isinstance(fault, FrameFault):
        return _BY_KIND[fault.kind](frame, venue, rng)
    return None
