"""Keccak-256 as Ethereum has it: SHA-3's permutation with the padding of the original submission.

Source: the Keccak reference, version 3.0 (Bertoni, Daemen, Peeters, Van Assche), rate 1088, capacity 512.

>>> keccak256(b"").hex()
'c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470'
"""

from __future__ import annotations

from typing import Final

_RATE: Final = 136  # bytes
_MASK: Final = (1 << 64) - 1


def _round_constants() -> tuple[int, ...]:
    """By the degree-8 linear feedback register of the reference."""
    found, state = [], 1
    for _ in range(24):
        constant = 0
        for power in range(7):
            if state & 1:
                constant |= 1 << ((1 << power) - 1)
            state = (state << 1) ^ (0x171 if state & 0x80 else 0)
        found.append(constant)
    return tuple(found)


def _offsets() -> dict[tuple[int, int], int]:
    """How far each lane is rotated."""
    found, place = {(0, 0): 0}, (1, 0)
    for t in range(24):
        found[place] = (t + 1) * (t + 2) // 2 % 64
        place = (place[1], (2 * place[0] + 3 * place[1]) % 5)
    return found


_CONSTANTS: Final = _round_constants()
_OFFSETS: Final = _offsets()


def _rotate(lane: int, by: int) -> int:
    return ((lane << by) | (lane >> (64 - by))) & _MASK if by else lane


def _permute(lanes: list[list[int]]) -> list[list[int]]:
    every = range(5)
    for constant in _CONSTANTS:
        parity = [lanes[x][0] ^ lanes[x][1] ^ lanes[x][2] ^ lanes[x][3] ^ lanes[x][4] for x in every]
        mixed = [parity[(x - 1) % 5] ^ _rotate(parity[(x + 1) % 5], 1) for x in every]
        moved = [[0] * 5 for _ in every]
        for x in every:
            for y in every:
                moved[y][(2 * x + 3 * y) % 5] = _rotate(lanes[x][y] ^ mixed[x], _OFFSETS[x, y])
        lanes = [[moved[x][y] ^ (~moved[(x + 1) % 5][y] & moved[(x + 2) % 5][y]) for y in every] for x in every]
        lanes[0][0] ^= constant
    return lanes


def keccak256(data: bytes) -> bytes:
    """The 32-byte digest."""
    short = _RATE - len(data) % _RATE
    padded = data + (b"\x81" if short == 1 else b"\x01" + bytes(short - 2) + b"\x80")
    lanes = [[0] * 5 for _ in range(5)]
    for start in range(0, len(padded), _RATE):
        for place in range(_RATE // 8):
            word = int.from_bytes(padded[start + 8 * place : start + 8 * place + 8], "little")
            lanes[place % 5][place // 5] ^= word
        lanes = _permute(lanes)
    return b"".join(lanes[place % 5][place // 5].to_bytes(8, "little") for place in range(4))
