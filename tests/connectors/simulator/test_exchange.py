"""The core: what its frames promise, checked on the frames alone."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from connectors.simulator.emission import Emission
from connectors.simulator.exchange import NS, Exchange, ExchangeParameters

START = 1_795_334_400 + 200  # 2026-11-22T08:00:00Z, 200 s into a window
SECONDS = 420


def record(given: ExchangeParameters, seconds: int = SECONDS) -> tuple[Exchange, list[Emission]]:
    core = Exchange(given, START)
    return core, list(core.run(START + seconds))


@pytest.fixture(scope="module")
def recorded() -> tuple[Exchange, list[Emission]]:
    return record(ExchangeParameters(resolution_delay_s=5))


@pytest.fixture(scope="module")
def frames(recorded: tuple[Exchange, list[Emission]]) -> list[dict[str, Any]]:
    """Polymarket's frames, decoded, in order."""
    return [json.loads(each.frame) for each in recorded[1] if each.venue == "polymarket"]


def test_same_seed_same_frames_and_another_seed_others() -> None:
    one, two, other = (record(ExchangeParameters(seed=seed, maker_error=0.02), 30)[1] for seed in (1, 1, 2))
    assert one == two
    assert one != other


def test_listening_changes_nothing() -> None:
    quiet, heard = Exchange(ExchangeParameters(), START), Exchange(ExchangeParameters(), START)
    for _ in range(200):
        expected = quiet.step()
        for market in heard.markets.values():
            market.snapshot(0), market.gamma(heard.now_ns), market.clob()
        heard.spots["BTC-USD"].snapshot(heard.now_ns)
        assert heard.step() == expected


def test_grid_of_time(recorded: tuple[Exchange, list[Emission]]) -> None:
    core, emissions = recorded
    assert core.now_ns == (START + SECONDS) * NS
    times = [each.t_ns for each in emissions if each.venue == "polymarket"]
    assert times == sorted(times)
    assert all(time % (NS // 20) == 0 for time in times)


def test_every_kind_of_frame_occurs(recorded: tuple[Exchange, list[Emission]]) -> None:
    kinds = Counter(each.channel for each in recorded[1])
    assert kinds.keys() >= {
        "book",
        "price_change",
        "last_trade_price",
        "best_bid_ask",
        "tick_size_change",
        "new_market",
        "market_resolved",
        "l2_data",
        "market_trades",
        "ticker",
        "heartbeats",
    }
    assert kinds["heartbeats"] == kinds["ticker"] == SECONDS
    assert kinds["l2_data"] == pytest.approx(40 * SECONDS, rel=0.01)


def test_hash_covers_what_later_books_leave_out(frames: list[dict[str, Any]]) -> None:
    ticks: dict[str, str] = {}
    trades: dict[str, str] = {}
    checked = 0
    for frame in frames:
        kind = frame["event_type"]
        if kind == "tick_size_change":
            ticks[frame["asset_id"]] = frame["new_tick_size"]
        elif kind == "last_trade_price":
            trades[frame["asset_id"]] = f"{Decimal(frame['price']):.3f}"
        elif kind == "book":
            token = frame["asset_id"]
            assert "tick_size" not in frame and "last_trade_price" not in frame
            body = {
                "market": frame["market"],
                "asset_id": token,
                "timestamp": frame["timestamp"],
                "hash": "",
                "bids": frame["bids"],
                "asks": frame["asks"],
                "min_order_size": "5",
                "tick_size": ticks.get(token, "0.01"),
                "neg_risk": False,
                "last_trade_price": trades.get(token, ""),
            }
            text = json.dumps(body, separators=(",", ":"))
            assert hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest() == frame["hash"]
            checked += 1
    assert checked > 100


def test_snapshot_hash_is_computable_from_the_snapshot_alone(recorded: tuple[Exchange, list[Emission]]) -> None:
    for market in recorded[0].markets.values():
        frame = json.loads(market.snapshot(1))
        body = {key: frame[key] for key in ("market", "asset_id", "timestamp")} | {"hash": ""}
        body |= {"bids": frame["bids"], "asks": frame["asks"], "min_order_size": "5"}
        body |= {"tick_size": frame["tick_size"], "neg_risk": False, "last_trade_price": frame["last_trade_price"]}
        text = json.dumps(body, separators=(",", ":"))
        assert hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest() == frame["hash"]


Side = dict[Decimal, Decimal]


def side(levels: list[dict[str, str]]) -> Side:
    return {Decimal(level["price"]): Decimal(level["size"]) for level in levels}


def test_changes_lead_from_one_book_to_the_next(recorded: tuple[Exchange, list[Emission]]) -> None:
    """A client that keeps the books from changes alone arrives at what each trade's book and each best price say."""
    books: dict[str, tuple[Side, Side]] = {}
    compared = bests = 0
    core = Exchange(recorded[0].given, START)
    for token, (market, index) in core.by_token.items():
        first = json.loads(market.snapshot(index))
        books[token] = side(first["bids"]), side(first["asks"])
    traded: Counter[str] = Counter()
    for emission in core.run(START + 150):
        if emission.venue != "polymarket":
            continue
        frame = json.loads(emission.frame)
        if frame["event_type"] == "price_change":
            assert {entry["asset_id"] for entry in frame["price_changes"]} == set(emission.keys)
            for entry in frame["price_changes"]:
                if entry["asset_id"] not in books:
                    continue
                book = books[entry["asset_id"]][0 if entry["side"] == "BUY" else 1]
                if Decimal(entry["size"]):
                    book[Decimal(entry["price"])] = Decimal(entry["size"])
                else:
                    del book[Decimal(entry["price"])]
            for entry in frame["price_changes"]:
                if entry["asset_id"] in books:
                    bids, asks = books[entry["asset_id"]]
                    assert Decimal(entry["best_bid"]) == max(bids, default=0)
                    assert Decimal(entry["best_ask"]) == min(asks, default=1)
                    bests += 1
        elif frame["event_type"] == "last_trade_price":
            traded[frame["market"]] += 2  # the books of both tokens follow
        elif frame["event_type"] == "book" and frame["asset_id"] in books:
            bids, asks = side(frame["bids"]), side(frame["asks"])
            own_bids, own_asks = books[frame["asset_id"]]
            differing = (bids.items() ^ own_bids.items()) | (asks.items() ^ own_asks.items())
            if traded[frame["market"]]:  # only the level that was hit differs
                traded[frame["market"]] -= 1
                assert len({price for price, _ in differing}) == 1
                compared += 1
            else:  # a new tick changes no level; the end takes them all
                assert not differing or not (bids or asks)
            books[frame["asset_id"]] = bids, asks
    assert compared > 50 and bests > 1000


def test_trade_comes_before_the_books_it_changes(frames: list[dict[str, Any]]) -> None:
    for index, frame in enumerate(frames):
        if frame["event_type"] == "last_trade_price":
            first, second = frames[index + 1], frames[index + 2]
            assert first["event_type"] == second["event_type"] == "book"
            assert first["asset_id"] == frame["asset_id"]
            assert first["market"] == second["market"] == frame["market"]
            assert Decimal(frame["size"]) >= 5


def test_books_mirror_each_other_and_both_asks_cost_more_than_one(frames: list[dict[str, Any]]) -> None:
    pairs = 0
    tick = {}
    for one, two in itertools.pairwise(frames):
        if one["event_type"] == "tick_size_change":
            tick[one["market"]] = Decimal(one["new_tick_size"])
        if not one["event_type"] == two["event_type"] == "book" or one["market"] != two["market"]:
            continue
        if one["asset_id"] == two["asset_id"] or one["timestamp"] != two["timestamp"]:
            continue
        assert side(one["bids"]) == {1 - price: size for price, size in side(two["asks"]).items()}
        assert side(one["asks"]) == {1 - price: size for price, size in side(two["bids"]).items()}
        assert [Decimal(level["price"]) for level in one["bids"]] == sorted(side(one["bids"]))
        assert [Decimal(level["price"]) for level in one["asks"]] == sorted(side(one["asks"]), reverse=True)
        if one["asks"] and two["asks"]:
            least = tick.get(one["market"], Decimal("0.01"))
            assert min(side(one["asks"])) + min(side(two["asks"])) >= 1 + least
            pairs += 1
    assert pairs > 100


def test_price_strings_are_not_always_canonical(frames: list[dict[str, Any]]) -> None:
    shown = [entry["price"] for frame in frames for entry in frame.get("price_changes", ())]
    assert any(text.startswith(".") for text in shown)
    assert any(text.endswith("0") for text in shown)


def test_maker_without_lag_quotes_around_the_fair_value() -> None:
    core = Exchange(ExchangeParameters(lag_s=0.0), START)
    seen = 0
    for _ in range(2_000):
        core.step()
        for market in core.markets.values():
            if not market.open:
                continue
            fair = market.fair.up()
            bid, ask = market.ladder.best_bid, market.ladder.best_ask
            assert bid is None or bid / 10_000 <= fair + 1e-9
            assert ask is None or ask / 10_000 >= fair - 1e-9
            seen += 1
    assert seen > 5_000


def test_maker_with_lag_quotes_the_fair_value_of_then() -> None:
    core = Exchange(ExchangeParameters(lag_s=1.0), START)
    market = next(each for each in core.markets.values() if each.window.start < START < each.window.end)
    fairs = [market.fair.up()]
    for _ in range(400):
        core.step()
        fairs.append(market.fair.up())
        if len(fairs) > 40:
            assert market.quoted == fairs[-21]


def test_makers_error_has_its_standard_deviation() -> None:
    core = Exchange(ExchangeParameters(lag_s=0.0, maker_error=0.05, horizons=("5m",), frames_per_s=1), START)
    squares, count = 0.0, 0
    while core.second < START + 3000:
        core.step()
        if core.part == 20 and core.second % 15 == 0:
            for market in core.markets.values():
                fair = market.fair.up()
                if market.open and 0.3 < fair < 0.7:
                    squares += ((market.quoted - fair) / (4 * fair * (1 - fair))) ** 2
                    count += 1
    assert count > 100
    assert (squares / count) ** 0.5 == pytest.approx(0.05, rel=0.3)


def test_strike_resolution_and_their_times(recorded: tuple[Exchange, list[Emission]]) -> None:
    core, emissions = recorded
    latent = core.latents["BTC"]
    slug = f"btc-updown-5m-{START + 100}"  # opened at 300 s of the hour
    market = core.markets[slug]
    assert market.fair.strike == latent.average(START + 100, 60)
    shown = json.loads(market.gamma((START + 104) * NS))
    assert shown["events"][0]["eventMetadata"]["priceToBeat"] == market.fair.strike
    early = json.loads(market.gamma((START + 101) * NS))["events"][0]["eventMetadata"]
    assert "priceToBeat" not in early
    assert json.loads(shown["outcomes"]) == ["Up", "Down"]
    assert json.loads(shown["clobTokenIds"]) == list(market.tokens)
    # it ended 20 s before the recording did, and was resolved 5 s after its end
    assert market.up_won is (latent.average(START + 400, 60) >= market.fair.strike)
    assert shown["closed"] is True
    assert json.loads(shown["outcomePrices"]) == (["1", "0"] if market.up_won else ["0", "1"])
    reported = [json.loads(each.frame) for each in emissions if each.channel == "market_resolved"]
    last = next(each for each in reported if each["market"] == market.condition)
    assert int(last["timestamp"]) == (START + 405) * 1000
    assert last["winning_asset_id"] == market.tokens[0 if market.up_won else 1]


def test_books_are_empty_after_the_end(recorded: tuple[Exchange, list[Emission]]) -> None:
    core, emissions = recorded
    for market in core.markets.values():
        if market.open:
            continue
        books = [json.loads(e.frame) for e in emissions if e.channel == "book" and e.keys[0] in market.tokens]
        assert books[-1]["bids"] == [] and books[-1]["asks"] == []


def test_coinbase_book_is_never_crossed(recorded: tuple[Exchange, list[Emission]]) -> None:
    core = Exchange(recorded[0].given, START)
    bids: dict[float, float] = {}
    asks: dict[float, float] = {}
    events = [json.loads(core.spots["BTC-USD"].snapshot(core.now_ns))]
    events += [json.loads(e.frame) for e in core.run(START + 40) if e.channel == "l2_data"]
    for event in events:
        for update in event[0]["updates"]:
            book = bids if update["side"] == "bid" else asks
            price, size = float(update["price_level"]), float(update["new_quantity"])
            if size:
                book[price] = size
            else:
                del book[price]
        assert len(bids) >= 100 and len(asks) >= 100
        assert max(bids) < min(asks)
    latent = core.latents["BTC"].price
    assert max(bids) <= latent <= min(asks)
    assert min(asks) - max(bids) < latent * 1e-5


def test_hourly_windows_exist_too() -> None:
    core = Exchange(ExchangeParameters(horizons=("1h",), assets=("ETH",)), START)
    assert "ethereum-up-or-down-november-22-2026-3am-et" in core.markets
    assert any(emission.channel == "price_change" for emission in core.run(START + 30))


def test_memory_of_the_core_does_not_grow() -> None:
    core = Exchange(ExchangeParameters(horizons=("5m",), frames_per_s=1.0), START)
    for _ in core.run(START + 2400):
        pass
    markets = len(core.markets)
    for _ in core.run(START + 4800):
        pass
    assert len(core.markets) <= markets + 1
    latent = core.latents["BTC"]
    assert latent.second - latent.samples.first < 4000


@pytest.mark.parametrize("gap", [0, 3, 40])
def test_a_successor_goes_on_with_the_same_world(gap: int) -> None:
    """A market has one strike, whoever states it; and a price does not jump where an exchange was away: at 50% a year
    the deviation of 43 seconds is 0.06%."""
    first, _ = record(ExchangeParameters(maker_error=0.02), 300)
    left = first.standing()
    second = Exchange(ExchangeParameters(maker_error=0.02), START + 300 + gap, left)
    began = {slug: each for slug, each in first.markets.items() if each.window.start <= START + 300 < each.window.end}
    assert began
    for slug, market in began.items():
        assert second.markets[slug].fair.strike == market.fair.strike is not None
        assert (second.markets[slug].number, second.markets[slug].tokens) == (market.number, market.tokens)
    for asset, latent in first.latents.items():
        after = second.latents[asset]
        for each in range(left.second - 59, left.second + 1):
            assert after.samples[each] == latent.samples[each]
        assert after.price == pytest.approx(latent.price, rel=0.004)
        assert second.spots[f"{asset}-USD"].snapshot(second.now_ns)
    numbers = [each.number for each in second.markets.values()]
    assert len(set(numbers)) == len(numbers)
    assert list(second.run(START + 300 + gap + 30))
