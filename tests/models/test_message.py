"""What a record that was read knows of itself."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.envelope import Envelope
from models.message import Stored

NUMBERS = st.integers(0, 2**63 - 1)
NAMES = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1)


@given(NUMBERS, NAMES, NUMBERS, NAMES, NUMBERS)
def test_the_receipt_is_the_envelope(recv_ns: int, run: str, seq: int, conn: str, n: int) -> None:
    envelope = Envelope(recv_ns, run, seq, conn, n)
    stored = Stored("feed.polymarket", 0, 3, "k", b"{}", recv_ns, envelope=envelope.encode())
    assert stored.receipt == envelope
    assert pickle.loads(pickle.dumps(stored)) == stored


@pytest.mark.parametrize(
    "raw", [b"", b"x", b"1 run 2 conn", b"-1 run 0 conn 0", b"1_0 run 0 conn 0", b"\xff run 0 c 0"]
)
def test_an_envelope_that_cannot_be_read_is_kept_and_gives_no_receipt(raw: bytes) -> None:
    stored = Stored("feed.polymarket", 0, 3, "k", b"{}", 0, envelope=raw)
    assert stored.envelope == raw
    assert stored.receipt is None
