"""The id that the exchange gives an order: its EIP-712 hash, which anyone can compute before it is sent.

Source: EIP-712, and the exchange's order struct (Polymarket CTF Exchange, version 2, and 3 for protocol-v2 positions).
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from connectors.venues.polymarket.keccak import keccak256

CHAIN: Final = 137
STANDARD: Final = "0xE111180000d2663C0091e4f400237545B87B996B"
NEGATIVE_RISK: Final = "0xe2222d279d744050d28e00520010520000310F59"
PROTOCOL_V2: Final = "0xe3333700cA9d93003F00f0F71f8515005F6c00Aa"

_DOMAIN: Final = keccak256(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
_ORDER: Final = keccak256(
    b"Order(uint256 salt,address maker,address signer,uint256 tokenId,uint256 makerAmount,uint256 takerAmount,"
    b"uint8 side,uint8 signatureType,uint256 timestamp,bytes32 metadata,bytes32 builder)"
)
_NAME: Final = keccak256(b"Polymarket CTF Exchange")
_RESERVED_BITS: Final = ((1 << 64) - 1) << 40  # all zero in the ids of protocol-v2 positions


class OrderFields(msgspec.Struct, frozen=True):
    """What is signed. Amounts in micro-units, ``timestamp`` Unix ms, ``metadata`` and ``builder`` 32 bytes in hex."""

    salt: int
    maker: str
    signer: str
    token: int
    maker_amount: int
    taker_amount: int
    side: Literal["buy", "sell"]
    signature_type: int
    timestamp: int
    metadata: str = "0x" + "00" * 32
    builder: str = "0x" + "00" * 32


def is_v2_position(token: int) -> bool:
    """Whether the id is one of protocol v2, whose orders another contract settles."""
    return token & _RESERVED_BITS == 0


def order_hash(order: OrderFields, negative_risk: bool = False, chain: int = CHAIN) -> str:
    """The order's id at the exchange, as 0x and 64 hex digits."""
    newer = is_v2_position(order.token)
    contract = PROTOCOL_V2 if newer else NEGATIVE_RISK if negative_risk else STANDARD
    domain = keccak256(_DOMAIN + _NAME + keccak256(b"3" if newer else b"2") + _word(chain) + _address(contract))
    struct = keccak256(
        _ORDER
        + _word(order.salt)
        + _address(order.maker)
        + _address(order.signer)
        + _word(order.token)
        + _word(order.maker_amount)
        + _word(order.taker_amount)
        + _word(0 if order.side == "buy" else 1)
        + _word(order.signature_type)
        + _word(order.timestamp)
        + bytes.fromhex(order.metadata[2:])
        + bytes.fromhex(order.builder[2:])
    )
    return "0x" + keccak256(b"\x19\x01" + domain + struct).hex()


def _word(value: int) -> bytes:
    return value.to_bytes(32, "big")


def _address(text: str) -> bytes:
    return bytes(12) + bytes.fromhex(text[2:])
