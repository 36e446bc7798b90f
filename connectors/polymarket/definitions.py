"""What is known of each market: definition, strike and resolution, from whichever source said it first.

The flow keeps it to make the journal of, and the door keeps it of what it published, so that it knows what the flow
still lacks. A payout that was reported stands; what contradicts it is a conflict, and a correction if its source is
worth as much (``models.resolution``).
"""

from __future__ import annotations

from typing import Any

import msgspec

from connectors.polymarket.wire import (
    ClobMarket,
    CryptoConfig,
    GammaMarket,
    MarketMessage,
    decode_list,
    decode_market,
    decode_strings,
)
from models.fees import RATE_UNIT
from models.journal import NO_SRC, Market
from models.money import DOLLAR, MICRO, PIP, PIPS, SHARE, TICKS, NotANumber
from models.resolution import Payouts, by_prices, by_winner, outranks
from models.settlement import Rule, market_key, rule_for, window_of
from models.timestamps import SECOND, parse_iso

#: What a later market object says anew; payouts, strike and tokens have their own rules.
_RESTATED = ("tick", "min_size", "fee_rate", "fee_exponent", "rebate_rate", "accepting", "rule")
_GREATEST_STRIKE = 1e12  # dollars
_USUAL_FEE_RATE = 70_000  # of up/down markets, where none is stated
_KEEP_NS = 1_800 * SECOND  # frames of a token trickle on after the end, and resolutions come late


class MarketDefinition(msgspec.Struct):
    """A market, as far as it is known. ``market``: what the journal states of it, without place and time.

    ``truth_by``: the best source of what is paid, or of its correction; ``disputed``: the latest that contradicted."""

    market: Market
    truth_by: str = ""
    disputed: tuple[str, int, int] | None = None
    defined: bool = False  # by a market object, not only by an announcement
    late: bool = False  # it was reported that no resolution came
    former: tuple[str, ...] = ()  # tokens it had before its definition named others

    @property
    def tokens(self) -> tuple[str, ...]:
        """All tokens that were ever called its own."""
        return (self.market.up_token, self.market.down_token, *self.former)

    def change(self, **fields: object) -> None:
        """State these ``fields`` of the market anew."""
        self.market = msgspec.structs.replace(self.market, **fields)


class BadDefinition(ValueError):
    """A market object that parses as JSON and makes no sense; the text says where."""


class Definitions:
    """Markets by key (the slug), by condition id and by token."""

    def __init__(self) -> None:
        self.by_key: dict[str, MarketDefinition] = {}
        self.by_market: dict[str, MarketDefinition] = {}
        self.by_token: dict[str, tuple[MarketDefinition, str]] = {}  # token -> (market, "up" or "down")

    def learn(self, body: bytes) -> tuple[MarketDefinition, bool, bool] | None:
        """Learn from a market object of Gamma or the CLOB: (market, changed, conflicting resolution); None for a market
        of another family, and for one that is not known yet. Raises msgspec.DecodeError and BadDefinition."""
        market = decode_market(body)
        return self.from_clob(market) if isinstance(market, ClobMarket) else self.from_gamma(market)

    def terms(self, token: str) -> tuple[int, int] | None:
        """(tick in pips, least order in whole shares) of the token's market; None where none is known."""
        listed = self.by_token.get(token)
        return None if listed is None else (listed[0].market.tick, listed[0].market.min_size // SHARE)

    def from_gamma(self, market: GammaMarket) -> tuple[MarketDefinition, bool, bool] | None:
        """Learn from a Gamma object: (market, changed, conflicting resolution); None for a market of another family,
        and for one whose tokens are not known yet.

        Raises BadDefinition."""
        found = self._read_gamma(market)
        if found is None:
            return None
        known = self.by_key.get(found.market.key)
        if known is None:
            if not found.market.up_token and not found.market.down_token:
                return None
            found.defined = True
            self._add(found)
            return found, True, False
        known.defined = True
        before, new = known.market, found.market
        known.change(**{name: getattr(new, name) for name in _RESTATED})
        if new.taker_delay_ms >= 0:
            known.change(taker_delay_ms=new.taker_delay_ms)
        if new.strike is not None:
            known.change(strike=new.strike)
        tokens = new.up_token or before.up_token, new.down_token or before.down_token
        if (before.up_token, before.down_token) != tokens:
            known.former = tuple(sorted({*known.tokens} - {*tokens}))
            known.change(up_token=tokens[0], down_token=tokens[1])
            self._index(known)
        conflict = False
        if new.payout_up is not None and new.payout_down is not None:
            conflict = self._resolve(known, (new.payout_up, new.payout_down), new.resolved_by)
        return known, conflict or known.market != before, conflict

    def from_clob(self, market: ClobMarket) -> tuple[MarketDefinition, bool, bool] | None:
        """Learn a resolution from the CLOB's market object, and what it says of orders. Raises BadDefinition."""
        known = self.by_market.get(market.condition_id)
        if known is None:
            return None
        before = known.market
        try:
            delay = _taker_delay_ms(market.seconds_delay, market.itode)
        except ValueError as cause:
            raise BadDefinition(f"market {known.market.key}: {cause}") from None
        if delay >= 0:
            known.change(taker_delay_ms=delay)
        if market.accepting_orders is not None:
            known.change(accepting=market.accepting_orders)
        winners = [token.token_id for token in market.tokens or () if token is not None and token.winner]
        for winner in winners if market.closed else ():
            self._is_token(known, winner)
        won = (known.market.up_token in winners, known.market.down_token in winners)
        payouts = by_winner(bool(market.closed), won, bool(market.is_50_50_outcome))
        conflict = payouts is not None and self._resolve(known, payouts, "clob")
        return known, conflict or known.market != before, conflict

    def from_resolved(self, message: MarketMessage) -> tuple[MarketDefinition, bool, bool] | None:
        """Learn a resolution from ``market_resolved``."""
        known = self.by_market.get(message.market)
        if known is None:
            return None
        self._is_token(known, message.winning_asset_id)
        up = PIP if message.winning_asset_id == known.market.up_token else 0
        return self._paid(known, (up, PIP - up), "market_resolved")

    def from_new_market(self, message: MarketMessage) -> tuple[MarketDefinition, bool, bool] | None:
        """Learn a market from ``new_market``; Gamma's object, when it comes, adds the rest."""
        window = window_of(message.slug)
        tokens, outcomes = message.assets_ids or [], message.outcomes or []
        if window is None or sorted(outcomes) != ["Down", "Up"] or len(tokens) != 2 or message.slug in self.by_key:
            return None
        by_outcome = dict(zip(outcomes, tokens, strict=True))
        fees = message.fee_schedule
        market = _market(
            window.asset,
            key=message.slug,
            market=message.market,
            horizon=window.horizon,
            start=window.start_ns,
            end=window.end_ns,
            up_token=by_outcome["Up"],
            down_token=by_outcome["Down"],
            tick=_tick(message.order_price_min_tick_size or "0.01"),
            fee_rate=_fee_rate(fees.rate) if fees else _USUAL_FEE_RATE,
            fee_exponent=_fee_exponent(fees.exponent) if fees else 1,
            rebate_rate=_fee_rate(fees.rebate_rate or 0) if fees else 0,
            min_size=5 * SHARE,
            rule=rule_for(window.horizon, window.start_ns),
        )
        known = MarketDefinition(market)
        self._add(known)
        return known, True, False

    def late(self, t: int, bound: int) -> list[MarketDefinition]:
        """Markets we follow that ended more than ``bound`` ns before ``t`` and did not resolve; each once."""
        found = [
            known
            for known in self.by_key.values()
            if known.market.payout_up is None and known.defined and not known.late and t - known.market.end > bound
        ]
        for known in found:
            known.late = True
        return found

    def forget(self, t: int) -> list[MarketDefinition]:
        """Drop markets whose end and resolution are long past; returns them."""
        gone = [known for known in self.by_key.values() if _is_over(known, t)]
        for known in gone:
            del self.by_key[known.market.key]
            self.by_market.pop(known.market.market, None)
            for token in known.tokens:
                if token in self.by_token and self.by_token[token][0] is known:
                    del self.by_token[token]
        return gone

    @staticmethod
    def _is_token(known: MarketDefinition, winner: str) -> None:
        if winner not in (known.market.up_token, known.market.down_token):
            raise BadDefinition(f"the winning token {winner[:20]}… is neither Up nor Down of {known.market.key}")

    def _paid(self, known: MarketDefinition, payouts: Payouts, source: str) -> tuple[MarketDefinition, bool, bool]:
        before = known.market
        conflict = self._resolve(known, payouts, source)
        return known, conflict or known.market != before, conflict

    @staticmethod
    def _resolve(known: MarketDefinition, payouts: Payouts, source: str) -> bool:
        """Take a resolution in; whether it contradicts what was paid, or the correction of that, and is news."""
        stated = known.market
        if stated.payout_up is None or stated.payout_down is None:
            known.change(payout_up=payouts[0], payout_down=payouts[1], resolved_by=source)
            known.truth_by = source
            return False
        paid = stated.payout_up, stated.payout_down
        truth = paid
        if stated.corrected_up is not None and stated.corrected_down is not None:
            truth = stated.corrected_up, stated.corrected_down
        if payouts == truth:
            if outranks(source, known.truth_by):
                known.truth_by = source
            return False
        again = known.disputed == (source, *payouts)
        known.disputed = (source, *payouts)
        if not outranks(source, known.truth_by):
            return not again
        known.truth_by = source
        up, down = (None, None) if payouts == paid else payouts
        known.change(corrected_up=up, corrected_down=down, corrected_by="" if payouts == paid else source)
        return True

    def _add(self, known: MarketDefinition) -> None:
        self.by_key[known.market.key] = known
        self._index(known)

    def _index(self, known: MarketDefinition) -> None:
        market = known.market
        if market.market:
            self.by_market[market.market] = known
        if market.up_token:
            self.by_token[market.up_token] = (known, "up")
        if market.down_token:
            self.by_token[market.down_token] = (known, "down")

    def _read_gamma(self, market: GammaMarket) -> MarketDefinition | None:
        try:
            window = window_of(market.slug, _year(market), _moment(market))
            if window is None:
                return None
            tokens = decode_strings(market.clob_token_ids)
            outcomes = decode_strings(market.outcomes)
            start = parse_iso(market.event_start_time) if market.event_start_time else window.start_ns
            end = parse_iso(market.end_date) if market.end_date else window.end_ns
            by_outcome = dict(zip(outcomes, tokens, strict=True)) if outcomes and tokens else {"Up": "", "Down": ""}
            payouts = _payouts(market, outcomes)
            source = "derived" if market.derived else "gamma"
            fees = market.fee_schedule
            stated = _market(
                window.asset,
                key=market_key(market.slug, start),
                market=market.condition_id or "",
                horizon=window.horizon,
                start=start,
                end=end,
                up_token=by_outcome["Up"],
                down_token=by_outcome["Down"],
                tick=_tick(str(market.order_price_min_tick_size or "0.01")),
                min_size=MICRO[str(market.order_min_size or 5)],
                fee_rate=_gamma_fee_rate(market),
                fee_exponent=_fee_exponent(_or(fees.exponent, 1) or 0) if fees else 1,
                rebate_rate=_fee_rate(fees.rebate_rate or 0) if fees else 0,
                accepting=market.accepting_orders is not False,
                taker_delay_ms=_taker_delay_ms(market.seconds_delay, None),
                rule=_rule(window.horizon, start, market.crypto_market_config),
                strike=_strike(market),
                payout_up=payouts[0] if payouts else None,
                payout_down=payouts[1] if payouts else None,
                resolved_by=source if payouts else "",
            )
            return MarketDefinition(stated, truth_by=stated.resolved_by)
        except (ValueError, KeyError, OverflowError, RecursionError) as cause:
            raise BadDefinition(f"market {market.slug}: {cause}") from None


def _market(asset: str, **fields: Any) -> Market:
    return Market(seq=-1, t=0, src=NO_SRC, lane=asset, checks=(), asset=asset, **fields)


def _is_over(known: MarketDefinition, t: int) -> bool:
    """Once Gamma has spoken, or an import in its place, there is nothing to wait for; it may correct others."""
    past = t - known.market.end
    return past > _KEEP_NS and (known.truth_by in ("gamma", "derived") or past > 24 * 3600 * SECOND)


def _rule(horizon: str, start: int, config: CryptoConfig | None) -> Rule | None:
    """The market's own rule where it states one, else that of its date. One that denies what holds at its date is
    unknown: which of the two is right is not known, and nothing is traded on it."""
    dated = rule_for(horizon, start)
    if config is None or config.twap_enabled is None:
        return dated
    if not config.twap_enabled:
        return None if dated is not None and dated.kind == "twap" else dated
    if config.twap_lookback_seconds is None:
        return dated if dated is not None and dated.kind == "twap" else None
    return rule_for(horizon, start, _whole(config.twap_lookback_seconds, 0, 86_400, "TWAP of seconds"))


def _taker_delay_ms(stated: float | str | None, is_delayed: bool | None) -> int:
    """How long the exchange holds marketable orders: the seconds it states; 0 where it says that it does not; else -1.
    That a market is delayed (``itode``) says not for how long."""
    if stated is not None and stated != "" and float(stated) > 0:
        return round(_within(float(stated), 0.0, 60.0, "delay of seconds") * 1_000)
    return 0 if is_delayed is False else -1


def _within(value: float, least: float, most: float, what: str) -> float:
    if not least <= value <= most:
        raise NotANumber(f"{what} {value!r} is not within {least} and {most}")
    return value


def _tick(text: str) -> int:
    tick = PIPS[text]
    if tick not in TICKS:
        raise NotANumber(f"tick {text!r} is none of the exchange's")
    return tick


def _strike(market: GammaMarket) -> int | None:
    for event in market.events or ():
        stated = event.event_metadata.price_to_beat if event is not None and event.event_metadata else None
        if stated is not None and stated != "":
            value = float(stated)
            if not 0.0 <= value < _GREATEST_STRIKE:
                raise NotANumber(f"strike {stated!r} is no price")
            return round(value * DOLLAR) or None  # 0 is what stands there while it is not known
    return None


def _gamma_fee_rate(market: GammaMarket) -> int:
    stated = _or(market.fee_schedule.rate, None) if market.fee_schedule else None
    if stated is None:
        return 0 if market.fees_enabled is False else _USUAL_FEE_RATE
    return _fee_rate(stated)


def _or(stated: float | str | None, usual: float | None) -> float | str | None:
    """What is stated; ``usual`` for null and "", which say that nothing is."""
    return usual if stated is None or stated == "" else stated


def _fee_rate(stated: float | str) -> int:
    rate = float(stated)
    if not 0.0 <= rate <= 1.0:
        raise NotANumber(f"fee rate {stated!r} is not within 0 and 1")
    return round(rate * RATE_UNIT)


def _fee_exponent(stated: float | str) -> int:
    return _whole(stated, 0, 4, "fee exponent")


def _whole(stated: float | str, least: int, most: int, what: str) -> int:
    return int(_within(float(stated), least, most, what))


def _payouts(market: GammaMarket, outcomes: list[str]) -> Payouts | None:
    """What the object says is paid, read by the outcomes' labels; None while that is an open question."""
    prices = decode_list(market.outcome_prices)
    if not market.closed or not prices or len(prices) != len(outcomes):
        return None
    by_outcome = dict(zip(outcomes, prices, strict=True))
    return by_prices(True, market.status, (by_outcome["Up"], by_outcome["Down"]))


def _moment(market: GammaMarket) -> int | None:
    """A moment of the market's window, by its own word (Unix ns)."""
    try:
        if market.event_start_time:
            return parse_iso(market.event_start_time)
        return parse_iso(market.end_date) - 1 if market.end_date else None
    except (ValueError, IndexError):
        return None


def _year(market: GammaMarket) -> int | None:
    return int(market.end_date[:4]) if market.end_date and market.end_date[:4].isdigit() else None
