"""Where an order goes, by the release gate of the moment: to the paper venue, to the live one, or to both.

| gate | an entry goes to |
|---|---|
| DEV, PAPER_CANARY, PAPER_FULL | the paper venue |
| LIVE_DRY_RUN | the paper venue; the live venue builds, signs and checks it too, and does not send it |
| LIVE_ARMED | the live venue alone |

An order of the account ``live`` is real, and no other is. So a sale goes where what it sells was bought, whatever the
gate: paper shares cannot be sold at the exchange. Instances in ``paper_only`` (paper twins) are not rehearsed there.
Below LIVE_ARMED the live venue refuses a real sale: what is held really then waits for its settlement, or for the
operator to arm again.
"""

from __future__ import annotations

from connectors.venues.paper.parameters import PaperParameters
from connectors.venues.paper.venue import PaperVenue
from connectors.venues.remote import RemoteVenue
from models.accounts import LIVE
from models.contracts import VenueCommand
from models.journal import AnyEvent, Market
from models.orders import FINAL, Report, WorkingOrder
from models.release import GateName


class RoutingVenue:
    """A ``Venue``. Set ``gate`` when the release gate changes, and ``at_gate`` with the time, to have everything at the
    exchange cancelled when it falls from LIVE_ARMED. ``take_commands``: what is to be published."""

    def __init__(self, paper: PaperVenue) -> None:
        self.paper = paper
        self.paper_only: frozenset[str] = frozenset()
        self._remote = RemoteVenue()
        self._live: dict[str, str] = {}  # real order under way -> its market

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
        if order.account == LIVE:
            self._live[order.id] = order.market_key
            self._remote.send(order)
            return
        self.paper.send(order)
        if self.gate == "LIVE_DRY_RUN" and order.instance not in self.paper_only:
            self._remote.rehearse(order)

    def cancel(self, order_id: str, t: int) -> None:
        (self._remote if order_id in self._live else self.paper).cancel(order_id, t)

    def query(self, order_id: str, t: int) -> None:
        (self._remote if order_id in self._live else self.paper).query(order_id, t)

    # --- events ---------------------------------------------------------------------------------------------------

    def hear(self, event: AnyEvent) -> list[Report]:
        reports = self._remote.hear(event)
        for report in reports:
            if report.state in FINAL:
                self._live.pop(report.order, None)
        return [*self.paper.hear(event), *reports]

    def forget(self, market: Market) -> None:
        self.paper.forget(market)
        self._remote.forget(market)
        for name in [name for name, key in self._live.items() if key == market.key]:
            del self._live[name]
