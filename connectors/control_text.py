"""Plain text among an exchange's frames: it says something, and changes nothing."""

from __future__ import annotations

from typing import Final

_LONGEST: Final = 4096
_OPENING: Final = frozenset({b"{", b"["})


def control_text(frame: bytes) -> str | None:
    """What the exchange says beside its messages, as ``NO NEW ASSETS``: plain text, or an object with nothing in it.
    None for everything that is a message or may have been one."""
    if len(frame) > _LONGEST or (frame[:1] in _OPENING and len(frame) > 2):
        return None
    try:
        text = frame.decode().strip()
    except UnicodeDecodeError:
        return None
    if text == "{}":
        return text
    plain = not any(mark in text for mark in "{}[]")  # no message is without
    return text if plain and " ".join(text.split()).isprintable() else None
