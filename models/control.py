"""Operator commands: what they say, and how it is known that the operator said it.

A command travels as its JSON text with an Ed25519 signature. Whoever may write to Kafka is not thereby the operator:
the private key is the operator's token (a file that only its owner can read), and the flows know the public key alone.

>>> token = "11" * 32
>>> signed = sign(Command(id="c1", run="evening", t=5, by="me", do=Pause()), token)
>>> verify(decode(encode(signed)), public_key(token)).do
Pause()
>>> verify(decode(encode(signed)), public_key("22" * 32))
Traceback (most recent call last):
    ...
models.control.Unsigned: the signature is not the operator's
"""

from __future__ import annotations

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


class Pause(msgspec.Struct, frozen=True, tag="pause"):
    """No new entries; exits and settlement go on."""


class Resume(msgspec.Struct, frozen=True, tag="resume"):
    """Entries again: ends a pause, a flatten and every close."""


class Kill(msgspec.Struct, frozen=True, tag="kill"):
    """Cancel everything that works and send no order of any kind, until it is released."""


class Release(msgspec.Struct, frozen=True, tag="release"):
    """Lift what stands: the kill, the anomaly with the explanation that it was given, or a breaker by its name."""

    what: str  # "kill", "anomaly" or "breaker:NAME"
    why: str = ""


class Flatten(msgspec.Struct, frozen=True, tag="flatten"):
    """Pause, cancel all entries, and sell every position."""


class Close(msgspec.Struct, frozen=True, tag="close"):
    """Sell the positions of one market, and enter it no more."""

    market: str


class SetGate(msgspec.Struct, frozen=True, tag="gate"):
    """Go to a release gate (``models.release``): up by one where its criteria are met, down always."""

    gate: str


class Arm(msgspec.Struct, frozen=True, tag="arm"):
    """Ask to trade with real money. The answer names the phrase to be confirmed."""


class Confirm(msgspec.Struct, frozen=True, tag="confirm"):
    """Arm for good, with the phrase of the answer to ``arm``, soon after it."""

    phrase: str


class Disarm(msgspec.Struct, frozen=True, tag="disarm"):
    """No real order any more: back from LIVE_ARMED to LIVE_DRY_RUN."""


class SetInstance(msgspec.Struct, frozen=True, tag="instance"):
    """Switch an instance's entries off or on, or make them smaller. ``size``: 0 to 1, what its sizes are multiplied
    with; None leaves it as it is."""

    instance: str
    enabled: bool | None = None
    size: float | None = None


Instruction = Pause | Resume | Kill | Release | Flatten | Close | SetGate | Arm | Confirm | Disarm | SetInstance


class Command(msgspec.Struct, frozen=True):
    """One command. ``id``: unique, ``run``: the run it is meant for, ``t``: Unix ns when it was given, ``by``: who says
    to have given it."""

    id: str
    run: str
    t: int
    by: str
    do: Instruction


class Signed(msgspec.Struct, frozen=True):
    """A command's JSON text and the signature over its bytes (hex)."""

    command: str
    signature: str


class Unsigned(ValueError):
    """A command that is not the operator's."""


_encode = msgspec.json.Encoder().encode
_signed: msgspec.json.Decoder[Signed] = msgspec.json.Decoder(Signed)
_command: msgspec.json.Decoder[Command] = msgspec.json.Decoder(Command)


def public_key(token: str) -> str:
    """The public key of an operator token (both hex). Raises ValueError for what is no token."""
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(token)).public_key().public_bytes_raw().hex()


def sign(command: Command, token: str) -> Signed:
    """The command as the operator's. Raises ValueError for what is no token."""
    text = _encode(command)
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(token))
    return Signed(text.decode(), key.sign(text).hex())


def encode(signed: Signed) -> bytes:
    """The bytes on the topic ``control``."""
    return _encode(signed)


def decode(raw: bytes) -> Signed:
    """Raises msgspec.MsgspecError for bytes that hold no signed command, or one of another form."""
    signed = _signed.decode(raw)
    _command.decode(signed.command)
    return signed


def verify(signed: Signed, key: str) -> Command:
    """The command, where ``key`` (hex) is the public key of who signed it. Raises Unsigned."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(
            bytes.fromhex(signed.signature), signed.command.encode()
        )
    except (InvalidSignature, ValueError):
        raise Unsigned("the signature is not the operator's") from None
    return _command.decode(signed.command)
