"""Strategies, markets, positions, orders, fills, ledger, portfolio and risk."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Query
from starlette.concurrency import run_in_threadpool

from api.run_table import kind_of
from api.server import guards, money
from api.server.board import MOST_ROWS
from api.server.earnings import Earnings
from api.server.formats import usd
from api.server.markets import summary_of, view_of
from api.server.named import found_by
from api.server.problems import NOT_FOUND
from api.server.routes.live import Minutes
from api.server.state import ServerState
from api.server.views.decisions import Fills, Orders, Scans
from api.server.views.markets import Funnels, MarketsView, MarketView
from api.server.views.money import LedgerView, Outcomes, PortfolioView, Positions
from api.server.views.risk import GatesView, RiskEvents, RiskView
from api.server.views.strategies import Strategies, StrategyView

Limit = Annotated[int, Query(ge=1, le=MOST_ROWS, description="rows at most")]
Name = Annotated[str, Path(max_length=200)]
Filter = Annotated[str, Query(max_length=200, description="keep only these; empty for all")]


def router(state: ServerState) -> APIRouter:
    made = APIRouter(prefix="/api", tags=["trading"])
    board = state.hub.board

    @made.get("/strategies")
    async def strategies() -> Strategies:
        """Every instance of a strategy: evaluations, pass rate, blocks by reason, money."""
        return Strategies(strategies=money.strategies_of(board, state.settings()))

    @made.get("/strategies/{instance}", responses=NOT_FOUND)
    async def strategy(instance: Name) -> StrategyView:
        """One instance."""
        for each in money.strategies_of(board, state.settings()):
            if each.id == instance:
                return each
        raise HTTPException(404, f"there is no instance {instance[:80]}")

    @made.get("/earnings")
    async def earnings() -> Earnings:
        """What each instance made today and in seven days, over the runs of the data folder that may be added up:
        which they are, and what each gave."""
        kind = await run_in_threadpool(kind_of, state.run_dir)
        return state.others.earnings(kind, state.run().name, board.accounts, board.newest_ns)

    def named(strategy: str, market: str, found: Collection[object]) -> None:
        found_by("instance", strategy, state.instances, found)
        found_by("market", market, lambda: board.windows.markets, found)

    @made.get("/scans", responses=NOT_FOUND)
    async def scans(strategy: Filter = "", market: Filter = "") -> Scans:
        """The latest evaluation of every strategy and market, and what would have to change."""
        found = [
            each
            for each in board.scans()
            if (not strategy or each.strategy == strategy) and (not market or each.market_key == market)
        ]
        named(strategy, market, found)
        return Scans(scans=found)

    @made.get("/markets")
    async def markets(limit: Limit = 50) -> MarketsView:
        """Windows: those that run, those to come, those that ended, in this order."""
        return MarketsView(markets=[summary_of(board, each) for each in board.windows.ordered()[:limit]])

    @made.get("/markets/{market}", responses=NOT_FOUND)
    async def market(market: Name) -> MarketView:
        """One window whole: books, fair value, edge, decisions, orders, fills, and the windows before it. The key
        ``now-BTC-5m`` is the window of that kind that runs."""
        followed = board.windows.markets.get(market)
        if followed is None and market.startswith("now-"):
            kind = tuple(market.split("-")[1:3])
            for each in board.windows.ordered():
                window = each.window
                if window is not None and (window.asset, window.horizon) == kind and window.start <= board.newest_ns:
                    followed = each
                    break
        if followed is None:
            raise HTTPException(404, f"no market {market[:80]} is known yet")
        return view_of(board, followed, state.settings().fair_value)

    @made.get("/funnel", responses=NOT_FOUND)
    async def funnel(minutes: Minutes = 10, market: Filter = "", strategy: Filter = "") -> Funnels:
        """Why each market did or did not trade in the last minutes, with the nearest miss: by all strategies together,
        or by one."""
        now = board.newest_ns
        of_strategy = board.funnel.markets(minutes, now, strategy)
        named(strategy, market, [each for each in of_strategy if market in ("", each)])
        names = [market] if market else of_strategy
        found = [board.funnel.view(each, board.title(each), minutes, now, strategy) for each in names]
        return Funnels(funnels=found)

    @made.get("/positions")
    async def positions() -> Positions:
        """What is held: average, mark, fair value, time left, exit levels."""
        return Positions(positions=money.positions_of(board, state.settings()))

    @made.get("/orders")
    async def orders(limit: Limit = 50) -> Orders:
        """The latest states of orders."""
        return Orders(orders=board.orders(limit))

    @made.get("/fills")
    async def fills(limit: Limit = 50) -> Fills:
        """The latest fills."""
        return Fills(fills=board.fills(limit))

    @made.get("/outcomes")
    async def outcomes(limit: Limit = 50) -> Outcomes:
        """The latest results of markets."""
        return Outcomes(outcomes=board.outcomes(limit))

    @made.get("/ledger")
    async def ledger(limit: Limit = 50) -> LedgerView:
        """The latest postings, and the balance of every account: together they are zero."""
        accounts = board.accounts
        return LedgerView(
            postings=board.postings(limit),
            balances_usd={name: usd(amount) for name, amount in sorted(accounts.balances.items()) if amount},
            imbalance_usd=usd(accounts.imbalance),
        )

    @made.get("/portfolio")
    async def portfolio(
        points: Annotated[int, Query(ge=10, le=2_000, description="points of the curve at most")] = 400,
    ) -> PortfolioView:
        """Money: equity with its curve, drawdown, contribution by strategy, reconciliation."""
        return money.portfolio_of(board, state.settings(), points)

    @made.get("/risk")
    async def risk() -> RiskView:
        """Caps and their use, concentration, exposure by expiry."""
        return money.risk_of(board, state.settings())

    @made.get("/risk/events")
    async def risk_events(limit: Annotated[int, Query(ge=1, le=500)] = 100) -> RiskEvents:
        """Changes of multipliers, caps, breakers, gates and instances, the latest first."""
        return RiskEvents(events=guards.events_of(board, limit))

    @made.get("/gates")
    async def gates() -> GatesView:
        """The release gates: where the portfolio stands, and what the next step asks for."""
        return guards.gates_of(board, state.settings())

    return made
