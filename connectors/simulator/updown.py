"""One simulated up/down market: the maker's quotes, the noise trades, and the frames the market channel sends. Pure.

The quoted fair value is the exact one of ``lag`` ago plus the maker's error. Frames have the keys, the key order and
the omissions of the real wire: see the fact that later ``book`` frames lack fields their hash covers.
"""

from __future__ import annotations

import hashlib
import math
from collections import deque
from dataclasses import dataclass
from random import Random
from typing import Final, Literal

from connectors.polymarket.windows import MarketWindow
from connectors.simulator.descriptions import announcement, clob, gamma
from connectors.simulator.effects import NO_EFFECTS, Effects, PlantedEffects
from connectors.simulator.emission import Emission
from connectors.simulator.fairvalue import FairValue
from connectors.simulator.ladder import MIN_SIZE, ONE, Ladder, Side, quote
from connectors.simulator.resolution import SimulatedResolution
from connectors.simulator.texts import book_hash, compact, levels_text, odd_text, price_text, size_text

TICK: Final = 100
FINE_TICK: Final = 10
ERROR_RELAX_S: Final = 20.0
RESIZES_PER_S: Final = 4.0
TRADES_PER_S: Final = 0.4
QUIET: Final = 0.15  # activity before the window is near
TRADE_SHARES: Final = 20.0  # median


@dataclass(frozen=True)
class Maker:
    """How the maker quotes: seconds it is behind, its error's standard deviation at 1/2, its spread; what effects
    are planted in its market; and how often depth changes and takers come there, of what is usual."""

    lag_s: float
    error: float
    spread_ticks: int
    effects: Effects = NO_EFFECTS
    activity: float = 1.0


class UpDownMarket:
    """A market from its creation to its resolution. ``step`` is called once a grid step."""

    def __init__(
        self,
        seed: str,
        window: MarketWindow,
        fair: FairValue,
        maker: Maker,
        step_s: float,
        number: int,
        resolution_s: float,
    ) -> None:
        digest = hashlib.sha256(f"{seed}/{window.slug}".encode())
        self.rng = Random(f"{seed}/{window.slug}")
        self.window = window
        self.fair = fair
        self.number = number
        self.condition = "0x" + digest.hexdigest()
        self.question_id = "0x" + hashlib.sha256(digest.digest() + b"question").hexdigest()
        self.tokens: tuple[str, str] = (_token(digest.digest() + b"Up"), _token(digest.digest() + b"Down"))
        self.tick = TICK
        self.ladder = Ladder(self.rng)
        self.open = True
        self.refine_next: Literal["", "announced", "unannounced"] = (
            ""  # a finer tick at the next step, announced to the clients or not
        )
        self.closes_ns = window.end * 1_000_000_000
        self.resolution = SimulatedResolution(self.closes_ns + round(resolution_s * 1e9))
        self.quoted = 0.5
        self._maker = maker
        self._busy_s = step_s * maker.activity
        self._history: deque[float] = deque(maxlen=round(maker.lag_s / step_s) + 1)
        self._error = self.rng.gauss(0.0, 1.0) * maker.error
        self._keep = math.exp(-step_s / ERROR_RELAX_S)
        self._noise = maker.error * math.sqrt(1.0 - self._keep**2)
        self._planted = PlantedEffects(maker.effects, f"{seed}/{window.slug}", step_s)
        self._last_trade: list[str] = ["", ""]
        self._touched_ms = 0
        self._touch: tuple[int | None, int | None] = (None, None)

    @property
    def resolved_ns(self) -> int | None:
        """When it resolved, None before."""
        return self.resolution.at_ns

    @property
    def up_won(self) -> bool | None:
        """None before it resolved, and for a half each."""
        return self.resolution.up_won

    @property
    def exact(self) -> float:
        """The exact fair value of Up as of the last step."""
        return self._history[-1]

    # -- the life of the market ---------------------------------------------------------------------------------------

    def create(self, t_ns: int) -> list[Emission]:
        """The first quote, and the announcement to everyone."""
        self._quote(t_ns)
        self.ladder.move(*quote(self.quoted, self.tick, self._maker.spread_ticks), self.tick)
        self.ladder.take_changes()
        self._touch = (self.ladder.best_bid, self.ladder.best_ask)
        self._touched_ms = t_ns // 1_000_000
        return [Emission(t_ns, "polymarket", "new_market", (), announcement(self, t_ns // 1_000_000))]

    def step(self, t_ns: int) -> list[Emission]:
        """What the market channel says after one grid step that ends at ``t_ns``."""
        if not self.open:
            return [self._resolved(t_ns)] if self.resolution.step(t_ns, self.fair.result) else []
        if t_ns >= self.closes_ns:
            self.open = False
            self.fair.up()  # fixes the strike of a window so short that no step fell into it
            self.fair.settle()
            self.ladder.clear()
            self.ladder.take_changes()
            self._touch = (None, None)
            return [self._book_emission(0, t_ns), self._book_emission(1, t_ns)]
        out: list[Emission] = []
        self._quote(t_ns)
        if self.tick == TICK and not 0.04 <= self.quoted <= 0.96:
            self._refine(t_ns, out)
        elif self.refine_next and self.tick == TICK:
            reported: list[Emission] = []
            self._refine(t_ns, reported)
            out += reported if self.refine_next == "announced" else []
        ladder, rng = self.ladder, self.rng
        ladder.lean_to(self._planted.lean(self._history[-1], self.quoted))
        ladder.move(*quote(self.quoted, self.tick, self._maker.spread_ticks), self.tick)
        activity = self._busy_s if t_ns > (self.window.start - 60) * 1_000_000_000 else self._busy_s * QUIET
        if rng.random() < RESIZES_PER_S * activity:
            ladder.resize()
        changes = ladder.take_changes()
        if changes:
            out.append(self._price_change(changes, t_ns))
        self._say_best(t_ns, out)
        if rng.random() < TRADES_PER_S * activity:
            self._trade(t_ns, out, rng.random() < 0.5)
        informed = self._planted.informed(self._history[-1], ladder.best_bid, ladder.best_ask, ONE)
        if informed is not None:
            self._trade(t_ns, out, informed)
        return out

    def _quote(self, t_ns: int) -> None:
        """The fair value the maker quotes around: the one of ``lag`` ago, plus its error and the planted effects."""
        history = self._history
        history.append(self.fair.up())
        fair = history[0]
        if self._maker.error:
            self._error = self._error * self._keep + self.rng.gauss(0.0, self._noise)
            fair += self._error * 4.0 * fair * (1.0 - fair)
            fair = min(max(fair, 0.0), 1.0)
        self.quoted = self._planted.quoted(fair, (self.closes_ns - t_ns) / 1e9)

    def _refine(self, t_ns: int, out: list[Emission]) -> None:
        """Near the ends the tick becomes a tenth; it does not grow back."""
        self.tick = FINE_TICK
        ms = t_ns // 1_000_000
        for index in (0, 1):
            frame = (
                f'{{"event_type":"tick_size_change","asset_id":"{self.tokens[index]}","market":"{self.condition}",'
                f'"old_tick_size":"0.01","new_tick_size":"0.001","timestamp":"{ms}"}}'
            )
            out.append(Emission(t_ns, "polymarket", "tick_size_change", (self.tokens[index],), frame.encode()))
        out.append(self._book_emission(0, t_ns))
        out.append(self._book_emission(1, t_ns))

    def _trade(self, t_ns: int, out: list[Emission], buys_up: bool) -> None:
        """A taker hits a best level; through which token is a coin's choice."""
        rng, ladder = self.rng, self.ladder
        through = 0 if rng.random() < 0.6 else 1
        price = ladder.best_ask if buys_up else ladder.best_bid
        if price is None:
            return
        side: Side = "SELL" if buys_up else "BUY"
        resting = (ladder.asks if buys_up else ladder.bids)[price]
        size = min(resting, max(MIN_SIZE, round(TRADE_SHARES * 100 * rng.lognormvariate(0.0, 1.0))))
        if 0 < resting - size < MIN_SIZE:
            size = resting
        ladder.set(side, price, resting - size)
        ladder.take_changes()
        ladder.settle_best()
        self._touched_ms = ms = t_ns // 1_000_000
        shown = price if through == 0 else ONE - price
        self._last_trade[through] = f"{shown / ONE:.3f}"
        taker = "BUY" if buys_up == (through == 0) else "SELL"
        frame = (
            f'{{"asset_id":"{self.tokens[through]}","event_type":"last_trade_price","fee_rate_bps":"1000",'
            f'"market":"{self.condition}","price":"{odd_text(shown, rng)}","side":"{taker}","size":"{size_text(size)}",'
            f'"timestamp":"{ms}","transaction_hash":"0x{rng.getrandbits(256):064x}"}}'
        )
        out.append(Emission(t_ns, "polymarket", "last_trade_price", (self.tokens[through],), frame.encode()))
        out.append(self._book_emission(through, t_ns))
        out.append(self._book_emission(1 - through, t_ns))
        self._say_best(t_ns, out)

    def _resolved(self, t_ns: int) -> Emission:
        winner = 0 if self.resolution.up_won else 1
        body = {
            "event_type": "market_resolved",
            "id": str(self.number),
            "market": self.condition,
            "assets_ids": list(self.tokens),
            "winning_asset_id": self.tokens[winner],
            "winning_outcome": ("Up", "Down")[winner],
            "timestamp": str(t_ns // 1_000_000),
            "tags": ["crypto"],
        }
        return Emission(t_ns, "polymarket", "market_resolved", (), compact(body))

    # -- frames -------------------------------------------------------------------------------------------------------

    def levels(self, index: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Bids ascending and asks descending of token 0 (Up) or 1 (Down): the best is last."""
        bids = sorted(self.ladder.bids.items())
        asks = sorted(self.ladder.asks.items(), reverse=True)
        if index == 0:
            return bids, asks
        return [(ONE - price, size) for price, size in asks], [(ONE - price, size) for price, size in bids]

    def book(self, index: int, ms: int | None = None) -> dict[str, str]:
        """The pieces of a book frame, hash included; ``ms``: its time, by default that of the last change."""
        bids, asks = self.levels(index)
        pieces = {
            "market": self.condition,
            "asset_id": self.tokens[index],
            "timestamp": str(self._touched_ms if ms is None else ms),
            "bids": levels_text(bids),
            "asks": levels_text(asks),
            "tick_size": price_text(self.tick),
            "last_trade_price": self._last_trade[index],
        }
        pieces["hash"] = book_hash(pieces)
        return pieces

    def snapshot(self, index: int) -> str:
        """A ``book`` frame as it comes after a subscription."""
        b = self.book(index)
        return (
            f'{{"market":"{b["market"]}","asset_id":"{b["asset_id"]}","timestamp":"{b["timestamp"]}",'
            f'"hash":"{b["hash"]}","bids":{b["bids"]},"asks":{b["asks"]},"tick_size":"{b["tick_size"]}",'
            f'"event_type":"book","last_trade_price":"{b["last_trade_price"]}"}}'
        )

    def gamma(self, t_ns: int) -> bytes:
        """The answer of Gamma ``/markets/slug/{slug}`` at ``t_ns``."""
        return gamma(self, t_ns)

    def clob(self) -> bytes:
        """The answer of CLOB ``/markets/{conditionId}``."""
        return clob(self)

    def rest_book(self, index: int) -> bytes:
        """The answer of CLOB ``/book``."""
        b = self.book(index)
        return (
            f'{{"market":"{b["market"]}","asset_id":"{b["asset_id"]}","timestamp":"{b["timestamp"]}",'
            f'"hash":"{b["hash"]}","bids":{b["bids"]},"asks":{b["asks"]},"min_order_size":"5",'
            f'"tick_size":"{b["tick_size"]}","neg_risk":false,"last_trade_price":"{b["last_trade_price"]}"}}'
        ).encode()

    def _book_emission(self, index: int, t_ns: int) -> Emission:
        """A later ``book`` frame: without tick size and last trade price, which its hash covers all the same."""
        self._touched_ms = t_ns // 1_000_000
        b = self.book(index, self._touched_ms)
        frame = (
            f'{{"market":"{b["market"]}","asset_id":"{b["asset_id"]}","bids":{b["bids"]},"asks":{b["asks"]},'
            f'"hash":"{b["hash"]}","timestamp":"{b["timestamp"]}","event_type":"book"}}'
        )
        return Emission(t_ns, "polymarket", "book", (self.tokens[index],), frame.encode())

    def _price_change(self, changes: dict[tuple[Side, int], int], t_ns: int) -> Emission:
        """Both tokens' entries of every change in one frame."""
        self._touched_ms = t_ns // 1_000_000
        self.ladder.settle_best()
        up, down = self.tokens
        (up_bid, up_ask), (down_bid, down_ask) = self._best_text(0), self._best_text(1)
        rng = self.rng
        entries = []
        for (side, price), size in changes.items():
            shown, mirrored = odd_text(price, rng), price_text(ONE - price)
            other = "SELL" if side == "BUY" else "BUY"
            amount = size_text(size)
            entries.append(
                f'{{"asset_id":"{up}","price":"{shown}","size":"{amount}","side":"{side}",'
                f'"hash":"{rng.getrandbits(160):040x}","best_bid":"{up_bid}","best_ask":"{up_ask}"}},'
                f'{{"asset_id":"{down}","price":"{mirrored}","size":"{amount}","side":"{other}",'
                f'"hash":"{rng.getrandbits(160):040x}","best_bid":"{down_bid}","best_ask":"{down_ask}"}}'
            )
        frame = (
            f'{{"market":"{self.condition}","price_changes":[{",".join(entries)}],'
            f'"timestamp":"{self._touched_ms}","event_type":"price_change"}}'
        )
        return Emission(t_ns, "polymarket", "price_change", self.tokens, frame.encode())

    def _best_text(self, index: int) -> tuple[str, str]:
        """Best bid and ask of a token; an empty side is "0" or "1"."""
        bid, ask = self.ladder.best_bid, self.ladder.best_ask
        if index == 1:
            bid, ask = (None if ask is None else ONE - ask), (None if bid is None else ONE - bid)
        return ("0" if bid is None else price_text(bid)), ("1" if ask is None else price_text(ask))

    def _say_best(self, t_ns: int, out: list[Emission]) -> None:
        touch = (self.ladder.best_bid, self.ladder.best_ask)
        if touch == self._touch:
            return
        self._touch = touch
        for index in (0, 1):
            bid, ask = self._best_text(index)
            both = touch[0] is not None and touch[1] is not None
            spread = price_text(touch[1] - touch[0]) if both and touch[0] and touch[1] else ""
            frame = (
                f'{{"event_type":"best_bid_ask","market":"{self.condition}","asset_id":"{self.tokens[index]}",'
                f'"best_bid":"{bid}","best_ask":"{ask}","spread":"{spread}","timestamp":"{t_ns // 1_000_000}"}}'
            )
            out.append(Emission(t_ns, "polymarket", "best_bid_ask", (self.tokens[index],), frame.encode()))


def _token(material: bytes) -> str:
    return str(int.from_bytes(hashlib.sha256(material).digest(), "big") % 10**77)
