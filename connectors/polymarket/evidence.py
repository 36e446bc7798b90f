"""Tells frozen feeds from quiet ones by evidence across feeds: silence alone proves nothing.

A book that stands still is suspect when something else shows that it must have moved:

* spot moved and the book, its window open and its price in mid-range, did not follow;
* the other token of its market changed again and again (the two are one book seen twice);
* other markets on the same connection changed and spot moved by half of that;
* REST has a newer book with other best prices, and the stream did not catch up.

A connection is suspect when all of it is silent and spot moved, and the spot feed when it is silent while books change.
Whoever feeds it says what it saw and asks ``judge`` now and then; marks are taken there, so that a change costs next to
nothing. Pure: every time is an argument. Times are Unix ns, token prices pips, spot prices micro-dollars.
"""

from __future__ import annotations

import msgspec

from models.money import PIP
from models.reasons import Reason
from models.settings import Checks
from models.timestamps import MILLISECOND, SECOND
from models.topics import FEED_COINBASE, FEED_POLYMARKET

_LOWEST, _HIGHEST = PIP // 10, PIP - PIP // 10  # mid-range: nearer to the ends a move of spot need not show
_MILLIONTHS = 1_000_000
_BP = _MILLIONTHS // 10_000


class Suspicion(msgspec.Struct, frozen=True):
    """What looks frozen and why. ``tokens``: the books concerned; ``asset``: the spot price concerned, "" for all of
    the connection. ``reason``: FROZEN_BOOK, FROZEN_FEED or REST_MISMATCH. ``numbers``: what it rests on (ms, counts,
    millionths, pips)."""

    feed: str
    conn: str
    reason: Reason
    why: str
    tokens: tuple[str, ...] = ()
    asset: str = ""
    numbers: dict[str, int] = {}


class _Book(msgspec.Struct):
    """What was seen of one token, and the marks taken when it was last seen to have changed."""

    token: str
    asset: str
    complement: str
    start: int
    end: int
    conn: str = ""
    t: int = 0  # receive time of the last change; 0 = nothing is known
    x: int = 0
    bid: int | None = None
    ask: int | None = None
    changes: int = 0
    marked: int = -1  # ``changes`` when the marks were taken
    complement_mark: int = 0
    conn_mark: int = 0
    spot_mark: int = 0
    followed: int = 0  # the spot price that was compared with the mark last, 0 = none
    half_since: int = 0  # since when spot is half the bound away from the mark, 0 = it is not
    full_since: int = 0
    rest: tuple[int | None, int | None, int, int] | None = None  # bid, ask, exchange time, receive time


class _Spot(msgspec.Struct):
    price: int
    t: int
    conn: str
    frames: int = 0
    marked: int = -1
    changes_mark: int = 0
    mids: dict[str, int] = {}


class _Conn(msgspec.Struct):
    t: int = 0
    changes: int = 0


class Evidence:
    """Books, spot prices and REST answers as they were seen. Bounds are the section ``checks`` of the settings."""

    def __init__(self, checks: Checks) -> None:
        self._books: dict[str, _Book] = {}
        self.bound(checks)
        self._spots: dict[str, _Spot] = {}
        self._conns: dict[str, _Conn] = {}
        self._changes = 0  # of all books

    def bound(self, checks: Checks) -> None:
        """Go by these bounds from now on."""
        self._after = int(checks.frozen_after_s * SECOND)
        self._move = round(checks.frozen_spot_bp * _BP)  # millionths
        self._complement = checks.frozen_complement_changes
        self._others = checks.frozen_other_changes
        self._shift = 3 * round(checks.parity_tolerance * PIP) // 2
        self._grace = checks.rest_grace_ms * MILLISECOND
        for book in self._books.values():
            book.followed = 0

    # --- what is seen -----------------------------------------------------------------------------------------------

    def market(self, asset: str, up: str, down: str, start: int, end: int) -> None:
        """A market's two tokens and its window (Unix ns). Tokens of no known market are never suspect."""
        for token, complement in ((up, down), (down, up)):
            book = self._books.get(token)
            if book is None:
                self._books[token] = _Book(token, asset, complement, start, end)
            else:
                book.asset, book.complement, book.start, book.end = asset, complement, start, end

    def frame(self, conn: str, t: int) -> None:
        """Any frame of a Polymarket connection that is no PONG."""
        state = self._conns.get(conn)
        if state is None:
            state = self._conns[conn] = _Conn()
        state.t = t

    def changed(
        self, token: str, conn: str, t: int, bid: int | None, ask: int | None, x: int = 0, count: int = 1
    ) -> None:
        """The stream changed a book, or sent it whole: best prices now, and the exchange's time of it. ``count``: how
        many changes that were since the last call."""
        book = self._books.get(token)
        if book is None:
            return
        book.conn, book.t, book.x, book.bid, book.ask = conn, t, x, bid, ask
        book.changes += count
        self._changes += count
        state = self._conns.get(conn)
        if state is None:
            state = self._conns[conn] = _Conn()
        state.changes += count
        if t > state.t:
            state.t = t

    def spot(self, asset: str, price: int, t: int, conn: str = "", count: int = 1) -> None:
        """A sound spot price from the stream, whether it changed or not."""
        state = self._spots.get(asset)
        if state is None:
            state = self._spots[asset] = _Spot(price, t, conn)
        state.price, state.t, state.conn = price, t, conn
        state.frames += count

    def rest(self, token: str, bid: int | None, ask: int | None, x: int, t: int) -> None:
        """REST's best prices for a token, its exchange time and when the answer came."""
        book = self._books.get(token)
        if book is not None:
            book.rest = (bid, ask, x, t)

    # --- what is known no longer --------------------------------------------------------------------------------------

    def unknown(self, token: str) -> None:
        """Nothing stands of the token until its next change: it cannot be frozen."""
        book = self._books.get(token)
        if book is not None:
            book.t, book.rest = 0, None

    def closed(self, conn: str) -> None:
        """The connection ended: nothing that came through it stands."""
        self._conns.pop(conn, None)
        for book in self._books.values():
            if book.conn == conn:
                book.t, book.rest = 0, None
        for asset in [asset for asset, spot in self._spots.items() if spot.conn == conn]:
            del self._spots[asset]

    def forget(self, token: str) -> None:
        """The token's market is over."""
        self._books.pop(token, None)

    def spot_unknown(self, asset: str) -> None:
        """There is no sound spot price of the asset until the next one."""
        self._spots.pop(asset, None)

    # --- judgement ----------------------------------------------------------------------------------------------------

    def judge(self, t: int) -> list[Suspicion]:
        """Everything that looks frozen at ``t``, as long as it does: reported again each time until it moves."""
        found: list[Suspicion] = []
        silent: dict[str, list[str]] = {}  # connections that say nothing at all while spot moves -> tokens
        spots, after = self._spots, self._after
        for book in self._books.values():
            if not book.t:
                continue
            if book.changes != book.marked:
                self._mark(book)
            spot = spots.get(book.asset)
            if spot is None or spot.price != book.followed:
                self._follow_spot(book, spot, t)
            if book.rest is None and (t - book.t < after or t > book.end):
                continue  # nearly always: too young to be suspect, or over
            suspicion = self._suspect(book, t)
            if suspicion is None:
                continue
            if suspicion.reason == Reason.FROZEN_BOOK and t - self._conns[book.conn].t >= self._after:
                silent.setdefault(book.conn, []).append(book.token)
            else:
                found.append(suspicion)
        for conn, tokens in silent.items():
            ms = (t - self._conns[conn].t) // MILLISECOND
            why = f"spot moved and the connection said nothing for {ms / 1000:g} s"
            found.append(
                Suspicion(FEED_POLYMARKET, conn, Reason.FROZEN_FEED, why, tuple(tokens), numbers={"silent_ms": ms})
            )
        found.extend(self._suspect_spots(t))
        return found

    def _mark(self, book: _Book) -> None:
        book.marked = book.changes
        complement = self._books.get(book.complement)
        book.complement_mark = complement.changes if complement is not None else 0
        book.conn_mark = self._conns[book.conn].changes
        spot = self._spots.get(book.asset)
        book.spot_mark = spot.price if spot is not None else 0
        book.half_since = book.full_since = book.followed = 0

    def _follow_spot(self, book: _Book, spot: _Spot | None, t: int) -> None:
        if spot is None:
            book.spot_mark = book.half_since = book.full_since = book.followed = 0
            return
        book.followed = spot.price
        if not book.spot_mark:
            book.spot_mark = spot.price
        moved = abs(spot.price - book.spot_mark) * _MILLIONTHS // book.spot_mark
        book.half_since = (book.half_since or t) if 2 * moved >= self._move else 0
        book.full_since = (book.full_since or t) if moved >= self._move else 0

    def _suspect(self, book: _Book, t: int) -> Suspicion | None:
        rest = self._compare_rest(book, t)
        if rest is not None:
            return rest
        after = self._after
        if t - book.t < after or t > book.end:
            return None
        silent = (t - book.t) // MILLISECOND
        numbers = {"silent_ms": silent}
        complement = self._books.get(book.complement)
        complement_changes = complement.changes - book.complement_mark if complement is not None and complement.t else 0
        if complement_changes >= self._complement:
            numbers["complement_changes"] = complement_changes
            return _frozen(book, f"the other token changed {complement_changes} times in {silent / 1000:g} s", numbers)
        if t < book.start or book.bid is None or book.ask is None or not book.spot_mark:
            return None
        if not _LOWEST <= (book.bid + book.ask) // 2 <= _HIGHEST:
            return None
        moved = abs(self._spots[book.asset].price - book.spot_mark) * _MILLIONTHS // book.spot_mark
        numbers["spot_millionths"] = moved
        if book.full_since and t - book.full_since >= after:
            return _frozen(book, f"spot moved {moved / _BP:g} bp since the book's last change", numbers)
        others = self._conns[book.conn].changes - book.conn_mark - complement_changes
        if book.half_since and t - book.half_since >= after and others >= self._others:
            numbers["other_changes"] = others
            return _frozen(
                book, f"spot moved {moved / _BP:g} bp and other books of the connection changed {others} times", numbers
            )
        return None

    def _compare_rest(self, book: _Book, t: int) -> Suspicion | None:
        if book.rest is None:
            return None
        bid, ask, x, came = book.rest
        if book.x >= x or (bid, ask) == (book.bid, book.ask):
            book.rest = None
            return None
        if t - came < self._grace:
            return None
        behind = (x - book.x) // MILLISECOND
        why = f"REST has {_pair(bid, ask)}, the stream {_pair(book.bid, book.ask)} of {behind} ms before"
        numbers = {"behind_ms": behind, "silent_ms": (t - book.t) // MILLISECOND}
        return Suspicion(FEED_POLYMARKET, book.conn, Reason.REST_MISMATCH, why, (book.token,), numbers=numbers)

    def _suspect_spots(self, t: int) -> list[Suspicion]:
        found: list[Suspicion] = []
        latest: dict[str, int] = {}
        suspected: set[str] = set()
        for spot in self._spots.values():
            latest[spot.conn] = max(latest.get(spot.conn, 0), spot.t)
        for asset, spot in self._spots.items():
            if spot.frames != spot.marked:
                spot.marked = spot.frames
                spot.changes_mark = self._changes
                spot.mids = self._mids(asset, t)
                continue
            silent = t - spot.t
            if silent < self._after:
                continue
            changes = self._changes - spot.changes_mark
            numbers = {"silent_ms": silent // MILLISECOND, "book_changes": changes}
            if t - latest[spot.conn] >= self._after:
                if changes >= self._others and spot.conn not in suspected:
                    suspected.add(spot.conn)
                    why = f"no price of any product for {silent / SECOND:.3g} s while books changed {changes} times"
                    found.append(Suspicion(FEED_COINBASE, spot.conn, Reason.FROZEN_FEED, why, numbers=numbers))
                continue
            shift = max(
                (abs(mid - spot.mids[name]) for name, mid in self._mids(asset, t).items() if name in spot.mids),
                default=0,
            )
            if shift >= self._shift and changes >= self._others:
                numbers["mid_pips"] = shift
                why = f"no price of {asset} for {silent / SECOND:.3g} s while its books moved by {shift} pips"
                found.append(Suspicion(FEED_COINBASE, spot.conn, Reason.FROZEN_FEED, why, asset=asset, numbers=numbers))
        return found

    def _mids(self, asset: str, t: int) -> dict[str, int]:
        """Mid prices of the asset's books whose window is open."""
        mids: dict[str, int] = {}
        for book in self._books.values():
            if book.asset != asset or not book.t or not book.start <= t <= book.end:
                continue
            if book.bid is not None and book.ask is not None:
                mids[book.token] = (book.bid + book.ask) // 2
        return mids


def _frozen(book: _Book, why: str, numbers: dict[str, int]) -> Suspicion:
    return Suspicion(FEED_POLYMARKET, book.conn, Reason.FROZEN_BOOK, why, (book.token,), numbers=numbers)


def _pair(bid: int | None, ask: int | None) -> str:
    return " / ".join("none" if price is None else f"{price / PIP:g}" for price in (bid, ask))
