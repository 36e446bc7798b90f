"""Frames to mutate: the simulator's of every kind, real ones where the recordings are, and our own records.

Times in them are made one moment, and Coinbase's numbers 0, so that a run can put its own in their place: a frame with
the wrong number or an old time would be ignored before its content was looked at.
"""

from __future__ import annotations

import gzip
import json
import re
from functools import lru_cache
from pathlib import Path

import msgspec

from connectors.simulator.exchange import Exchange, ExchangeParameters
from connectors.simulator.times import nano_time
from flows.market_line.line import MarketLine
from models.bounds import bounds_of
from models.control import Command, Kill, encode, sign
from models.envelope import Envelope
from models.journal import decode_event
from models.markers import Marker, Notice, Tick, encode_own
from models.message import Message, Stored
from models.settings import Checks
from models.topics import FEED_COINBASE, FEED_MARKETS, FEED_POLYMARKET, JOURNAL

SECOND = 1_000_000_000
START_S = 1_795_000_200 - 1_795_000_200 % 900 + 270  # half a minute before the end of a five-minute window
NOW_MS = (START_S + 1) * 1000  # stands for now in seeds
NOW_TEXT = b'"%d"' % NOW_MS
NOW_ISO = b'"%b"' % nano_time(NOW_MS * 1_000_000).encode()
SEQUENCE = b'"sequence_num":0'
_MS = re.compile(rb'("timestamp"\s*:\s*)"\d{13}"')
_ISO = re.compile(rb'("timestamp"\s*:\s*)"\d{4}-[^"]*"')
_NUMBER = re.compile(rb'"sequence_num"\s*:\s*\d+')
_HASH = re.compile(rb'"hash":"[0-9a-f]{40}"')
_KEEP = 12  # of each kind
COMMAND = encode(sign(Command(id="c1", run="r", t=NOW_MS * 1_000_000, by="me", do=Kill()), "11" * 32))


class Seeds(msgspec.Struct):
    """Seeds by kind; ``market``, ``books`` and ``spot`` are sound frames that a state can be restored with."""

    kinds: dict[str, list[bytes]]
    market: bytes
    books: bytes
    spot: bytes


def _still(frame: bytes) -> bytes:
    frame = _MS.sub(rb"\g<1>" + NOW_TEXT, frame)
    frame = _ISO.sub(rb"\g<1>" + NOW_ISO, frame)
    return _NUMBER.sub(SEQUENCE, frame)


@lru_cache(maxsize=1)
def seeds(recordings: Path | None = None) -> Seeds:
    """All seeds. Seconds of work: made once."""
    kinds: dict[str, list[bytes]] = {}

    def add(kind: str, frame: bytes, most: int = _KEEP) -> None:
        stored = kinds.setdefault(kind, [])
        if len(stored) < most:
            stored.append(frame)

    core = Exchange(ExchangeParameters(assets=("BTC",), horizons=("5m",), resolution_delay_s=5.0), START_S)
    spot = _shallow(core.spots["BTC-USD"].snapshot(core.now_ns))
    market = next(each for each in core.markets.values() if each.window.start <= START_S < each.window.end)
    books = f"[{market.snapshot(0)},{market.snapshot(1)}]".encode()
    sound = market.gamma(core.now_ns)
    add("gamma", sound)
    add("rest", market.rest_book(0))
    add("rest", market.rest_book(1))
    add("book", books)
    add("coinbase_l2_data", _channel("l2_data", spot, core.now_ns))
    while core.now_ns < (START_S + 45) * SECOND:
        for emission in core.step():
            if emission.venue == "coinbase":
                add(f"coinbase_{emission.channel}", _channel(emission.channel, emission.frame, emission.t_ns))
            elif any(token.encode() in emission.frame for token in market.tokens):
                add(emission.channel, emission.frame)
        if core.now_ns % (5 * SECOND) == 0:
            add("gamma", market.gamma(core.now_ns))
            add("clob", market.clob())
    add("coinbase_heartbeats", _channel("heartbeats", b'[{"current_time":"x","heartbeat_counter":42}]', 0))
    add("coinbase_subscriptions", _channel("subscriptions", b'[{"subscriptions":{"level2":["BTC-USD"]}}]', 0))
    add(
        "best_bid_ask",
        b'{"event_type":"best_bid_ask","market":"%b","asset_id":"%b","best_bid":"0.48","best_ask":"0.5",'
        b'"spread":"0.02","timestamp":%b}' % (market.condition.encode(), market.tokens[0].encode(), NOW_TEXT),
    )
    add(
        "tick_size_change",
        b'{"event_type":"tick_size_change","market":"%b","asset_id":"%b","old_tick_size":"0.01",'
        b'"new_tick_size":"0.001","timestamp":%b}' % (market.condition.encode(), market.tokens[1].encode(), NOW_TEXT),
    )
    add(
        "price_change_v1",
        b'{"event_type":"price_change","market":"%b","asset_id":"%b","changes":[{"price":"0.48","side":"BUY",'
        b'"size":"7"}],"timestamp":%b}' % (market.condition.encode(), market.tokens[0].encode(), NOW_TEXT),
    )
    for text in (b"INVALID OPERATION", b"NO NEW ASSETS", b"{}"):
        add("control_text", text)
    listed = json.loads(sound) | {
        "outcomes": ["Up", "Down"],
        "clobTokenIds": list(market.tokens),
        "outcomePrices": None,
    }
    add("gamma_lists", json.dumps(listed, separators=(",", ":")).encode())
    resolved = listed | {"closed": True, "outcomePrices": [1, 0], "umaResolutionStatuses": '["proposed","resolved"]'}
    add("gamma_lists", json.dumps(resolved, separators=(",", ":")).encode())
    add("new_market", next(each.frame for each in market.create(core.now_ns) if each.channel == "new_market"))
    if recordings is not None:
        _real(recordings, add)
    for kind in ("book", "rest"):
        kinds[kind] = [*kinds[kind], *(_small(frame) for frame in kinds[kind])]
    kinds = {kind: [*map(_still, frames)] for kind, frames in kinds.items()}
    kinds["book"] = [_HASH.sub(b'"hash":""', frame) if at % 3 else frame for at, frame in enumerate(kinds["book"])]
    made = Seeds(kinds, sound, _HASH.sub(b'"hash":""', _still(books)), _still(_channel("l2_data", spot, core.now_ns)))
    kinds["own"] = [encode_own(each) for each in _own(market.tokens)]
    kinds["envelope"] = [b"1794999871000000000 r000 0 r000.polymarket0 0", b"1794999871000000001 import-x 12 c 9",
        b"9223372036854775807 r 9223372036854775807 c 9223372036854775807"]  # fmt: skip
    kinds["input"] = [COMMAND, b'{"command":"kill","id":"1"}', b"\x00\x01", b"pause all"]
    kinds["event"] = _events(made)
    return made


def _channel(channel: str, events: bytes, t_ns: int) -> bytes:
    head = f'{{"channel":"{channel}","timestamp":"{nano_time(t_ns)}","sequence_num":0,"events":'
    return head.encode() + events + b"}"


def _shallow(events: bytes) -> bytes:
    """A level2 snapshot of the five best levels a side."""
    body = json.loads(events)
    for event in body:
        bids = [each for each in event["updates"] if each["side"] == "bid"]
        asks = [each for each in event["updates"] if each["side"] != "bid"]
        event["updates"] = [*bids[:5], *asks[:5]]
    return json.dumps(body, separators=(",", ":")).encode()


def _small(frame: bytes) -> bytes:
    """The same with three levels a side: most mutations then hit something else than a level."""
    body = json.loads(frame)
    for book in body if isinstance(body, list) else [body]:
        book["bids"], book["asks"] = book["bids"][-3:], book["asks"][-3:]
    return json.dumps(body, separators=(",", ":")).encode()


def _own(tokens: tuple[str, ...]) -> list[Marker | Tick | Notice]:
    return [
        Marker("start", "r001", "sim"), Marker("end", "r001", "live"), Tick(3, NOW_MS * 1_000_000, {"control": 2}),
        Tick(4, NOW_MS * 1_000_000, {}, True), Notice("poly-0", "subscribed", "2 tokens"),
        Notice("poly-1", "disconnected", "1006", 12), Notice("coin-0", "refused", "HTTP 429"),
        Notice("poly-0", "frozen", "spot moved", 0, tokens), Notice("coin-0", "frozen", "silent"),
        Notice("poly-1", "renewed", "no_snapshot: no sound book for 2 s", 0, tokens),
        Notice("poly-2", "spool_full", "disk", 7), Notice("gamma", "connecting", ""),
    ]  # fmt: skip


def _real(recordings: Path, add: object) -> None:
    assert callable(add)
    for number, path in enumerate(sorted((recordings / "polymarket_ws_btc5m").glob("*.jsonl.gz"))[:6]):
        with gzip.open(path, "rb") as file:
            for at, line in enumerate(file):
                if at in (0, 1, 900 + 37 * number):
                    add("book", bytes(msgspec.json.decode(line, type=dict[str, msgspec.Raw])["raw"]), 30)
                if at > 1_200:
                    break
    place = recordings / "coinbase_exchange_ws_2021" / "frames.txt.gz"
    if place.is_file():
        with gzip.open(place, "rb") as file:
            stored = dict[str, int]()
            for line in file:
                _, _, text = line.partition(b": ")
                kind = re.match(rb'\{"type":"(\w+)"', text)
                if kind and len(text) < 5_000 and stored.setdefault(kind[1].decode(), 0) < 6:
                    stored[kind[1].decode()] += 1
                    add("coinbase_exchange_2021", text.strip(), 40)


def _events(made: Seeds) -> list[bytes]:
    """Journal events of each kind, as the line makes them of the sound frames."""
    line = MarketLine(bounds_of(Checks()), "main")
    events: dict[str, list[bytes]] = {}
    records = [(FEED_MARKETS, "g", made.market), (FEED_POLYMARKET, "p", made.books), (FEED_COINBASE, "c", made.spot)]
    records += [(FEED_POLYMARKET, "p", made.kinds["last_trade_price"][0]), (FEED_POLYMARKET, "p", b"{")]
    records += [("feed.clock", "k", encode_own(Tick(0, 1, {})))]
    for seq, (topic, conn, frame) in enumerate(records):
        envelope = Envelope(
            NOW_MS * 1_000_000, "r", seq, conn, int(conn == "p" and seq > 1) * (seq - 2 + (seq == 3))
        ).encode()
        for out in line.advance(Stored(topic, 0, seq, "", frame, 0, envelope=envelope)):
            if isinstance(out, Message) and out.topic == JOURNAL:
                events.setdefault(type(decode_event(out.value)).__name__, []).append(out.value)
    for out in line.advance(Stored("control", 0, 0, "", COMMAND, 0)):
        if isinstance(out, Message):
            events.setdefault("Input", []).append(out.value)
    return [event for several in events.values() for event in several[:4]]
