"""What each kind of fault does and how it can be found: the table of the page and of the truth log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from models.reasons import Reason

Sure: TypeAlias = dict[str, tuple[Reason, ...]]


@dataclass(frozen=True)
class FaultKind:
    """``what`` it does; ``seen``: where and when it shows; ``sure`` reasons a check must give on that evidence, by
    venue ("" = any); ``possible`` ones it may give, by chance or by other evidence."""

    what: str
    seen: str
    sure: Sure
    possible: tuple[Reason, ...] = ()

    def reasons(self, venue: str) -> tuple[Reason, ...]:
        return self.sure.get(venue, self.sure.get("", ()))


def rows() -> list[str]:
    """The table of docs/simulator.md, a row a kind."""
    made = []
    for name, kind in EVIDENCE.items():
        sure = "; ".join(
            f"{venue + ': ' if venue else ''}{', '.join(f'`{reason}`' for reason in reasons)}"
            for venue, reasons in kind.sure.items()
        )
        possible = ", ".join(f"`{reason}`" for reason in kind.possible)
        made.append(f"| `{name}` | {kind.what} | {kind.seen} | {sure or '–'} | {possible or '–'} |")
    return made


_GAP: Final[Sure] = {"coinbase": (Reason.SEQUENCE_GAP,)}
_TEXT: Final[Sure] = {"": (Reason.DECODE_ERROR,)}
_TORN: Final = (
    Reason.BEST_MISMATCH,
    Reason.HASH_MISMATCH,
    Reason.STALE_BOOK,
    Reason.REST_MISMATCH,
    Reason.FROZEN_BOOK,
    Reason.FROZEN_FEED,
)

EVIDENCE: Final[dict[str, FaultKind]] = {
    "lost": FaultKind(
        "a frame is not sent; on Coinbase its number is used up",
        "Coinbase: with the next number that comes. Polymarket numbers nothing: stated best prices, a checksum or REST "
        "may tell",
        _GAP,
        _TORN,
    ),
    "duplicated": FaultKind(
        "a frame is sent twice",
        "Coinbase: with the second copy. Polymarket's frames say totals, so that twice is as good as once",
        {"coinbase": (Reason.DUPLICATE_FRAME,)},
        (Reason.DUPLICATE_FRAME, Reason.OUT_OF_ORDER, Reason.TIMESTAMP_BACKWARDS),
    ),
    "reordered": FaultKind(
        "a frame is sent after the one that follows it, or a second late if none does",
        "Coinbase: with the first of the two. Polymarket: as a loss, or by its time if that is out by more than 100 ms",
        _GAP,
        (Reason.OUT_OF_ORDER, Reason.TIMESTAMP_BACKWARDS, *_TORN),
    ),
    "delayed": FaultKind(
        "a frame comes `delay_s` late, and everything behind it waits",
        "by its time when it comes, if the delay is above checks.old_ms; before that as silence",
        {"": (Reason.TIMESTAMP_OLD,)},
        (Reason.STALE_FEED, Reason.STALE_BOOK, Reason.STALE_SPOT, Reason.DISCONNECTED),
    ),
    "sequence_gap": FaultKind("`skip` sequence numbers are left out", "with the next number that comes", _GAP),
    "frozen": FaultKind(
        "nothing is sent and PING is answered; Coinbase's numbers go on",
        "after checks.stale_feed_s of silence, then as a connection that the door gave up; on Coinbase at the latest "
        "with the first frame after it",
        {},
        (Reason.STALE_FEED, Reason.STALE_SPOT, Reason.DISCONNECTED, Reason.SEQUENCE_GAP, *_TORN),
    ),
    "token_frozen": FaultKind(
        "one token is left out of every frame, the other moves",
        "after checks.stale_book_s while the market is open; before by the two tokens' times, or REST",
        {},
        (*_TORN, Reason.PAIR_INCONSISTENT, Reason.PARITY_BROKEN),
    ),
    "crossed_book": FaultKind(
        "one side of a token's book is moved beyond the other by `by`, in all frames alike",
        "with a book sent at its beginning",
        {"": (Reason.CROSSED_BOOK,)},
    ),
    "locked_book": FaultKind(
        "one side is moved onto the other", "with a book sent at its beginning", {"": (Reason.LOCKED_BOOK,)}
    ),
    "one_sided_book": FaultKind(
        "a `side` is left out, in all frames alike",
        "with a book sent at its beginning",
        {"": (Reason.ONE_SIDED_BOOK,)},
    ),
    "off_tick": FaultKind(
        "the bids are moved by half a tick of 0.001", "with a book sent at its beginning", {"": (Reason.OFF_TICK,)}
    ),
    "parity_torn": FaultKind(
        "both sides of one token are moved by `by`, in all frames alike",
        "with the books of both tokens sent at its beginning, if `by` is above checks.parity_tolerance",
        {"": (Reason.PARITY_BROKEN,)},
    ),
    "wrong_hash": FaultKind(
        "the checksum of a token's books is false", "with a book sent at its beginning", {"": (Reason.HASH_MISMATCH,)}
    ),
    "clock_skew": FaultKind(
        "the exchange's times are `skew_s` ahead (or behind, when negative), checksums included",
        "with the next price, if the skew is beyond checks.ahead_ms or checks.old_ms; when it ends or begins, as time "
        "that runs backwards",
        {},
        (Reason.TIMESTAMP_BACKWARDS, Reason.OUT_OF_ORDER, Reason.TIMESTAMP_AHEAD, Reason.TIMESTAMP_OLD),
    ),
    "malformed": FaultKind("the frame is no JSON", "at once", _TEXT, (Reason.SEQUENCE_GAP,)),
    "truncated": FaultKind("the frame ends early", "at once", _TEXT, (Reason.SEQUENCE_GAP,)),
    "oversized": FaultKind(
        "the frame is padded to `size_bytes`; the doors take up to 24 MiB",
        "at once, as a connection the door gave up, if it is above that",
        {"": (Reason.DISCONNECTED,)},
    ),
    "unknown_frame": FaultKind(
        "a frame of a type nobody knows is sent in between", "at once", {"": (Reason.UNKNOWN_FRAME,)}
    ),
    "control_text": FaultKind(
        "`text`, which is no JSON, is sent in between", "at once; the books stand", {"": (Reason.CONTROL_TEXT,)}
    ),
    "foreign_message": FaultKind(
        "a message about another market, with something missing, is sent in between",
        "at once; the books stand",
        _TEXT,
    ),
    "odd_neighbour": FaultKind(
        "beside the frame's own messages stands one about another market that cannot be used",
        "at once; its siblings are taken",
        _TEXT,
    ),
    "no_first_book": FaultKind(
        "a subscription is answered without books; changes come all the same",
        "with the first change; the door asks by REST and subscribes anew",
        {},
        (Reason.NO_SNAPSHOT, *_TORN),
    ),
    "as_numbers": FaultKind("prices are JSON numbers", "at once", _TEXT, (Reason.SEQUENCE_GAP,)),
    "as_strings": FaultKind("`sequence_num` is a string", "at once", _TEXT, (Reason.SEQUENCE_GAP,)),
    "empty_string": FaultKind(
        "the first price is an empty string", "at once, where the book was known", _TEXT, (Reason.SEQUENCE_GAP,)
    ),
    "missing_field": FaultKind(
        "`field` is left out, by default the price",
        "at once, if it is the price; another field as it comes",
        _TEXT,
        (
            Reason.DECODE_ERROR,
            Reason.SEQUENCE_GAP,
            Reason.UNKNOWN_ASSET,
            Reason.ONE_SIDED_BOOK,
            Reason.EMPTY_BOOK,
            *_TORN,
        ),
    ),
    "disconnect": FaultKind(
        "half a frame is sent and the connection is cut", "at once, by the door's notice", {"": (Reason.DISCONNECTED,)}
    ),
    "slow_consumer": FaultKind(
        "the client is sent away as too slow (close code 1008)",
        "at once, by the door's notice",
        {"": (Reason.DISCONNECTED,)},
    ),
    "refused": FaultKind(
        "connections are ended, and new ones refused",
        "at once, by the door's notice; again with each try",
        {"": (Reason.DISCONNECTED,)},
    ),
    "http_status": FaultKind(
        "Gamma or the CLOB answers `status` with Retry-After",
        "by the markets door's notice, once until it answers again",
        {"": (Reason.DISCONNECTED,)},
    ),
    "tick_change": FaultKind(
        "the open market's tick becomes 0.001; `announced` or not",
        "no fault when announced; else with the first book that is finer",
        {},
        (Reason.NO_SNAPSHOT, Reason.OFF_TICK, Reason.HASH_MISMATCH, Reason.PRICE_OUT_OF_RANGE),
    ),
    "resolves_late": FaultKind("the market resolves `by_s` later", "no fault: capital is bound for longer", {}),
    "resolves_never": FaultKind(
        "the market never resolves", "the markets door says so after three hours, and gives up after a day", {}
    ),
    "resolves_half": FaultKind(
        "the market pays a half each; the socket does not say so", "no fault: Gamma says so", {}
    ),
    "resolves_twice": FaultKind(
        "the market resolves, and `by_s` later it resolves the other way",
        "with the second answer",
        {"": (Reason.RESOLUTION_CONFLICT,)},
    ),
    "resolves_proposed": FaultKind(
        "Gamma says closed and the other outcome, as `proposed`; `by_s` later it resolves as it should",
        "no fault: nothing is paid before it is resolved",
        {},
    ),
    "rest_stale": FaultKind("REST `/book` shows the books of its beginning", "by comparison with the stream", {}),
}
