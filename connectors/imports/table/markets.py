"""The markets of a recording: what its rows say of each, from whichever row said it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

import msgspec

from connectors.imports.frames import Definition, synthetic_condition, synthetic_token
from connectors.imports.names import Named
from connectors.imports.options import Options
from connectors.imports.summary import OUTSIDE, ImportSummary, RefusedRow
from connectors.imports.ticks import FIRST

#: Rows so long after their market's end are nothing to wonder at. Before it: a recorder may begin as early as it likes.
NEAR_NS: Final = 120 * 10**9


class RecordedMarket(msgspec.Struct):
    """A market as far as the recording tells. Times in Unix ns; ``strike`` and ``payout`` where they were stated
    without a time; ``tokens`` those seen of which the rows do not say which is Up."""

    key: str
    slug: str
    asset: str
    horizon: str
    start_ns: int
    end_ns: int
    question: str = ""
    id: str = ""
    up_token: str = ""
    down_token: str = ""
    strike: Decimal | None = None
    payout: tuple[str, str] | None = None
    winner: str = ""
    tokens: dict[str, None] = {}
    derive: frozenset[str] = frozenset()
    rows: int = 0
    inside: int = 0
    outside: int = 0
    late: int = 0  # of those outside, the ones long after the end
    offsets: Counter[int] = msgspec.field(default_factory=Counter)  # whole quarters of an hour outside
    example: str = ""  # the first row outside
    late_example: str = ""

    def saw(self, t_ns: int, where: str) -> None:
        """A row of a quote or trade at a moment: counted by whether it lies within the window."""
        self.rows += 1
        if self.start_ns <= t_ns < self.end_ns:
            self.inside += 1
            return
        self.outside += 1
        late = t_ns - self.end_ns > NEAR_NS
        self.late += late
        self.example = self.example or where
        if late and not self.late_example:
            self.late_example = where
        self.offsets[round((t_ns - (self.start_ns + self.end_ns) // 2) / 900e9)] += 1

    def definition(self, options: Options, notes: tuple[str, ...]) -> Definition:
        """Its Gamma object, with made-up ids where the recording has none."""
        condition = self.id or synthetic_condition(self.slug)
        seed = self.id or self.slug
        down_seed = self.up_token or seed
        return Definition(
            slug=self.slug,
            question=self.question or self.slug,
            condition=condition,
            up_token=self.up_token or synthetic_token(f"up of {self.down_token or seed}"),
            down_token=self.down_token or synthetic_token(f"down of {down_seed}"),
            start_ns=self.start_ns,
            end_ns=self.end_ns,
            fee_rate=options.fee_rate,
            tick=float(FIRST),
            notes=notes,
        )


class RecordedMarkets:
    """Markets by key, by the recording's id, and by token."""

    def __init__(self, summary: ImportSummary) -> None:
        self._summary = summary
        self._by_key: dict[str, RecordedMarket] = {}
        self._by_id: dict[str, RecordedMarket] = {}
        self._by_token: dict[str, RecordedMarket] = {}

    def __iter__(self) -> Iterator[RecordedMarket]:
        return iter(self._by_key.values())

    def __len__(self) -> int:
        return len(self._by_key)

    def __getitem__(self, key: str) -> RecordedMarket:
        return self._by_key[key]

    def known(self, identity: str, token: str) -> RecordedMarket:
        """The market of an id or token that another row explained. Raises RefusedRow."""
        market = self._by_id.get(identity) if identity else None
        market = market or (self._by_token.get(token) if token else None)
        if market is None:
            raise RefusedRow("unknown_market", identity or token)
        return market

    def learn(
        self, named: Named, identity: str = "", question: str = "", up: str = "", down: str = ""
    ) -> RecordedMarket:
        """The market of a window, with what a row adds. Raises RefusedRow where it contradicts what is known."""
        key = f"{named.slug} {named.start_ns}"
        market = self._by_key.get(key)
        if market is None:
            market = RecordedMarket(key, named.slug, named.asset, named.horizon, named.start_ns, named.end_ns)
        for token, known in ((up, market.up_token), (down, market.down_token)):
            if token and known and token != known:
                raise RefusedRow("tokens_changed", named.slug)
        if identity and market.id and identity != market.id:
            raise RefusedRow("market_id_changed", named.slug)
        self._by_key[key] = market
        market.up_token, market.down_token = up or market.up_token, down or market.down_token
        market.question = market.question or question.encode("utf-8", "replace").decode()
        if identity:
            market.id = identity
            self._by_id[identity] = market
        for token in (up, down):
            if token:
                self._by_token[token] = market
        return market

    def saw_token(self, market: RecordedMarket, token: str) -> None:
        """A row of the market is about this token. Raises RefusedRow for a third one."""
        if token in (market.up_token, market.down_token) or token in market.tokens:
            return
        if len(market.tokens) + bool(market.up_token) + bool(market.down_token) >= 2:
            raise RefusedRow("third_token", f"{token} of {market.slug}")
        market.tokens = market.tokens | {token: None}
        self._by_token.setdefault(token, market)

    def settle_tokens(self, ups: frozenset[str]) -> None:
        """Say of every token which outcome it is of: as stated, else as ``ups`` has it, else by a guess that shows."""
        guessed = 0
        for market in self:
            if not market.tokens:
                continue
            names = [token for token in market.tokens if token not in (market.up_token, market.down_token)]
            known_ups = [token for token in names if token in ups]
            if not market.up_token and not market.down_token:
                guessed += not known_ups
                market.up_token = known_ups[0] if known_ups else names[0]
                names.remove(market.up_token)
            for token in names:
                if not market.up_token:
                    market.up_token = token
                elif not market.down_token:
                    market.down_token = token
        if guessed:
            self._summary.count("markets_with_guessed_outcomes", guessed)
            self._summary.guess(
                f"which token is Up is not recorded in {guessed} markets: the one seen first is taken for it; "
                "say better with --up TOKEN or market.up_tokens"
            )

    def report_windows(self) -> None:
        """Rows outside their market's window: all of a market none of whose rows is inside, else those far outside."""
        outside, example, offsets = 0, "", Counter[int]()
        for market in self:
            count = market.late if market.inside else market.outside
            if count:
                outside += count
                first = market.late_example if market.inside else market.example
                example = example or f"{first}: {market.slug}"
                offsets += market.offsets
        if not outside:
            return
        quarters, _ = max(offsets.items(), key=lambda item: (item[1], -abs(item[0])))
        ahead = "after" if quarters > 0 else "before"
        self._summary.find(OUTSIDE, f"{example}, about {abs(quarters) * 15} minutes {ahead}", outside)
        self._summary.note(
            "rows lie outside their market's window: local time (time.zone), or names that give the closing time "
            '(market.named_by = "end")?'
        )
