"""Kafka's primitive types on the wire: read from bytes that nobody vouches for, and written.

Failure policy: a length or count that the bytes cannot hold is ``Malformed``, before anything is reserved for it.
"""

from __future__ import annotations

import struct
from typing import Final

_INT16: Final = struct.Struct(">h")
_INT32: Final = struct.Struct(">i")
_INT64: Final = struct.Struct(">q")

NO_UUID: Final = bytes(16)


class Malformed(Exception):
    """Bytes that are no message of the kind they claim to be."""


class Decoder:
    """Reads one message from the front. Every method raises Malformed where the bytes end too early."""

    __slots__ = ("at", "data", "end")

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data = data
        self.at = at
        self.end = len(data)

    def raw(self, length: int) -> bytes:
        """``length`` bytes."""
        at = self.at
        if length < 0 or length > self.end - at:
            raise Malformed(f"{length} bytes are announced where {self.end - at} are left")
        self.at = at + length
        return self.data[at : at + length]

    def boolean(self) -> bool:
        return self.raw(1) != b"\0"

    def int8(self) -> int:
        return int.from_bytes(self.raw(1), "big", signed=True)

    def int16(self) -> int:
        at = self.at
        if self.end - at < 2:
            raise Malformed("the bytes end within an int16")
        self.at = at + 2
        return int(_INT16.unpack_from(self.data, at)[0])

    def int32(self) -> int:
        at = self.at
        if self.end - at < 4:
            raise Malformed("the bytes end within an int32")
        self.at = at + 4
        return int(_INT32.unpack_from(self.data, at)[0])

    def int64(self) -> int:
        at = self.at
        if self.end - at < 8:
            raise Malformed("the bytes end within an int64")
        self.at = at + 8
        return int(_INT64.unpack_from(self.data, at)[0])

    def uuid(self) -> bytes:
        return self.raw(16)

    def varint(self) -> int:
        """An unsigned varint of at most 32 bits."""
        value = shift = 0
        data, at = self.data, self.at
        while at < self.end:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if value > 0xFFFFFFFF:
                    break
                self.at = at
                return value
            shift += 7
            if shift > 28:
                break
        raise Malformed("an unsigned varint does not end")

    def count(self, flexible: bool) -> int:
        """How many elements an array has; -1 for null. Each takes a byte at least."""
        count = self.varint() - 1 if flexible else self.int32()
        if count < -1 or count > self.end - self.at:
            raise Malformed(f"{count} elements are announced where {self.end - self.at} bytes are left")
        return count

    def nullable_bytes(self, flexible: bool) -> bytes | None:
        length = self.varint() - 1 if flexible else self.int32()
        return None if length == -1 else self.raw(length)

    def nullable_string(self, flexible: bool) -> str | None:
        length = self.varint() - 1 if flexible else self.int16()
        if length == -1:
            return None
        try:
            return self.raw(length).decode()
        except UnicodeDecodeError:
            raise Malformed("a string is not UTF-8") from None

    def string(self, flexible: bool) -> str:
        text = self.nullable_string(flexible)
        if text is None:
            raise Malformed("a string is null that may not be")
        return text

    def skip_tags(self) -> None:
        """Pass over tagged fields: none of them means anything here."""
        for _ in range(self.varint()):
            self.varint()
            self.raw(self.varint())


class Encoder:
    """Writes one message."""

    __slots__ = ("out",)

    def __init__(self) -> None:
        self.out = bytearray()

    def boolean(self, value: bool) -> None:
        self.out.append(1 if value else 0)

    def int8(self, value: int) -> None:
        self.out += value.to_bytes(1, "big", signed=True)

    def int16(self, value: int) -> None:
        self.out += _INT16.pack(value)

    def int32(self, value: int) -> None:
        self.out += _INT32.pack(value)

    def int64(self, value: int) -> None:
        self.out += _INT64.pack(value)

    def uuid(self, value: bytes) -> None:
        self.out += value

    def varint(self, value: int) -> None:
        while value >= 0x80:
            self.out.append(value & 0x7F | 0x80)
            value >>= 7
        self.out.append(value)

    def count(self, value: int, flexible: bool) -> None:
        """The number of an array's elements; -1 for null."""
        if flexible:
            self.varint(value + 1)
        else:
            self.int32(value)

    def bytes_(self, value: bytes | None, flexible: bool) -> None:
        self.count(-1 if value is None else len(value), flexible)
        if value is not None:
            self.out += value

    def string(self, value: str | None, flexible: bool) -> None:
        raw = None if value is None else value.encode()
        if flexible:
            self.varint(0 if raw is None else len(raw) + 1)
        else:
            self.int16(-1 if raw is None else len(raw))
        if raw is not None:
            self.out += raw
