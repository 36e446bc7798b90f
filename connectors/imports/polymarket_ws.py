"""Kind ``polymarket-ws``: raw market-channel messages, one JSON object ``{"recv_ts": time, "raw": message}`` a line.

``raw`` goes on byte for byte, but for other ways of writing: a message that is JSON in JSON is taken out, and what
``frame_forms`` knows is put in the exchange's own. The file's name is the
market's slug. Which token is Up is what the recording's own `new_market`, `market_resolved` or Gamma rows say; else
what was stated; else a guess, which the summary shows as one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from connectors.control_text import control_text
from connectors.imports.files import LINES, Found, find, stem_of
from connectors.imports.frame_forms import UNREADABLE, as_the_exchange_writes
from connectors.imports.frames import Definition, Frame
from connectors.imports.names import by_slug
from connectors.imports.options import Options
from connectors.imports.reading import decode_json, json_objects
from connectors.imports.recordings import Recording
from connectors.imports.sorting import Sorter
from connectors.imports.summary import OUTSIDE, ImportFailure, ImportSummary, RefusedRow
from connectors.imports.values import moment
from connectors.polymarket.wire import MarketMessage, decode_strings
from models.settlement import Window, window_of
from models.topics import FEED_MARKETS, FEED_POLYMARKET

_TIMES: Final = (
    "recv_ts",
    "recv_ns",
    "recv_ms",
    "received_at",
    "recv_time",
    "local_ts",
    "ts",
    "timestamp",
    "time",
    "t",
)
_FRAMES: Final = ("raw", "frame", "message", "msg", "data", "payload")
_GUESSED: Final = "outcomes assumed: the token seen most is taken for Down, another one for Up"
_MADE: Final = "definition made by the import from the file's name; no resolution was recorded"

_line = msgspec.json.Decoder(dict[str, msgspec.Raw])
_text = msgspec.json.Decoder(str)


class _Market(msgspec.Struct):
    """What the messages say of a market. ``tokens``: by how many frames are about them; ``first_ns``: of its file."""

    tokens: Counter[str] = msgspec.field(default_factory=Counter)
    first_ns: int = 0
    tick: str = ""
    slug: str = ""
    up: str = ""
    down: str = ""
    announced: bool = False
    resolved: bool = False


class _Survey:
    """What the messages of all files say of their markets, by condition id."""

    def __init__(self, summary: ImportSummary) -> None:
        self.markets: dict[str, _Market] = {}
        self._summary = summary

    def market(self, condition: str) -> _Market:
        return self.markets.setdefault(condition, _Market())

    def take(self, messages: list[MarketMessage], seen: Counter[str]) -> None:
        """Note a frame's messages; ``seen`` counts the markets of its file."""
        for message in messages:
            if message.market and message.asset_id:
                self.market(message.market).tokens[message.asset_id] += 1
                seen[message.market] += 1
            for change in message.price_changes or ():
                self.market(message.market).tokens[change.asset_id] += 1
                seen[message.market] += 1
            if message.tick_size and message.market:
                market = self.market(message.market)
                market.tick = market.tick or message.tick_size
            if message.event_type == "new_market":
                self._announced(message)
            elif message.event_type == "market_resolved":
                self._resolved(message)

    def _announced(self, message: MarketMessage) -> None:
        market = self.market(message.market)
        market.slug = market.slug or message.slug
        self._outcomes(market, message.outcomes or [], message.assets_ids or [])

    def _resolved(self, message: MarketMessage) -> None:
        market = self.market(message.market)
        tokens = message.assets_ids or []
        self._outcomes(market, message.outcomes or [], tokens)
        winner, word = message.winning_asset_id, message.winning_outcome.lower()
        if not winner:
            return
        market.resolved = True
        if market.up or word not in ("up", "down"):
            return
        others = [token for token in (*tokens, *market.tokens) if token != winner]
        other = others[0] if others else ""
        market.up, market.down = (winner, other) if word == "up" else (other, winner)

    def gamma(self, body: dict[str, Any]) -> None:
        """Note a Gamma object."""
        market = self.market(str(body["conditionId"]))
        market.slug = str(body.get("slug") or market.slug)
        self._outcomes(market, decode_strings(body.get("outcomes")), decode_strings(body.get("clobTokenIds")))
        market.announced = True
        market.resolved = market.resolved or bool(body.get("closed"))

    @staticmethod
    def _outcomes(market: _Market, outcomes: list[str], tokens: list[str]) -> None:
        by_outcome = dict(zip([outcome.lower() for outcome in outcomes], tokens, strict=False))
        if "up" in by_outcome and "down" in by_outcome and not market.up:
            market.up, market.down = by_outcome["up"], by_outcome["down"]


def frames(recording: Recording) -> Iterator[Frame]:
    """All frames by receive time; each market's definition before the first of its file."""
    summary = recording.summary
    files = find(recording.paths, LINES)
    summary.files += len(files)
    summary.progress.begin("reading", sum(found.path.stat().st_size for found in files))
    survey = _Survey(summary)
    with Sorter(recording.folder) as sorter:
        named: dict[str, str] = {}  # condition -> slug by its file's name
        for found in files:
            condition = _read(found, survey, sorter, summary)
            if condition:
                named.setdefault(condition, _slug_of(found, survey, condition))
        definitions = _definitions(survey, named, recording.options, summary)
        summary.progress.begin("writing", sorter.rows)
        for count, (t, _, (topic, key, value)) in enumerate(sorter.sorted()):
            if count % 2_000 == 0:
                summary.progress.reach(count)
            while definitions and definitions[-1].recv_ns <= t:
                yield definitions.pop()
            yield Frame(t, topic, "gamma" if topic == FEED_MARKETS else "polymarket", key, value)


def _read(found: Found, survey: _Survey, sorter: Sorter, summary: ImportSummary) -> str:
    """Take in a file; the condition id of the market it speaks of most, "" for none."""
    done = summary.progress.done
    seen: Counter[str] = Counter()
    first = 0
    fresh = set(survey.markets)
    window = window_of(stem_of(found.path.name))
    inside = outside = 0
    for number, line in json_objects(found, summary):
        summary.rows += 1
        where = f"{found.label}:{number}"
        try:
            t, frame = _row(line)
            body = _gamma_of(frame)
            if body is not None:
                survey.gamma(body)
                sorter.add(t, (FEED_MARKETS, str(body.get("slug", "")), frame))
                continue
            if control_text(frame) is None:
                frame, messages = as_the_exchange_writes(frame, where, summary)
                survey.take(messages, seen)
            elif frame != b"PONG":
                summary.count("control_texts")
        except RefusedRow as cause:
            summary.reject(cause.reason, f"{where}: {cause}")
        except UNREADABLE as cause:
            summary.reject("not_a_frame", f"{where}: {str(cause)[:200]}")
        else:
            first = min(first or t, t)
            if window is not None:
                inside += window.start_ns <= t < window.end_ns
                outside += not window.start_ns <= t < window.end_ns
            sorter.add(t, (FEED_POLYMARKET, "", frame))
    if outside and not inside:
        summary.find(OUTSIDE, f"{found.label}: not one of {outside:,} rows is within the window of its name", outside)
    for condition, market in survey.markets.items():
        if condition not in fresh:
            market.first_ns = first
    summary.progress.reach(done + found.path.stat().st_size)
    return max(seen, key=lambda name: (seen[name], name)) if seen else ""


def _row(line: bytes) -> tuple[int, bytes]:
    """(receive time, the message's own bytes). Raises RefusedRow and msgspec.DecodeError."""
    if line.lstrip()[:1] == b'"':  # the whole line is JSON in JSON
        line = _text.decode(line).encode()
    row = _line.decode(line)
    time = next((name for name in _TIMES if name in row), None)
    body = next((name for name in _FRAMES if name in row), None)
    if time is None or body is None:
        raise msgspec.ValidationError("Object missing required field `recv_ts` or `raw`")
    stated = bytes(row[time])
    t = moment(_text.decode(stated) if stated[:1] == b'"' else stated.decode(), "s" if _is_seconds(stated) else "auto")
    frame = bytes(row[body])
    if frame == b"null":
        raise RefusedRow("no_frame")
    while frame[:1] == b'"':
        frame = _text.decode(frame).encode()
    return t, frame


def _is_seconds(stated: bytes) -> bool:
    return len(stated.partition(b".")[0]) <= 10 and stated[:1] != b'"'


def _gamma_of(frame: bytes) -> dict[str, Any] | None:
    if b'"clobTokenIds"' not in frame or b'"conditionId"' not in frame:
        return None
    body = decode_json(frame)
    if isinstance(body, list) and len(body) == 1:
        body = body[0]
    return body if isinstance(body, dict) and "conditionId" in body else None


def _slug_of(found: Found, survey: _Survey, condition: str) -> str:
    """The slug of the market a file is about. Raises ImportFailure where neither its name nor a message tells."""
    announced = survey.markets[condition].slug
    if window_of(announced) is not None:
        return announced
    stem = stem_of(found.path.name)
    if window_of(stem) is not None:
        return stem
    try:
        return by_slug(stem, survey.markets[condition].first_ns).slug
    except RefusedRow:
        raise ImportFailure(
            f"{found.path}: {stem!r} is not the slug of an up/down market.",
            "Name the file <slug>.jsonl.gz, as recorded.",
        ) from None


def _definitions(survey: _Survey, named: dict[str, str], options: Options, summary: ImportSummary) -> list[Frame]:
    """Definitions of the markets whose slug is known, the earliest last."""
    definitions: list[Frame] = []
    for condition, market in survey.markets.items():
        slug = named.get(condition) or market.slug
        window = window_of(slug)
        if window is None or not (market.tokens or market.announced or condition in named):
            summary.count("markets_without_definition", bool(market.tokens))
            continue
        if condition not in named and not market.tokens:
            continue  # announced, and nothing was recorded of it
        summary.count("markets")
        summary.count("markets_without_outcome", not market.resolved)
        summary.count("markets_with_one_token", len(market.tokens) == 1)
        definitions.append(_define(condition, slug, window, market, options, summary))
    definitions.sort(key=lambda frame: frame.recv_ns, reverse=True)
    return definitions


def _define(
    condition: str, slug: str, window: Window, market: _Market, options: Options, summary: ImportSummary
) -> Frame:
    tokens = [token for token, _ in sorted(market.tokens.items(), key=lambda item: (-item[1], item[0]))]
    up, down, how = market.up, market.down, "outcomes as the recording's own messages name them"
    if not up and not down:
        given_ups = [token for token in tokens if token in options.ups]
        others = [token for token in tokens if token not in options.ups]
        if given_ups or (options.ups and others):
            up, down = (given_ups or [""])[0], (others or [""])[0]
            how = "outcomes as stated with the import"
        else:
            up, down = tokens[1] if len(tokens) > 1 else "", tokens[0] if tokens else ""
            how = _GUESSED
            summary.count("markets_with_guessed_outcomes")
            summary.guess(f"{_GUESSED}; say better with --up TOKEN")
    notes = (how, _MADE, options.fee_note)
    for note in (how, _MADE):
        summary.note(note)
    definition = Definition(
        slug=slug,
        question=slug,
        condition=condition,
        up_token=up,
        down_token=down,
        start_ns=window.start_ns,
        end_ns=window.end_ns,
        fee_rate=options.fee_rate,
        tick=float(market.tick or "0.01"),
        notes=notes,
    )
    return Frame(market.first_ns, FEED_MARKETS, "gamma", slug, definition.gamma())
