"""Money: exact on what the wire says, strict on what it must not say, and never rounded towards the trader."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.money import (
    MICRO,
    NEGATIVE_PIPS,
    PIP,
    PIPS,
    SIZE_STEP,
    NotANumber,
    cost,
    dollars,
    parse_dollars,
    parse_price,
    parse_size,
    proceeds,
)

PRICES = st.integers(1, PIP - 1)
SIZES = st.integers(0, 10**13)


def forms_of(value: Decimal) -> list[str]:
    """The ways a decimal between 0 and 1 is written on the wire."""
    plain = format(value, "f")
    forms = [plain, plain + "0", plain + "000"] if "." in plain else [plain, plain + ".0", plain + "."]
    if plain.startswith("0."):
        forms.append(plain[1:])
    return forms


@given(pips=st.integers(0, PIP))
def test_every_form_of_a_price_is_the_same_price(pips: int) -> None:
    for text in forms_of(Decimal(pips).scaleb(-4).normalize()):
        assert parse_price(text) == PIPS[text] == pips
        assert NEGATIVE_PIPS[text] == -pips


@pytest.mark.parametrize(
    ("text", "pips"),
    [("0.480", 4800), (".48", 4800), ("0.5", 5000), ("1", 10_000), ("0", 0), ("0.0001", 1), ("5e-1", 5000)],
)
def test_prices_seen_on_the_wire(text: str, pips: int) -> None:
    assert parse_price(text) == pips


@given(micro=st.integers(0, 10**15))
def test_sizes_are_exact_to_the_sixth_digit_and_rounded_half_up_after_it(micro: int) -> None:
    text = f"{micro // 10**6}.{micro % 10**6:06d}"
    assert parse_size(text) == parse_dollars(text) == MICRO[text] == micro
    assert parse_size(text + "4999") == micro
    assert parse_size(text + "5") == micro + 1
    assert parse_size(text.lstrip("0")) == micro


@given(value=st.decimals(0, 10**11, allow_nan=False, allow_infinity=False, places=9))
def test_sizes_agree_with_a_decimal_reference(value: Decimal) -> None:
    expected = int((value * 10**6).to_integral_value(ROUND_HALF_UP))
    assert parse_size(format(value, "f")) == expected
    assert parse_size(str(value)) == expected


JUNK = (
    "",
    " ",
    "abc",
    "NaN",
    "nan",
    "Infinity",
    "-inf",
    "sNaN",
    "0x10",
    "1,5",
    "1.2.3",
    "--1",
    "1_000",
    " 0.5",
    "0.5 ",
    "0.5\n",
    "٠.٥",
    "½",
    "null",
    "1e999999",
    "1e-999999",
    "9" * 5000,
    ".",
    "e5",
)


@pytest.mark.parametrize("text", JUNK)
@pytest.mark.parametrize("parse", [parse_price, parse_size, parse_dollars, NEGATIVE_PIPS.__getitem__])
def test_junk_is_named_and_refused(parse: object, text: str) -> None:
    assert callable(parse)
    with pytest.raises(NotANumber):
        parse(text)


@given(text=st.text(max_size=30))
def test_any_text_is_a_number_or_refused_and_never_anything_else(text: str) -> None:
    for parse in (parse_price, parse_size):
        try:
            value = parse(text)
        except NotANumber:
            continue
        assert abs(value) <= 10**18
        assert text.isascii() and text == text.strip() and "_" not in text


@given(
    sign=st.sampled_from(["", "+", "-"]),
    digits=st.from_regex(r"\A(\d{1,20}\.?\d{0,20}|\.\d{1,20})([eE][+-]?\d{1,6})?\Z"),
)
def test_strange_numbers_do_not_break_the_parser(sign: str, digits: str) -> None:
    for parse in (parse_price, parse_size):
        try:
            assert abs(parse(sign + digits)) <= 10**18
        except NotANumber as refusal:
            assert str(refusal)


def test_a_price_finer_than_a_pip_is_refused_however_fine() -> None:
    for text in ("0.00005", "0.48001", "0.4800" + "0" * 40 + "1", "1e-9"):
        with pytest.raises(NotANumber, match="finer"):
            parse_price(text)


def test_a_negative_size_is_refused() -> None:
    for text in ("-1", "-0.5", "-1e2"):
        with pytest.raises(NotANumber, match="negative"):
            parse_size(text)


def test_the_memory_of_parsed_strings_stays_bounded() -> None:
    for number in range(70_000):
        parse_price(f"0.{number % 10_000:04d}" + "0" * (number // 10_000))
        MICRO[f"{number}.5"]
    assert len(PIPS) <= 4_096
    assert len(MICRO) <= 4_096


@given(price=PRICES, hundredths=st.integers(0, 10**9))
def test_cost_and_proceeds_are_exact_on_whole_hundredths_of_a_share(price: int, hundredths: int) -> None:
    size = hundredths * SIZE_STEP
    exact = Decimal(price).scaleb(-4) * Decimal(size)
    assert exact == int(exact)
    assert cost(price, size) == proceeds(price, size) == int(exact)


@given(price=PRICES, size=SIZES)
def test_rounding_is_never_in_the_traders_favour(price: int, size: int) -> None:
    exact = Decimal(price) * Decimal(size) / PIP
    assert cost(price, size) == int(exact.to_integral_value(ROUND_CEILING))
    assert proceeds(price, size) == int(exact.to_integral_value(ROUND_FLOOR))
    assert cost(price, size) >= proceeds(price, size)


@given(price=PRICES, size=SIZES)
def test_an_outcome_and_its_complement_cost_at_least_a_dollar_a_share(price: int, size: int) -> None:
    assert cost(price, size) + cost(PIP - price, size) >= size >= proceeds(price, size) + proceeds(PIP - price, size)


def test_dollars_are_for_display() -> None:
    assert dollars(1_234_567) == 1.234567
