"""The journal: typed, verified, self-contained events in one total order.

``seq`` counts from 0 without a gap; it is the event's identity whatever carries it. ``t`` is the receive time in Unix
nanoseconds and never decreases. ``src`` is the feed record it was made of: topic, partition, offset. Every feed
record makes at least one event, so that nothing a flow was given can go unaccounted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

from models.decoding import decoder_of
from models.settlement import Rule

Src = tuple[str, int, int]
Levels = tuple[tuple[int, int], ...]
NO_SRC: Src = ("", 0, -1)


class Event(msgspec.Struct, frozen=True, gc=False, tag_field="kind", omit_defaults=True):
    """What all events have. ``lane``: the underlying whose features and strategies care, "" for all or none.
    ``checks``: reason codes of the findings made on this event."""

    seq: int
    t: int
    src: Src
    lane: str
    checks: tuple[str, ...]


class TokenBook(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One token's book, best first, at most ten levels: (pips, micro-shares). ``checks`` names what is wrong with it
    now; it may be traded on only if ``ok``. ``seq``, ``t``, ``x``: the last change's event, receive time and exchange
    time (ns). ``base``: the snapshot it rests on."""

    token: str
    bids: Levels
    asks: Levels
    tick: int
    seq: int
    t: int
    x: int
    src: Src
    base: Src
    ok: bool
    checks: tuple[str, ...] = ()


class Book(Event, frozen=True, gc=False, tag="book"):
    """The books of both tokens of a market after a frame that changed one or both."""

    key: str
    up: TokenBook | None
    down: TokenBook | None
    pair_ok: bool = False  # both ok and of one moment; whether they mirror each other, ``checks`` says


class Trade(Event, frozen=True, gc=False, tag="trade"):
    """A last trade on the exchange. ``side`` is the taker's."""

    key: str
    token: str
    price: int
    size: int
    side: str
    x: int


class Spot(Event, frozen=True, gc=False, tag="spot"):
    """The spot book of an underlying: micro-dollars and 1e-6 coins, best first, at most ten levels. ``price`` is the
    mid of a valid book, or the ticker's price where there is no book."""

    product: str
    price: int
    bids: Levels
    asks: Levels
    x: int
    ok: bool
    trades: Levels = ()  # (price, size), size negative where the aggressor sold


class Market(Event, frozen=True, gc=False, tag="market"):
    """All that is known of a market, whole, each time something of it changed. Money in pips or micro-dollars,
    ``fee_rate`` and ``rebate_rate`` (the makers' share of the takers' fees) in millionths, ``min_size`` micro-shares;
    payouts in pips a share once resolved. ``accepting``: whether the exchange takes orders; ``taker_delay_ms``: how
    long it holds marketable ones, -1 where it does not say.

    The payout that was reported first stands. ``corrected_up`` and ``corrected_down`` are what should have been paid,
    as far as a source worth as much as the first knows by now; None: there is nothing to correct, or no longer."""

    key: str
    market: str
    asset: str
    horizon: str
    start: int
    end: int
    up_token: str
    down_token: str
    tick: int
    min_size: int
    fee_rate: int
    fee_exponent: int
    rule: Rule | None
    strike: int | None = None
    payout_up: int | None = None
    payout_down: int | None = None
    resolved_by: str = ""
    accepting: bool = True
    taker_delay_ms: int = -1
    rebate_rate: int = 0
    corrected_up: int | None = None
    corrected_down: int | None = None
    corrected_by: str = ""


class Clock(Event, frozen=True, gc=False, tag="clock"):
    """A tick of the recorder's clock, with everything that is stale at this moment. ``lag_ms``: the pipeline's own lag
    from receipt to decision, measured in the last second; -1 where nobody measured it."""

    number: int
    stale_feeds: tuple[str, ...] = ()
    stale_books: tuple[str, ...] = ()  # tokens
    stale_spots: tuple[str, ...] = ()  # assets
    lag_ms: int = -1


class Feed(Event, frozen=True, gc=False, tag="feed"):
    """A frame that changes no price: heartbeats, subscriptions, notices of a door, run markers, losses."""

    feed: str
    conn: str
    what: str
    note: str = ""


class Rejected(Event, frozen=True, gc=False, tag="rejected"):
    """A frame that went to the dead-letter topic; what it might have changed is invalid."""

    feed: str
    conn: str
    detail: str


class Input(Event, frozen=True, gc=False, tag="input"):
    """An operator command, execution report or model promotion, in its place in the order."""

    topic: Literal["control", "executions", "models"]
    payload: str


class Configuration(Event, frozen=True, gc=False, tag="configuration"):
    """``flow`` (market or trading) runs under these settings from this event on. ``run``: the run's name on the wire.
    ``settings``: everything that can change a decision, as JSON (``models.configuration``); ``configuration``: its
    short name."""

    flow: str
    run: str
    configuration: str
    settings: str


AnyEvent = Book | Trade | Spot | Market | Clock | Feed | Rejected | Input | Configuration

_encoder = msgspec.json.Encoder()


#: The event's bytes on the journal. Bound, not wrapped: it is called for every event.
encode_event: Callable[[AnyEvent], bytes] = _encoder.encode


#: The event of such bytes; raises msgspec.DecodeError for bytes that are none.
decode_event: Callable[[bytes], AnyEvent] = decoder_of(AnyEvent)
