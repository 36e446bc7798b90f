"""Gates on the order itself, against books worked out by hand."""

from __future__ import annotations

import msgspec
import pytest

from flows.trading_line.entry_quality import DEPTH, DUPLICATE, SLIPPAGE, EntryQuality
from flows.trading_line.known import KnownMarket, MarketCache
from flows.trading_line.members import Entry
from models.happenings import Submitted
from models.money import SHARE
from models.orders import example_order
from models.reasons import Reason
from models.settings import ExecutionSettings, Settings
from models.strategies.instance import all_instances
from models.strategies.signal import Intent
from tests.models.strategies.views import NOW, book, market, token

SETTINGS = Settings(execution=ExecutionSettings(slippage=0.01, max_slippage=0.05))
FAIR = all_instances(SETTINGS)["updown_fair_value"]
ASKED = Intent("Up", 5000, 0.6)


def quality(bid: int, ask: int, shares: int = 100) -> tuple[EntryQuality, KnownMarket]:
    """A member that knows one market, whose Up is quoted so, with so many shares on each side."""
    up = msgspec.structs.replace(
        token("up", bid, ask), bids=((bid, shares * SHARE),), asks=((ask, shares * SHARE),), seq=70
    )
    known = MarketCache()
    stored = known.markets[market().key] = KnownMarket(market(), book(up, token("down", 10_000 - ask, 10_000 - bid)))
    return EntryQuality(SETTINGS, known), stored


def reasons(member: EntryQuality, stored: KnownMarket, intent: Intent = ASKED) -> list[tuple[str, str]]:
    steps = member.gates(Entry(NOW, FAIR, stored, intent, (intent,)))
    return [(each.module, str(each.reason)) for each in steps]


def test_a_deep_book_near_the_mid_passes_in_order() -> None:
    member, stored = quality(4900, 5000)
    assert reasons(member, stored) == [(DEPTH, "ok"), (SLIPPAGE, "ok"), (DUPLICATE, "ok")]


def test_a_book_without_the_least_depth_is_refused() -> None:
    needed = FAIR.limits.min_depth // SHARE
    assert needed > 1
    member, stored = quality(4900, 5000, shares=needed - 1)
    assert reasons(member, stored) == [(DEPTH, str(Reason.DEPTH_TOO_THIN))]
    member, stored = quality(4900, 5000, shares=needed)
    assert reasons(member, stored)[0] == (DEPTH, "ok")


@pytest.mark.parametrize(
    ("bid", "ask", "passes"),
    [
        pytest.param(4200, 5000, True, id="limit 0.51, mid 0.46: 5 cents, the bound"),
        pytest.param(4198, 5000, False, id="a hundredth of a cent more"),
        pytest.param(4900, 5000, True, id="near"),
    ],
)
def test_the_limit_stays_near_the_mid_decided_on(bid: int, ask: int, passes: bool) -> None:
    member, stored = quality(bid, ask)
    found = reasons(member, stored, Intent("Up", ask, 0.9))
    assert (found[1] == (SLIPPAGE, "ok")) is passes
    assert passes or found[-1] == (SLIPPAGE, str(Reason.SLIPPAGE_TOO_WIDE))


def test_one_order_a_book_and_outcome() -> None:
    member, stored = quality(4900, 5000)
    order = msgspec.structs.replace(example_order(), market_key=stored.market.key, instance=FAIR.id)
    assert list(member.on(Submitted(order, NOW))) == []
    assert reasons(member, stored)[-1] == (DUPLICATE, str(Reason.DUPLICATE_SIGNAL))
    fresh = msgspec.structs.replace(stored.book.up, seq=71)  # type: ignore[union-attr, type-var]
    stored.book = msgspec.structs.replace(stored.book, up=fresh)  # type: ignore[type-var]
    assert reasons(member, stored)[-1] == (DUPLICATE, "ok")
    member.on(Submitted(msgspec.structs.replace(order, instance="another"), NOW))
    assert reasons(member, stored)[-1] == (DUPLICATE, "ok")


def test_a_quote_takes_nothing_and_is_not_asked() -> None:
    member, stored = quality(4900, 5000, shares=1)
    assert reasons(member, stored, Intent("Up", 4900, 0.6, post_only=True)) == []
