"""The line's books and spot prices as evidence: what looks frozen at a tick of the clock."""

from __future__ import annotations

from connectors.polymarket.definitions import MarketDefinition
from connectors.polymarket.evidence import Evidence, Suspicion
from connectors.polymarket.token import Token
from flows.market_line.coinbase import Product
from flows.market_line.connection import Connections
from models.settings import Checks


class Suspects:
    """Tells the evidence what the line has seen, once a tick, and asks it."""

    def __init__(self, checks: Checks) -> None:
        self._evidence = Evidence(checks)
        self._tokens: dict[str, int] = {}  # changes counted of each
        self._products: dict[str, int] = {}

    def configured(self, checks: Checks) -> None:
        self._evidence.bound(checks)

    def market(self, known: MarketDefinition) -> None:
        """A market that is new or whose definition changed."""
        market = known.market
        if market.up_token and market.down_token:
            self._evidence.market(market.asset, market.up_token, market.down_token, market.start, market.end)

    def forget_token(self, token: str) -> None:
        self._evidence.forget(token)
        self._tokens.pop(token, None)

    def closed(self, conn: str) -> None:
        self._evidence.closed(conn)

    def judge(
        self, tokens: dict[str, Token], products: dict[str, Product], connections: Connections, t: int
    ) -> list[Suspicion]:
        """What looks frozen at ``t`` (Unix ns)."""
        evidence, known = self._evidence, self._tokens
        conns: dict[str, None] = {}  # in order
        for name, token in tokens.items():
            counted = known.get(name, 0)
            conns[token.conn] = None
            if token.invalid:
                evidence.unknown(name)
            elif token.changes != counted:
                view = token.view
                bid = view.bids[0][0] if view.bids else None
                ask = view.asks[0][0] if view.asks else None
                evidence.changed(name, token.conn, view.t, bid, ask, view.x, token.changes - counted)
            if token.changes != counted:
                known[name] = token.changes
        for conn in conns:
            connection = connections.by_id.get(conn)
            if connection is not None and connection.heard:
                evidence.frame(conn, connection.heard)
        for product in products.values():
            counted = self._products.get(product.product, 0)
            if not product.latest or product.invalid or product.frozen or product.doubtful:
                evidence.spot_unknown(product.asset)
            elif product.prices != counted:
                evidence.spot(product.asset, product.price, product.latest, product.conn, product.prices - counted)
            self._products[product.product] = product.prices
        return evidence.judge(t)
