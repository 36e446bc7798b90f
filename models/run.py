"""A run's name on the wire: what says whose records a cluster holds.

>>> claim = Claim("evening-0f3a9c21d4", "evening")
>>> decode_claim(encode_claim(claim)) == claim
True
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from models.decoding import decoder_of


class Claim(msgspec.Struct, frozen=True):
    """``run``: unlike that of any other run. ``name``: of its folder, for people."""

    run: str
    name: str


_encoder = msgspec.json.Encoder()


def encode_claim(claim: Claim) -> bytes:
    return _encoder.encode(claim)


#: Reads them back; raises msgspec.DecodeError for bytes that are no claim.
decode_claim: Callable[[bytes], Claim] = decoder_of(Claim)
