"""Reading our own JSON records: a value of the declared type, or one declared error.

>>> import msgspec
>>> read = decoder_of(list)
>>> read(b"[7]")
[7]
>>> try:
...     read(b"[" * 100_000)
... except msgspec.DecodeError as error:
...     print(error)
JSON is nested too deep
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")


class MissingField(ValueError):
    """A message without something it cannot be used without; the text names the message and the field."""


def decoder_of(kind: type[T] | Any) -> Callable[[bytes], T]:
    """A reader of bytes as a ``kind`` (a msgspec struct, or a tagged union of such). It raises msgspec.DecodeError for
    whatever is none, also where msgspec itself gives up with a RecursionError."""
    decode = msgspec.json.Decoder(kind).decode

    def read(raw: bytes) -> T:
        try:
            value: T = decode(raw)
        except RecursionError:
            raise msgspec.DecodeError("JSON is nested too deep") from None
        return value

    return read
