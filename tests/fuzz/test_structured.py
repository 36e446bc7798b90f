"""Nearly valid frames by Hypothesis, which makes a broken one small. The rules stand in `tests/fuzz/subjects.py`."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.seeds import NOW_MS, seeds
from tests.fuzz.subjects import Decoders, Line

MADE = seeds()
BOOKS = json.loads(MADE.books)
CONDITION = BOOKS[0]["market"]
TOKENS = [book["asset_id"] for book in BOOKS]

junk = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.just([]), st.just({}),
    st.sampled_from(["", "0", "1", "-0", "-0.5", "1e400", "NaN", "Infinity", ".5", "5.", "0.00001", "9" * 40]),
)  # fmt: skip
mostly = st.integers(0, 19)


def nearly(value: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """One in twenty is something else."""
    return mostly.flatmap(lambda chance: junk if chance == 0 else value)


prices = st.one_of(
    st.integers(1, 99).map(lambda cents: f"{cents / 100:.2f}"), st.integers(0, 10_000).map(lambda p: f"{p / 10_000}")
)
sizes = st.one_of(st.integers(0, 10**7).map(str), st.floats(0, 1e6).map(lambda size: f"{size:.6f}"))
levels = st.lists(st.fixed_dictionaries({"price": nearly(prices), "size": nearly(sizes)}), max_size=6)
tokens = st.sampled_from([*TOKENS, "77"])
stamps = st.integers(NOW_MS - 20_000, NOW_MS + 20_000).map(str)
sides = st.sampled_from(["BUY", "SELL"])
stated = st.one_of(prices, st.sampled_from(["", "0", "1"]), st.none())
changes = st.lists(
    st.fixed_dictionaries(
        {"asset_id": nearly(tokens), "price": nearly(prices), "size": nearly(sizes), "side": nearly(sides)},
        optional={"best_bid": nearly(stated), "best_ask": nearly(stated), "hash": nearly(st.just("0x"))},
    ),
    max_size=5,
)
COMMON = {"market": nearly(st.just(CONDITION)), "asset_id": nearly(tokens), "timestamp": nearly(stamps)}


def message(kind: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"event_type": nearly(st.just(kind))}, optional={**COMMON, **fields})


messages = st.one_of(
    st.fixed_dictionaries(
        {"event_type": st.just("book"), **COMMON, "bids": levels, "asks": levels},
        optional={"hash": nearly(st.just("a" * 40)), "last_trade_price": nearly(stated), "tick_size": nearly(prices)},
    ),
    st.fixed_dictionaries({"event_type": st.just("price_change"), **COMMON, "price_changes": nearly(changes)}),
    message("best_bid_ask", best_bid=nearly(stated), best_ask=nearly(stated)),
    message("last_trade_price", price=nearly(prices), size=nearly(sizes), side=nearly(sides)),
    message("tick_size_change", new_tick_size=nearly(st.sampled_from(["0.01", "0.001", "0.0001", "0.02"]))),
    message("market_resolved", winning_asset_id=nearly(tokens)),
    message("new_market", slug=st.just("btc-updown-5m-1794999900"), assets_ids=st.lists(tokens, max_size=3),
            outcomes=nearly(st.just(["Up", "Down"]))),
)  # fmt: skip
updates = st.lists(
    st.fixed_dictionaries(
        {"side": nearly(st.sampled_from(["bid", "offer"])), "price_level": nearly(sizes), "new_quantity": nearly(sizes)}
    ),
    max_size=6,
)
products = st.sampled_from(["BTC-USD", "ETH-USD", ""])
channels = st.fixed_dictionaries(
    {
        "channel": st.sampled_from(["l2_data", "ticker", "market_trades", "heartbeats", "other"]),
        "timestamp": nearly(st.just("2026-11-18T11:04:31.123456789Z")),
        "sequence_num": nearly(st.just(0)),
        "events": nearly(
            st.lists(
                st.fixed_dictionaries(
                    {"type": nearly(st.sampled_from(["snapshot", "update"]))},
                    optional={
                        "product_id": nearly(products),
                        "updates": nearly(updates),
                        "tickers": nearly(
                            st.lists(
                                st.fixed_dictionaries({"product_id": products, "price": nearly(sizes)}), max_size=2
                            )
                        ),
                        "trades": nearly(
                            st.lists(
                                st.fixed_dictionaries(
                                    {
                                        "product_id": products,
                                        "price": nearly(sizes),
                                        "size": nearly(sizes),
                                        "side": nearly(sides),
                                    }
                                ),
                                max_size=2,
                            )
                        ),
                    },
                ),
                max_size=3,
            )
        ),
    }
)
frames = st.one_of(
    messages.map(lambda body: ("book", body)),
    st.lists(messages, max_size=3).map(lambda body: ("book", body)),
    channels.map(lambda body: ("coinbase", body)),
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(several=st.lists(frames, min_size=1, max_size=6), seed=st.integers(0, 1_000))
def test_nearly_valid_frames_break_no_rule(several: list[tuple[str, Any]], seed: int) -> None:
    line = Line(MADE, Random(seed))
    for kind, body in several:
        line.take(kind, json.dumps(body).encode())
    assert line.decoded + sum(line.dead.values()) == len(several)


@settings(max_examples=200, deadline=None)
@given(
    recv=st.integers(-(10**30), 10**30) | st.text(max_size=5), run=st.text(max_size=5), seq=st.integers() | st.text(),
    conn=st.text(max_size=5), n=st.integers(),
)  # fmt: skip
def test_an_envelope_is_read_or_refused(recv: object, run: str, seq: object, conn: str, n: int) -> None:
    Decoders().take("envelope", f"{recv} {run} {seq} {conn} {n}".encode("utf-8", "surrogatepass"))
