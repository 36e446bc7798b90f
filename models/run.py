"""A run's name on the wire: what says whose records a cluster holds.

>>> claim = Claim("evening-0f3a9c21d4", "evening")
>>> decode_claim(encode_claim(claim)) == claim
True
"""

from __future__ import annotations

import msgspec


class Claim(msgspec.Struct, frozen=True):
    """``run``: unlike that of any other run. ``name``: of its folder, for people."""

    run: str
    name: str


_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Claim] = msgspec.json.Decoder(Claim)


def encode_claim(claim: Claim) -> bytes:
    return _encoder.encode(claim)


def decode_claim(raw: bytes) -> Claim:
    """Raises msgspec.DecodeError for bytes that are no claim."""
    return _decoder.decode(raw)
