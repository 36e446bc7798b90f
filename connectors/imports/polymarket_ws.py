"""Kind ``polymarket-ws``: raw market-channel messages, one JSON object ``{"recv_ts": s, "raw": …}`` a line.

``raw`` goes on byte for byte. The file's name is the market's slug; which token is which outcome is not recorded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from connectors.imports.frames import Definition, Frame
from connectors.imports.options import Options
from connectors.imports.reading import files_of, lines, merged, unix_ns
from connectors.imports.summary import ImportFailure, Refused, Summary
from connectors.polymarket.wire import decode_frame
from models.settlement import window_of
from models.topics import FEED_MARKETS, FEED_POLYMARKET

SUFFIXES = (".jsonl.gz", ".jsonl")
_ASSUMED = (
    "outcomes assumed: the token seen most is taken for Down, another one for Up",
    "definition made by the import from the file's name; no resolution was recorded",
)


class _Row(msgspec.Struct, gc=False):
    recv_ts: msgspec.Raw
    raw: msgspec.Raw


_row = msgspec.json.Decoder(_Row)


class _Seen(msgspec.Struct):
    slug: str
    first_ns: int
    tokens: dict[str, Counter[str]]  # market -> tokens by frames
    tick: str = ""


def read(path: Path, summary: Summary) -> Iterator[tuple[int, bytes]]:
    """(receive time, the frame's own bytes); rows that hold no such thing are refused."""
    for number, line in lines(path, summary):
        summary.rows += 1
        try:
            row = _row.decode(line)
            t = unix_ns(bytes(row.recv_ts).decode(), 10**9)
            frame = bytes(row.raw)
            decode_frame(frame)
        except Refused as cause:
            summary.reject(cause.reason, f"{path.name}:{number}: {cause}")
        except (msgspec.DecodeError, UnicodeDecodeError) as cause:
            summary.reject("not_a_frame", f"{path.name}:{number}: {cause}")
        else:
            yield t, frame


def frames(paths: Sequence[Path], options: Options, summary: Summary) -> Iterator[Frame]:
    """All frames by receive time; each market's definition before the first of its file."""
    files = files_of(paths, SUFFIXES)
    definitions: list[Frame] = []
    defined: set[str] = set()
    surveyed = [_survey(path) for path in files]
    for seen in surveyed:
        if seen is None:
            continue
        market = max(seen.tokens, key=lambda name: (sum(seen.tokens[name].values()), name))
        definitions.append(_define(seen, market, options))
        defined.add(market)
        summary.count("markets")
        summary.count("markets_without_outcome")
        summary.count("markets_with_one_token", len(seen.tokens[market]) == 1)
    others = {market for seen in surveyed if seen for market in seen.tokens} - defined
    summary.count("markets_without_definition", len(others))
    for note in _ASSUMED:
        summary.note(note)
    definitions.sort(key=lambda frame: frame.recv_ns, reverse=True)
    for t, frame in merged(files, read, summary):
        while definitions and definitions[-1].recv_ns <= t:
            yield definitions.pop()
        yield Frame(t, FEED_POLYMARKET, "polymarket", "", frame)


def _survey(path: Path) -> _Seen | None:
    """What a file speaks of, None when it holds no frame of a market.

    Raises ImportFailure for a name that is no slug."""
    slug = path.name
    for suffix in SUFFIXES:
        slug = slug.removesuffix(suffix)
    if window_of(slug) is None:
        raise ImportFailure(
            f"{path}: {slug!r} is not the slug of an up/down market.", "Name the file <slug>.jsonl.gz, as recorded."
        )
    seen = _Seen(slug, 0, {})
    for t, frame in read(path, Summary("")):
        seen.first_ns = min(seen.first_ns or t, t)
        for message in decode_frame(frame):
            if message.market and message.asset_id:
                seen.tokens.setdefault(message.market, Counter())[message.asset_id] += 1
            for change in message.price_changes or ():
                seen.tokens.setdefault(message.market, Counter())[change.asset_id] += 1
            seen.tick = seen.tick or message.tick_size
    return seen if seen.tokens else None


def _define(seen: _Seen, market: str, options: Options) -> Frame:
    window = window_of(seen.slug)
    assert window is not None  # _survey saw to it
    tokens = [token for token, _ in sorted(seen.tokens[market].items(), key=lambda item: (-item[1], item[0]))]
    definition = Definition(
        slug=seen.slug,
        question=seen.slug,
        condition=market,
        up_token=tokens[1] if len(tokens) > 1 else "",
        down_token=tokens[0],
        start_ns=window.start_ns,
        end_ns=window.end_ns,
        fee_rate=options.fee_rate,
        tick=float(seen.tick or "0.01"),
        notes=(*_ASSUMED, options.fee_note),
    )
    return Frame(seen.first_ns, FEED_MARKETS, "gamma", seen.slug, definition.gamma())
