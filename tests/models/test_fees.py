"""Fees against a decimal reference and the exchange's published table."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.fees import RATE_UNIT, fee_per_share, taker_fee
from models.money import DOLLAR, PIP, SHARE

CRYPTO = 70_000


def reference(price: int, size: int, rate: int, exponent: int) -> int:
    """Micro-dollars, in decimal arithmetic, half up to 0.00001 $."""
    p = Decimal(price).scaleb(-4)
    fee = Decimal(size).scaleb(-6) * Decimal(rate).scaleb(-6) * (p * (1 - p)) ** exponent
    return int(fee.quantize(Decimal("0.00001"), ROUND_HALF_UP) * DOLLAR)


@given(
    price=st.integers(1, PIP - 1),
    size=st.integers(0, 10**11),
    rate=st.integers(0, RATE_UNIT),
    exponent=st.integers(0, 2),
)
def test_fee_is_the_decimal_formula_rounded_half_up(price: int, size: int, rate: int, exponent: int) -> None:
    assert taker_fee(price, size, rate, exponent) == reference(price, size, rate, exponent)


def test_half_a_step_is_rounded_up() -> None:
    # 2 shares at 0.5 and a rate of 1e-5: exactly 0.000005 $
    assert taker_fee(5000, 2 * SHARE, 10) == 10
    assert taker_fee(5000, 2 * SHARE - 1, 10) == 0


@pytest.mark.parametrize(
    ("prices", "cents"),
    [
        ((0.50,), "1.75"),
        ((0.40, 0.60), "1.68"),
        ((0.30, 0.70), "1.47"),
        ((0.20, 0.80), "1.12"),
        ((0.10, 0.90), "0.63"),
        ((0.05, 0.95), "0.33"),
        ((0.01, 0.99), "0.07"),
    ],
)
def test_the_published_table_of_crypto_fees_for_100_shares(prices: tuple[float, ...], cents: str) -> None:
    for price in prices:
        fee = taker_fee(round(price * PIP), 100 * SHARE, CRYPTO)
        assert (Decimal(fee) / DOLLAR).quantize(Decimal("0.01"), ROUND_HALF_UP) == Decimal(cents)


@given(price=st.integers(1, PIP - 1), size=st.integers(0, 10**11))
def test_fee_is_symmetric_and_greatest_at_one_half(price: int, size: int) -> None:
    fee = taker_fee(price, size, CRYPTO)
    assert fee == taker_fee(PIP - price, size, CRYPTO)
    assert fee <= taker_fee(PIP // 2, size, CRYPTO)


@given(price=st.integers(1, PIP - 1), exponent=st.integers(1, 3), rate=st.integers(0, 200_000))
def test_fee_per_share_is_the_unrounded_fee(price: int, exponent: int, rate: int) -> None:
    charged = taker_fee(price, 10_000 * SHARE, rate, exponent) / DOLLAR / 10_000
    assert fee_per_share(price / PIP, rate / RATE_UNIT, exponent) == pytest.approx(charged, abs=1e-9)
