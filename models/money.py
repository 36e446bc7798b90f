"""Money, shares and prices as integers.

Units: dollars are micro-dollars (1e-6 $), shares are micro-shares (1e-6), outcome-token prices are ticks of
1e-4 $ a share ("pips"), spot prices are micro-dollars. One share at price ``p`` pips costs ``p * 100``
micro-dollars. Nothing here rounds silently: a product that is not whole is rounded half up, away from the trader.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Final

DOLLAR: Final = 1_000_000
SHARE: Final = 1_000_000
PIP: Final = 10_000  # pips a dollar
SIZE_STEP: Final = 10_000  # orders are whole hundredths of a share


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


class _Memo(dict[str, int]):
    """Strings already parsed: the wire repeats a few thousand of them, and a look-up costs a tenth of a parse."""

    def __init__(self, parse: Callable[[str], int]) -> None:
        super().__init__()
        self._parse = parse

    def __missing__(self, text: str) -> int:
        value = self._parse(text)
        if len(self) >= 65_536:
            self.clear()
        self[text] = value
        return value


def _pips(text: str) -> int:
    exact = _decimal(text) * PIP
    pips = int(exact)
    if pips != exact:
        raise NotANumber(f"price {text!r} is finer than 0.0001")
    return pips


def _micro(text: str) -> int:
    whole, dot, fraction = text.partition(".")
    if whole.isdecimal() and whole.isascii() and (not dot or (fraction.isdecimal() and fraction.isascii())):
        return int(whole) * SHARE + (int((fraction + "000000")[:6]) if dot else 0)
    value = _decimal(text) * SHARE
    if value < 0:
        raise NotANumber(f"{text!r} is negative")
    return int(value)


#: Outcome-token prices in pips by wire string. Look-up raises NotANumber for no number, or one finer than a pip.
PIPS: Final = _Memo(_pips)
#: The same, negative: the key under which an ask is kept, so that the best level of either side is the greatest.
NEGATIVE_PIPS: Final = _Memo(lambda text: -_pips(text))
#: Micro-shares (or micro-dollars, micro-coins) by wire string; digits beyond the sixth are cut off.
MICRO: Final = _Memo(_micro)


def parse_price(text: str) -> int:
    """Outcome-token price in pips from a wire string such as ``"0.48"`` or ``".480"``. Raises NotANumber."""
    return PIPS[text]


def parse_size(text: str) -> int:
    """Shares in micro-shares from a wire string, cut off after the sixth digit. Raises NotANumber, negatives too."""
    return _micro(text)


def parse_dollars(text: str) -> int:
    """Micro-dollars from a wire string, cut off after the sixth digit. Raises NotANumber, negatives too."""
    return _micro(text)


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
