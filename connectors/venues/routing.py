"""Where an order goes, by the release gate of the moment: to the paper venue, to the live one, or to both.

| gate | an entry goes to |
|---|---|
| DEV, PAPER_CANARY, PAPER_FULL | the paper venue |
| LIVE_DRY_RUN | the paper venue; the live venue builds, signs and checks it too, and does not send it |
| LIVE_ARMED | the live venue alone |

A sale goes where what it sells was bought, whatever the gate: paper shares cannot be sold at the exchange. Instances in
``paper_only`` (paper twins) go to the paper venue at every gate. Below LIVE_ARMED the live venue refuses a real sale:
what is held really then waits for its settlement, or for the operator to arm again.
"""

from __future__ import annotations

import msgspec

from connectors.venues.paper.parameters import PaperParameters
from connectors.venues.paper.venue import PaperVenue
from connectors.venues.remote import RemoteVenue
from models.contracts import VenueCommand
from models.journal import AnyEvent, Market
from models.orders import FINAL, Report, WorkingOrder
from models.release import GateName

_Subject = tuple[str, str, str]  # instance, market, outcome


class _Routed(msgspec.Struct):
    """A live order under way: whose it is, and what it does to what is held."""

    subject: _Subject
    market: str
    buys: bool


class RoutingVenue:
    """A ``Venue``. Set ``gate`` when the release gate changes, and ``at_gate`` with the time, to have everything at the
    exchange cancelled when it falls from LIVE_ARMED. ``take_commands``: what is to be published."""

    def __init__(self, paper: PaperVenue) -> None:
        self.paper = paper
        self.paper_only: frozenset[str] = frozenset()
        self._remote = RemoteVenue()
        self._live: dict[str, _Routed] = {}
        self._held: dict[_Subject, int] = {}  # micro-shares bought at the exchange and not sold

    @property
    def gate(self) -> GateName:
        """The release gate orders are sent under."""
        return self._remote.gate

    @gate.setter
    def gate(self, gate: GateName) -> None:
        self._remote.gate = gate

    def at_gate(self, gate: GateName, t: int) -> None:
        """Go by this gate from ``t`` (Unix ns) on."""
        fell = self.gate == "LIVE_ARMED" and gate != "LIVE_ARMED"
        self.gate = gate
        if fell:
            self._remote.cancel_all(t)

    def held(self, instance: str, market_key: str, outcome: str) -> int:
        """Micro-shares that the instance holds really."""
        return self._held.get((instance, market_key, outcome), 0)

    def configure(self, parameters: PaperParameters, paper_only: frozenset[str]) -> None:
        """Go by these from now on. ``paper_only``: instances whose orders stay on paper."""
        self.paper.configure(parameters)
        self.paper_only = paper_only

    def take_commands(self) -> list[VenueCommand]:
        """What is to be published on the topic ``venue``."""
        return self._remote.take_commands()

    # --- commands -------------------------------------------------------------------------------------------------

    def arrival(self, order_id: str, market: Market, t: int, lag: int, takes: bool = True) -> int:
        return self.paper.arrival(order_id, market, t, lag, takes)

    def send(self, order: WorkingOrder) -> None:
        subject = (order.instance, order.market_key, order.outcome)
        buys = order.side == "buy"
        if self._is_real(order, subject):
            self._live[order.id] = _Routed(subject, order.market_key, buys)
            self._remote.send(order)
            return
        self.paper.send(order)
        if self.gate == "LIVE_DRY_RUN" and order.instance not in self.paper_only:
            self._remote.rehearse(order)

    def _is_real(self, order: WorkingOrder, subject: _Subject) -> bool:
        if order.instance in self.paper_only:
            return False
        if order.side == "sell":
            return self._held.get(subject, 0) >= order.size
        return self.gate == "LIVE_ARMED"

    def cancel(self, order_id: str, t: int) -> None:
        (self._remote if order_id in self._live else self.paper).cancel(order_id, t)

    def query(self, order_id: str, t: int) -> None:
        (self._remote if order_id in self._live else self.paper).query(order_id, t)

    # --- events ---------------------------------------------------------------------------------------------------

    def hear(self, event: AnyEvent) -> list[Report]:
        reports = self._remote.hear(event)
        for report in reports:
            routed = self._live.get(report.order)
            if routed is None:
                continue
            if report.fill is not None:
                sign = 1 if routed.buys else -1
                self._held[routed.subject] = self._held.get(routed.subject, 0) + sign * report.fill.size
            if report.state in FINAL:
                del self._live[report.order]
        return [*self.paper.hear(event), *reports]

    def forget(self, market: Market) -> None:
        self.paper.forget(market)
        self._remote.forget(market)
        for subject in [each for each in self._held if each[1] == market.key]:
            del self._held[subject]
        for name in [name for name, each in self._live.items() if each.market == market.key]:
            del self._live[name]
