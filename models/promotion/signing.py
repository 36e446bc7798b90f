"""Who may send promotions: whoever holds the key. Others may write to Kafka, but a record without a signature does
nothing.

A promotion is signed as an operator's command is (Ed25519 over its own JSON with an empty signature), and names the run
that it is meant for. The flows know the public key alone: ``promotion.public_key``, else the operator's.

>>> token = "11" * 32
>>> said = Promotion("fair-1", "fair", 5, "canary", run="evening", decision="p9-1-fair", e_value=12.0, e_threshold=10.0)
>>> signed = signed_promotion(said, token)
>>> is_signed(signed, public_key(token)), is_signed(said, public_key(token)), is_signed(signed, "")
(True, False, False)
>>> raises_with_evidence(signed), raises_with_evidence(Promotion("m", "fair", 5, "active"))
(True, False)
"""

from __future__ import annotations

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from models.control import public_key
from models.inputs import Promotion

__all__ = ["is_signed", "public_key", "raises_with_evidence", "signed_promotion"]
_encode = msgspec.json.Encoder().encode


def signed_promotion(said: Promotion, token: str) -> Promotion:
    """The same, signed with a private key (hex). Raises ValueError for what is no key."""
    text = _encode(msgspec.structs.replace(said, signature=""))
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(token))
    return msgspec.structs.replace(said, signature=key.sign(text).hex())


def is_signed(said: Promotion, key: str) -> bool:
    """Whether ``key`` (hex) is the public key of who signed it."""
    text = _encode(msgspec.structs.replace(said, signature=""))
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(bytes.fromhex(said.signature), text)
    except (InvalidSignature, ValueError):
        return False
    return True


def raises_with_evidence(said: Promotion) -> bool:
    """Whether it names the decision that it follows, and evidence that passed a threshold: what a step up needs."""
    return bool(said.decision) and said.e_threshold > 1.0 and said.e_value >= said.e_threshold
