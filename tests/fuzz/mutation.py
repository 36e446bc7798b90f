"""Mutations of frames: of their bytes, and of their JSON by way of the spans of its values.

A seed is scanned once; after that every structural mutation is a cut and a paste of bytes, so that a frame costs a
few microseconds and what was not mutated stays as it was. All is drawn from one seeded generator.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple

DEEP = 3_000
LONG = 20_000
MANY = 3_000
_BLANK = b" \t\r\n"

FRAGMENTS: tuple[bytes, ...] = (
    b'""', b"null", b"true", b"false", b"0", b"-1", b"1", b"[]", b"{}", b"[null]", b'"null"',
    b"1e400", b"-1e400", b"1e-400", b"NaN", b"Infinity", b"-Infinity", b'"NaN"', b'"nan"', b'"Infinity"', b'"-inf"',
    b'"1e5"', b'"1e-5"', b'"1e999"', b'"-0"', b'"-0.5"', b'"+0.5"', b'"0.5 "', b'" 0.5"', b'".5"', b'"5."', b'"."',
    b'"0x10"', b'"1_0"', b'"0,5"', b'"0.00001"', b'"0.50000"', b'"1"', b'"0"', b'"1.0001"', b'"2"', b'"0.485"',
    "\"\u0665\"".encode(), "\"\uff15\"".encode(), "\"\u00bd\"".encode(), "\"\u4e94\"".encode(),
    b'"' + b"9" * 400 + b'"', b"9" * 400, b"-" + b"9" * 30, b"18446744073709551616", b"9223372036854775808",
    b'"' + b"0" * 100 + b'.5"', b'"0.' + b"1" * 100 + b'"', b"0." + b"3" * 100, b'"9223372036854775807"',
    b'"\\ud800"', b'"\\udc00x"', b'"\\ud83d\\ude00"', b'"\\u0000"', b'"\\n"', b'"\\""', b'"\\x"', b'"\xff\xfe"',
    b'"\xef\xbb\xbf"', b'"\xed\xa0\x80"', b'"\x00"', b"\xef\xbb\xbf", b'"99999999999999"', b'"9999999999999"',
    b'"-1795000201000"', b'"1795000201000.5"', b"1795000201000", b'"1795000201"', b'"0001-01-01T00:00:00Z"',
    b'"9999-12-31T23:59:60Z"', b'"2026-13-45T25:61:61Z"', b'"2026-11-18T00:00:00.9999999999999Z"', b'"BUY"', b'"buy"',
    b'"SELL"', b'"book"', b'"price_change"', b'"snapshot"', b'"update"', b'"l2_data"', b'"bid"', b'"offer"',
    b'[["0.5","1"]]', b'{"price":"0.5","size":"1"}', b'[{"price":"0.5","size":"1"}]', b'[{"price":"0.5"}]',
    b'[{"price":"0.51","size":"1"},{"price":"0.51","size":"2"}]', b'["Up","Down"]', b'"[\\"Up\\",\\"Down\\"]"',
    b'"[\\"1\\", \\"0\\"]"', b'"[]"', b'"{"',
    b"[" * DEEP + b"]" * DEEP, b'{"a":' * DEEP + b"1" + b"}" * DEEP, b'"' + b"[" * DEEP + b'"',
    b'"' + b"x" * LONG + b'"', b'"' + b"1" * LONG + b'"', b"\"" + "\u00e9".encode() * 5_000 + b'"',
)  # fmt: skip
_HEAVY = frozenset(at for at, fragment in enumerate(FRAGMENTS) if len(fragment) > 2_000)
_LIGHT = [fragment for at, fragment in enumerate(FRAGMENTS) if at not in _HEAVY]
_BIG = [FRAGMENTS[at] for at in sorted(_HEAVY)]
_BYTES = (b"\x00", b"\xff", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xc3", b'"', b"{", b"}", b"[", b"]", b",", b":", b"\\",
          b"\n", b" ", b"e", b"-", b".", b"1e9", b"null", b"'")  # fmt: skip


class Span(NamedTuple):
    """A value of the JSON text. ``start`` to ``end``: its bytes; ``item``: where its member or element begins (the key
    included); ``key``: that of the key, empty in an array; ``what``: first byte of the value."""

    start: int
    end: int
    item: int
    key: tuple[int, int]
    what: int


class Seed(NamedTuple):
    """A frame and the spans of all its values, the whole first; empty for a frame that is no JSON."""

    frame: bytes
    spans: tuple[Span, ...]


def seed_of(frame: bytes) -> Seed:
    """Scan a frame that is JSON, or keep one that is not."""
    try:
        json.loads(frame)
    except ValueError:
        return Seed(frame, ())
    spans: list[Span] = []
    _value(frame, _skip(frame, 0), _skip(frame, 0), (0, 0), spans)
    return Seed(frame, tuple(spans))


def _skip(text: bytes, at: int) -> int:
    while at < len(text) and text[at] in _BLANK:
        at += 1
    return at


def _string(text: bytes, at: int) -> int:
    at += 1
    while text[at] != 0x22:
        at += 2 if text[at] == 0x5C else 1
    return at + 1


def _value(text: bytes, at: int, item: int, key: tuple[int, int], spans: list[Span]) -> int:
    what = text[at]
    place = len(spans)
    spans.append(Span(at, at, item, key, what))
    if what == 0x22:
        end = _string(text, at)
    elif what in b"{[":
        end = _skip(text, at + 1)
        while text[end] not in b"}]":
            item, key = end, (0, 0)
            if what == 0x7B:
                key = (end, _string(text, end))
                end = _skip(text, _skip(text, key[1]) + 1)
            end = _skip(text, _value(text, end, item, key, spans))
            if text[end] == 0x2C:
                end = _skip(text, end + 1)
        end += 1
    else:
        end = at
        while end < len(text) and text[end] not in b",]} \t\r\n":
            end += 1
    spans[place] = spans[place]._replace(end=end)
    return end


class Mutator:
    """Draws mutated frames from seeds."""

    def __init__(self, seeds: Sequence[bytes], random: Random) -> None:
        self._seeds = [seed_of(frame) for frame in seeds]
        self._random = random
        keys = {
            seed.frame[slice(*span.key)] for seed in self._seeds for span in seed.spans if span.key[1] > span.key[0]
        }
        self._keys = [*sorted(keys), b'""', b'"' + b"k" * 200 + b'"', b'"\\ud800"', b"null"]
        self._structural: tuple[Callable[[Seed, Span], bytes], ...] = (
            self._replaced, self._replaced, self._replaced, self._of_another, self._retyped, self._dropped,
            self._doubled, self._renamed, self._wrapped, self._emptied,
        )  # fmt: skip
        self._plain: tuple[Callable[[bytes], bytes], ...] = (
            self._flipped, self._flipped, self._cut, self._repeated, self._spliced, self._inserted, self._batched,
        )  # fmt: skip

    def draw(self) -> bytes:
        """The next mutated frame."""
        random = self._random
        seeds = self._seeds
        seed = seeds[int(random.random() * len(seeds))]
        chance = random.random()
        if not seed.spans or chance < 0.3:
            frame = seed.frame
            for _ in range(1 if chance < 0.2 else 2):
                frame = self._plain[int(random.random() * len(self._plain))](frame)
            return frame
        frame = self._edited(seed, 1 if chance < 0.75 else 2 if chance < 0.93 else 5)
        if chance > 0.97:
            frame = self._plain[int(random.random() * len(self._plain))](frame)
        return frame

    def _edited(self, seed: Seed, edits: int) -> bytes:
        random, spans, frame = self._random, seed.spans, seed.frame
        chosen = [spans[int(random.random() * len(spans))] for _ in range(edits)]
        if edits > 1:
            chosen.sort(reverse=True)
        before = len(frame) + 1
        for span in chosen:
            if span.end > before:
                continue
            edit = self._structural[int(random.random() * len(self._structural))]
            frame = edit(Seed(frame, seed.spans), span)
            before = span.item
        return frame

    # --- of the structure ---

    def _fragment(self) -> bytes:
        random = self._random
        several = _BIG if random.random() < 0.004 else _LIGHT
        return several[int(random.random() * len(several))]

    def _replaced(self, seed: Seed, span: Span) -> bytes:
        frame = seed.frame
        return frame[: span.start] + self._fragment() + frame[span.end :]

    def _of_another(self, seed: Seed, span: Span) -> bytes:
        random = self._random
        other = self._seeds[int(random.random() * len(self._seeds))]
        if not other.spans:
            return self._replaced(seed, span)
        taken = other.spans[int(random.random() * len(other.spans))]
        return seed.frame[: span.start] + other.frame[taken.start : taken.end] + seed.frame[span.end :]

    def _retyped(self, seed: Seed, span: Span) -> bytes:
        frame = seed.frame
        text = frame[span.start : span.end]
        if span.what == 0x22:
            text = text[1:-1] or b"0"
        elif span.what not in b"{[":
            text = b'"' + text + b'"'
        elif span.what == 0x7B:
            text = b"[" + text + b"]"
        else:
            text = b'{"0":' + text + b"}"
        return frame[: span.start] + text + frame[span.end :]

    def _dropped(self, seed: Seed, span: Span) -> bytes:
        frame = seed.frame
        after = _skip(frame, span.end)
        if after < len(frame) and frame[after] == 0x2C:
            return frame[: span.item] + frame[after + 1 :]
        before = frame[: span.item].rstrip()
        return (before[:-1] if before.endswith(b",") else before) + frame[span.end :]

    def _doubled(self, seed: Seed, span: Span) -> bytes:
        frame = seed.frame
        item = frame[span.item : span.end]
        many = 2 if self._random.random() < 0.99 or len(item) > 200 else MANY
        return frame[: span.item] + b",".join([item] * many) + frame[span.end :]

    def _renamed(self, seed: Seed, span: Span) -> bytes:
        start, end = span.key
        if start == end:
            return self._dropped(seed, span)
        key = self._keys[int(self._random.random() * len(self._keys))]
        return seed.frame[:start] + key + seed.frame[end:]

    def _wrapped(self, seed: Seed, span: Span) -> bytes:
        frame = seed.frame
        return frame[: span.start] + b"[" + frame[span.start : span.end] + b"]" + frame[span.end :]

    def _emptied(self, seed: Seed, span: Span) -> bytes:
        empty = b"{}" if span.what == 0x7B else b"[]" if span.what == 0x5B else b'""' if span.what == 0x22 else b"0"
        return seed.frame[: span.start] + empty + seed.frame[span.end :]

    # --- of the bytes ---

    def _flipped(self, frame: bytes) -> bytes:
        random = self._random
        flipped = bytearray(frame)
        for _ in range(min(len(flipped), 1 + int(random.random() * 4))):
            flipped[int(random.random() * len(flipped))] ^= 1 << int(random.random() * 8)
        return bytes(flipped)

    def _place(self, frame: bytes) -> int:
        return int(self._random.random() * (len(frame) + 1))

    def _cut(self, frame: bytes) -> bytes:
        start, end = sorted((self._place(frame), self._place(frame)))
        kind = self._random.random()
        return frame[:end] if kind < 0.5 else frame[start:] if kind < 0.7 else frame[:start] + frame[end:]

    def _repeated(self, frame: bytes) -> bytes:
        start, end = sorted((self._place(frame), self._place(frame)))
        return frame[:end] + frame[start:]

    def _spliced(self, frame: bytes) -> bytes:
        other = self._seeds[int(self._random.random() * len(self._seeds))].frame
        return frame[: self._place(frame)] + other[self._place(other) :]

    def _inserted(self, frame: bytes) -> bytes:
        at = self._place(frame) if self._random.random() < 0.8 else 0
        return frame[:at] + _BYTES[int(self._random.random() * len(_BYTES))] + frame[at:]

    def _batched(self, frame: bytes) -> bytes:
        """An array of it and others: a mixed batch."""
        random = self._random
        others = [
            self._seeds[int(random.random() * len(self._seeds))].frame for _ in range(1 + int(random.random() * 3))
        ]
        return b"[" + b",".join([frame, *others]) + b"]"
