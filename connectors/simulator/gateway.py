"""Both venues' protocols without sockets: what each client asked for, what it is sent, and which faults come between.

Servers carry the bytes (``Carrier``); a test can carry them by hand. The gateway steps the core too, so that everything
that is said in a grid step goes through one place.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final, Protocol

from connectors.simulator.emission import Emission, Venue
from connectors.simulator.exchange import Exchange
from connectors.simulator.faults.stage import FaultStage
from connectors.simulator.faults.strokes import Outgoing
from connectors.simulator.faults.timeline import Timeline
from connectors.simulator.faults.truth import Session, Truth
from connectors.simulator.times import nano_time

COINBASE_CHANNELS: Final = {"level2": "l2_data", "market_trades": "market_trades", "ticker": "ticker"}
COINBASE_LAG_NS: Final = 1_234_567  # between what happened and the envelope's time
TOO_SLOW: Final = 1008  # close code for a client that is sent away


class Carrier(Protocol):
    """Who takes frames to the clients, without ever waiting."""

    def deliver(self, session: Session, frame: bytes) -> bool:
        """Hand the frame on; False when the connection is already at its end and nothing was sent."""
        ...

    def cut(self, session: Session, frame: bytes) -> None:
        """Hand half of the frame on, then end the connection without a word."""
        ...

    def close(self, session: Session, code: int, why: str) -> None:
        """End the connection: with a close frame, or without one when ``code`` is 0."""
        ...


class Subscriber:
    """One client of the market channel."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.tokens: dict[str, None] = {}
        self.custom = False


class Listener:
    """One client of the Coinbase feed, with the numbering of its messages."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.sequence = 0
        self.products: dict[str, set[str]] = {}
        self.heartbeats = False


class Gateway:
    """The sessions of both venues over one core. ``truth`` says what was sent; ``faults`` what goes wrong."""

    def __init__(self, core: Exchange, carrier: Carrier, timeline: Timeline | None = None, truth: Truth | None = None):
        self.core = core
        self.truth = truth or Truth(core)
        self.faults = FaultStage(timeline or Timeline(), core, self.truth)
        self.faults.advance(core.now_ns)
        self._carrier = carrier
        self._refusing: frozenset[Venue] = frozenset()  # venues whose connections were ended
        self._subscribers: dict[str, Subscriber] = {}
        self._by_token: dict[str, dict[str, Subscriber]] = {}
        self._listeners: dict[str, Listener] = {}

    # -- life of a session --------------------------------------------------------------------------------------------

    def open(self, venue: Venue) -> Session | None:
        """A new connection; None when the venue takes none now."""
        now = self.core.now_ns
        if venue in self.faults.refusing:
            self.faults.refused(venue, now)
            return None
        session = self.truth.session(venue, now)
        if venue == "polymarket":
            self._subscribers[session.id] = Subscriber(session)
        else:
            self._listeners[session.id] = Listener(session)
        return session

    def close(self, session: Session, why: str) -> None:
        """The connection is over, whoever ended it; a second call changes nothing."""
        if not session.open:
            return
        session.closed_ns, session.why = self.core.now_ns, why
        subscriber = self._subscribers.pop(session.id, None)
        if subscriber is not None:
            self._leave(subscriber, list(subscriber.tokens))
        self._listeners.pop(session.id, None)
        self.faults.closed(session)

    def hear(self, session: Session, message: str | bytes) -> None:
        """What a client says; its answers are handed to the carrier at once."""
        if not session.open:
            return
        if session.venue == "polymarket":
            self._hear_polymarket(self._subscribers[session.id], message)
        else:
            self._hear_coinbase(self._listeners[session.id], message)

    # -- time ---------------------------------------------------------------------------------------------------------

    def step(self) -> None:
        """One grid step of the core, carried to everyone whom it concerns."""
        for emission in self.core.step():
            self.carry(emission)
        self.after_step()

    def after_step(self) -> None:
        """Begin and end the faults that are due; send what they held back until now, and what they add."""
        faults = self.faults
        if faults.idle and not self._refusing:
            return
        now = self.core.now_ns
        faults.advance(now)
        refusing, self._refusing = self._refusing, faults.refusing
        for venue in self._refusing - refusing:
            for session in [each for each in self._sessions() if each.venue == venue]:
                faults.refused(venue, now, session)
                self._carrier.close(session, 0, "")
                self.close(session, "refused")
        due = faults.due(now)
        by_id = {session.id: session for session in self._sessions()} if due else {}
        for owner, outgoing in due:
            if owner in by_id:
                self._send(by_id[owner], outgoing, now)
        for emission in faults.pushes(now):
            self.carry(emission)

    def _sessions(self) -> list[Session]:
        clients: Iterable[Subscriber | Listener] = (*self._subscribers.values(), *self._listeners.values())
        return [each.session for each in clients]

    def carry(self, emission: Emission) -> None:
        """Send what the core said to everyone who asked for it."""
        if emission.venue == "polymarket":
            self._carry_polymarket(emission)
        else:
            self._carry_coinbase(emission)

    # -- Polymarket's market channel ----------------------------------------------------------------------------------

    def _carry_polymarket(self, emission: Emission) -> None:
        reached: dict[str, Subscriber] = {}
        if not emission.keys:
            reached = {key: each for key, each in self._subscribers.items() if each.custom}
        else:
            for token in emission.keys:
                served = self._by_token.get(token)
                if served:
                    reached.update(served)
            if reached and emission.channel == "best_bid_ask":
                reached = {key: each for key, each in reached.items() if each.custom}
        for each in reached.values():
            self._pass_on(each.session, emission.channel, emission.keys, emission.frame, emission.t_ns)

    def _hear_polymarket(self, subscriber: Subscriber, message: str | bytes) -> None:
        session, now = subscriber.session, self.core.now_ns
        try:
            body = json.loads(message)
            tokens = [str(token) for token in body.get("assets_ids") or ()]
        except (ValueError, AttributeError, TypeError):
            self._pass_on(session, "error", (), b"INVALID OPERATION", now)
            return
        if body.get("operation") == "unsubscribe":
            self._leave(subscriber, tokens)
            return
        subscriber.custom = subscriber.custom or body.get("custom_feature_enabled") is True
        for token in tokens:
            subscriber.tokens[token] = None
            self._by_token.setdefault(token, {})[session.id] = subscriber
        if body.get("initial_dump", True):
            known = [self.core.by_token[token] for token in tokens if token in self.core.by_token]
            if known and self.faults.running and self.faults.withholds(session, tuple(tokens), now):
                known = []
            books = ",".join(market.snapshot(index) for market, index in known)
            self._pass_on(session, "book", tuple(tokens), f"[{books}]".encode(), now)

    def _leave(self, subscriber: Subscriber, tokens: Iterable[str]) -> None:
        for token in tokens:
            subscriber.tokens.pop(token, None)
            served = self._by_token.get(token)
            if served is not None:
                served.pop(subscriber.session.id, None)
                if not served:
                    del self._by_token[token]

    # -- Coinbase -----------------------------------------------------------------------------------------------------

    def _carry_coinbase(self, emission: Emission) -> None:
        for each in list(self._listeners.values()):
            if emission.channel == "heartbeats":
                wanted = each.heartbeats
            else:
                wanted = not emission.keys or emission.keys[0] in each.products.get(emission.channel, ())
            if wanted:
                self._number(each, emission.channel, emission.keys, emission.frame, emission.t_ns)

    def _number(self, listener: Listener, channel: str, keys: tuple[str, ...], events: bytes, t_ns: int) -> None:
        """Put the connection's envelope around ``events`` and send it."""
        stamp = t_ns + COINBASE_LAG_NS
        if self.faults.running:
            listener.sequence += self.faults.skipped(listener.session, listener.sequence, t_ns)
            stamp += self.faults.skew_ns("coinbase")
        head = (
            f'{{"channel":"{channel}","client_id":"","timestamp":"{nano_time(stamp)}",'
            f'"sequence_num":{listener.sequence},"events":'
        )
        number, listener.sequence = listener.sequence, listener.sequence + 1
        self._pass_on(listener.session, channel, keys, b"".join((head.encode(), events, b"}")), t_ns, number)

    def _hear_coinbase(self, listener: Listener, message: str | bytes) -> None:
        try:
            body = json.loads(message)
            kind, channel = str(body["type"]), str(body["channel"])
            products = [str(product) for product in body.get("product_ids") or ()]
        except (ValueError, KeyError, TypeError, AttributeError):
            self._refuse(listener, "failed to parse the subscription")
            return
        unknown = [product for product in products if product not in self.core.spots]
        if unknown:
            self._refuse(listener, f"{unknown[0]} is not a valid product")
            return
        if channel == "heartbeats":
            listener.heartbeats = kind == "subscribe"
        elif channel not in COINBASE_CHANNELS:
            self._refuse(listener, f"channel {channel} is not supported")
            return
        else:
            stored = listener.products.setdefault(COINBASE_CHANNELS[channel], set())
            if kind == "subscribe":
                stored.update(products)
            else:
                stored.difference_update(products)
        now = self.core.now_ns
        self._number(listener, "subscriptions", (), _standing(listener), now)
        if kind != "subscribe":
            return
        for product in products:
            spot = self.core.spots[product]
            if channel == "level2":
                first = spot.snapshot(now)
            elif channel == "market_trades":
                first = spot.past_trades()
            else:
                first = spot.ticker("snapshot")
            if listener.session.open:
                self._number(listener, COINBASE_CHANNELS[channel], (product,), first, now)

    def _refuse(self, listener: Listener, why: str) -> None:
        error = json.dumps({"type": "error", "message": why}, separators=(",", ":"))
        self._pass_on(listener.session, "error", (), error.encode(), self.core.now_ns)

    # -- to the carrier -----------------------------------------------------------------------------------------------

    def _pass_on(
        self, session: Session, channel: str, keys: tuple[str, ...], frame: bytes, t_ns: int, number: int = -1
    ) -> None:
        if self.faults.calm:
            if self._carrier.deliver(session, frame):
                session.sent += 1
            return
        for outgoing in self.faults.pass_on(session, channel, keys, frame, t_ns, number):
            self._send(session, outgoing, t_ns)

    def _send(self, session: Session, outgoing: Outgoing, now_ns: int) -> None:
        if not session.open:
            return
        if outgoing.how == "whole":
            if self._carrier.deliver(session, outgoing.frame):
                session.sent += 1
                self.faults.delivered(session, outgoing, session.sent - 1, now_ns)
            return
        self.faults.delivered(session, outgoing, session.sent, now_ns)
        if outgoing.how == "cut":
            session.cut += 1
            self._carrier.cut(session, outgoing.frame)
        else:
            self._carrier.close(session, TOO_SLOW, "slow consumer")
        self.close(session, "cut in mid-frame" if outgoing.how == "cut" else "sent away as too slow")


def _standing(listener: Listener) -> bytes:
    """The ``events`` of a ``subscriptions`` message: what the connection is subscribed to now."""
    standing: dict[str, list[str]] = {
        name: sorted(listener.products[wire]) for name, wire in COINBASE_CHANNELS.items() if listener.products.get(wire)
    }
    if listener.heartbeats:
        standing["heartbeats"] = ["heartbeats"]
    return json.dumps([{"subscriptions": standing}], separators=(",", ":")).encode()
