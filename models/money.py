"""Money, shares and prices as integers.

Units: dollars are micro-dollars (1e-6 $), shares are micro-shares (1e-6), outcome-token prices are ticks of
1e-4 $ a share ("pips"), spot prices are micro-dollars. One share at price ``p`` pips costs ``p * 100``
micro-dollars. Nothing here rounds silently: a product that is not whole is rounded half up, away from the trader.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Final

DOLLAR: Final = 1_000_000
SHARE: Final = 1_000_000
PIP: Final = 10_000  # pips a dollar
SIZE_STEP: Final = 10_000  # orders are whole hundredths of a share

_PIPS: dict[str, int] = {}


class NotANumber(ValueError):
    """A wire string that does not hold a finite decimal number."""


def _decimal(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise NotANumber(f"{text!r} is not a decimal number") from None
    if not value.is_finite():
        raise NotANumber(f"{text!r} is not finite")
    return value


def parse_price(text: str) -> int:
    """Outcome-token price in pips from a wire string such as ``"0.48"`` or ``".480"``.

    Raises NotANumber for text that is no number or finer than one pip.
    """
    pips = _PIPS.get(text)
    if pips is None:
        exact = _decimal(text) * PIP
        pips = int(exact)
        if pips != exact:
            raise NotANumber(f"price {text!r} is finer than 0.0001")
        if len(_PIPS) < 65_536:
            _PIPS[text] = pips
    return pips


def parse_size(text: str) -> int:
    """Shares in micro-shares from a wire string; digits beyond the sixth are cut off (never more than there is)."""
    whole, dot, fraction = text.partition(".")
    if whole.isdigit() and (not dot or fraction.isdigit()):
        if not dot:
            return int(whole) * SHARE
        return int(whole) * SHARE + int((fraction + "000000")[:6])
    return int(_decimal(text) * SHARE)


def parse_dollars(text: str) -> int:
    """Micro-dollars from a wire string; digits beyond the sixth are cut off."""
    return parse_size(text)


def cost(price: int, size: int) -> int:
    """Micro-dollars for ``size`` micro-shares at ``price`` pips; exact for whole hundredths of a share."""
    product = price * size
    return -(-product // PIP)


def proceeds(price: int, size: int) -> int:
    """Micro-dollars received for ``size`` micro-shares sold at ``price`` pips, rounded down."""
    return price * size // PIP


def dollars(micro: int) -> float:
    """Micro-dollars as a float of dollars, for display only."""
    return micro / DOLLAR
