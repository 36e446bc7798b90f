"""The envelope of a feed record: when, through which connection, and where in the recorder's one order.

It travels as the Kafka header ``envelope``, ASCII, five fields with a blank between them:
``recv_ns run seq conn n``. The record's value stays the exchange's frame, byte for byte.

``seq`` numbers every record of one recorder run over *all* feed topics, without a gap, in the order of receipt.
It makes the order of the journal a fact of the recording instead of an accident of consumption: a merge that
follows ``seq`` gives the same journal live, after a crash, and from an archive.
"""

from __future__ import annotations

import msgspec

HEADER = "envelope"
_MOST = 2**63 - 1
_DIGITS = 19


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """Receipt of one frame. ``recv_ns``: Unix time in nanoseconds, never decreasing within a run. ``run``: the
    recorder run. ``seq``: from 0, gapless per run over all feed topics. ``conn``: connection id without blanks,
    new for each connection. ``n``: from 0, gapless per connection."""

    recv_ns: int
    run: str
    seq: int
    conn: str
    n: int

    def encode(self) -> bytes:
        return f"{self.recv_ns} {self.run} {self.seq} {self.conn} {self.n}".encode("ascii")


def decode_envelope(raw: bytes) -> Envelope:
    """Raises ValueError, naming the bytes, when they are no envelope."""
    try:
        recv_ns, run, seq, conn, n = raw.decode("ascii").split(" ")
        # int() takes signs, underscores and any length, all of which would be read back as something else
        if (recv_ns + seq + n).isdecimal() and len(recv_ns) <= _DIGITS and len(seq) <= _DIGITS and len(n) <= _DIGITS:
            t, number, of_connection = int(recv_ns), int(seq), int(n)
            if t <= _MOST and number <= _MOST and of_connection <= _MOST:
                return Envelope(t, run, number, conn, of_connection)
    except ValueError:
        pass
    raise ValueError(not_an_envelope(raw))


def not_an_envelope(raw: bytes) -> str:
    """What to say of bytes that are none."""
    return f"not an envelope: {raw[:120]!r} (expected 'recv_ns run seq conn n')"
