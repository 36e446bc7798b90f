"""Money, shares and prices as integers.

Units: dollars are micro-dollars (1e-6 $), shares are micro-shares (1e-6), outcome-token prices are ticks of
1e-4 $ a share ("pips"), spot prices are micro-dollars. One share at price ``p`` pips costs ``p * 100``
micro-dollars. Nothing here rounds silently: a product that is not whole is rounded half up, away from the trader.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Final

DOLLAR: Final = 1_000_000
SHARE: Final = 1_000_000
PIP: Final = 10_000  # pips a dollar
SIZE_STEP: Final = 10_000  # orders are whole hundredths of a share
TICKS: Final = frozenset({1, 10, 25, 50, 100, 1_000})  # the exchange's tick sizes, pips

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_DIGITS = 64  # no honest number on the wire is longer
_REMEMBERED = 4_096  # strings; more are slower, because most sizes come once and fall out of the processor's cache


class NotANumber(ValueError):
    """A wire string that does not hold a decimal number, or one beyond 10^18 of our units."""


def _decimal(text: str) -> Decimal:
    if len(text) > _DIGITS or _NUMBER.fullmatch(text) is None:
        raise NotANumber(f"{text[:_DIGITS]!r} is not a decimal number")
    value = Decimal(text)
    if value and value.adjusted() > 11:
        raise NotANumber(f"{text!r} is beyond what we count")
    return value


class _Memo(dict[str, int]):
    """Strings already parsed: the wire repeats a few thousand of them, and a look-up costs a tenth of a parse."""

    def __init__(self, name: str, parse: Callable[[str], int]) -> None:
        super().__init__()
        self._name = name
        self._parse = parse

    def __reduce__(self) -> str:
        return self._name  # pickled as a reference to the module's one

    def __missing__(self, text: str) -> int:
        value = self._parse(text)
        if len(self) >= _REMEMBERED:
            self.clear()
        self[text] = value
        return value


def _pips(text: str) -> int:
    value = _decimal(text)
    pips = int(value * PIP)
    if Decimal(pips).scaleb(-4) != value:  # a comparison is exact, a product only to 28 digits
        raise NotANumber(f"price {text!r} is finer than 0.0001")
    return pips


#: 1e-6 in units of the last digit, by the number of fraction digits.
_SCALE: Final[tuple[int, ...]] = (1_000_000, 100_000, 10_000, 1_000, 100, 10, 1)


def _micro(text: str) -> int:
    # Digits and one dot, up to six of them after it, below a thousand million: the product is within 0.2 of the whole
    # number it stands for, so that adding a half and cutting off is exact. Nearly all sizes go this quicker way.
    if len(text) > _DIGITS:  # also keeps what is remembered of the strings small
        raise NotANumber(f"{text[:_DIGITS]!r}… is not a decimal number")
    if not text.strip("0123456789.") and len(text) - text.find(".") <= 7:
        try:
            value = float(text)
        except ValueError:
            raise NotANumber(f"{text!r} is not a decimal number") from None
        if value < 1e9:
            return int(value * 1e6 + 0.5)
    whole, _, fraction = text.partition(".")
    digits = whole + fraction
    if whole and len(whole) <= 12 and digits.isdecimal() and digits.isascii():
        if len(fraction) <= 6:
            return int(digits) * _SCALE[len(fraction)]
        return int(whole + fraction[:6]) + (fraction[6] >= "5")
    exact = _decimal(text)
    if exact < 0:
        raise NotANumber(f"{text!r} is negative")
    return int(exact * SHARE + Decimal("0.5"))


#: Outcome-token prices in pips by wire string. Look-up raises NotANumber for no number, or one finer than a pip.
PIPS: Final = _Memo("PIPS", _pips)
#: The same, negative: the key under which an ask is kept, so that the best level of either side is the greatest.
NEGATIVE_PIPS: Final = _Memo("NEGATIVE_PIPS", lambda text: -_pips(text))
#: Spot asks by their key: micro-dollars, negative.
NEGATIVE_MICRO: Final = _Memo("NEGATIVE_MICRO", lambda text: -_micro(text))
#: Micro-shares (or micro-dollars, micro-coins) by wire string, rounded half up after the sixth digit.
MICRO: Final = _Memo("MICRO", _micro)


def parse_price(text: str) -> int:
    """Outcome-token price in pips from a wire string such as ``"0.48"`` or ``".480"``. Raises NotANumber."""
    return PIPS[text]


def parse_size(text: str) -> int:
    """Shares in micro-shares from a wire string, rounded half up after the sixth digit. Raises NotANumber."""
    return _micro(text)


def parse_dollars(text: str) -> int:
    """Micro-dollars from a wire string, rounded half up after the sixth digit. Raises NotANumber."""
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
