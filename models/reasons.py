"""Every reason the system may give, each with one line of meaning. Modules, UI and tests use these and no others."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Reason(StrEnum):
    """Reason codes. The value is what stands on the wire; ``MEANING`` has the sentence for people."""

    OK = "ok"
    # feed integrity
    SEQUENCE_GAP = "sequence_gap"
    DUPLICATE_FRAME = "duplicate_frame"
    OUT_OF_ORDER = "out_of_order"
    CONNECTION_GAP = "connection_gap"
    RECORDER_GAP = "recorder_gap"
    DISCONNECTED = "disconnected"
    STALE_FEED = "stale_feed"
    STALE_BOOK = "stale_book"
    STALE_SPOT = "stale_spot"
    TIMESTAMP_OLD = "timestamp_old"
    TIMESTAMP_AHEAD = "timestamp_ahead"
    TIMESTAMP_BACKWARDS = "timestamp_backwards"
    CLOCK_BACKWARDS = "clock_backwards"
    HASH_MISMATCH = "hash_mismatch"
    BEST_MISMATCH = "best_mismatch"
    DECODE_ERROR = "decode_error"
    UNKNOWN_FRAME = "unknown_frame"
    CONTROL_TEXT = "control_text"
    UNKNOWN_ASSET = "unknown_asset"
    FROZEN_BOOK = "frozen_book"
    FROZEN_FEED = "frozen_feed"
    REST_MISMATCH = "rest_mismatch"
    SPOOL_FULL = "spool_full"
    # book validity
    NO_SNAPSHOT = "no_snapshot"
    CROSSED_BOOK = "crossed_book"
    LOCKED_BOOK = "locked_book"
    ONE_SIDED_BOOK = "one_sided_book"
    EMPTY_BOOK = "empty_book"
    PRICE_OUT_OF_RANGE = "price_out_of_range"
    OFF_TICK = "off_tick"
    SPREAD_TOO_WIDE = "spread_too_wide"
    PARITY_BROKEN = "parity_broken"
    # inputs of a strategy
    SPOT_MISSING = "spot_missing"
    STRIKE_MISSING = "strike_missing"
    BOOK_MISSING = "book_missing"
    BOOK_INVALID = "book_invalid"
    SPOT_INVALID = "spot_invalid"
    WARMING_UP = "warming_up"
    NOT_STARTED = "not_started"
    EXPIRED = "expired"
    PAIR_INCONSISTENT = "pair_inconsistent"
    DEPTH_TOO_THIN = "depth_too_thin"
    RULE_UNKNOWN = "rule_unknown"
    AVERAGE_UNKNOWN = "average_unknown"
    # verdicts of strategies
    EDGE = "edge"
    BELOW_THRESHOLD = "below_threshold"
    NOT_YET = "not_yet"
    UNKNOWN_MOVE = "unknown_move"
    NO_PARTNER = "no_partner"
    TOXIC_FLOW = "toxic_flow"
    QUOTE = "quote"
    # entry gates and sizing
    TOO_CLOSE_TO_EXPIRY = "too_close_to_expiry"
    COOLDOWN = "cooldown"
    STOPPED_OUT = "stopped_out"
    ORDER_PENDING = "order_pending"
    POSITION_OPEN = "position_open"
    CAP_MARKET = "cap_market"
    CAP_STRATEGY = "cap_strategy"
    CAP_TOTAL = "cap_total"
    KELLY_ZERO = "kelly_zero"
    BELOW_MIN_SIZE = "below_min_size"
    NO_CASH = "no_cash"
    NO_DEPTH = "no_depth"
    KILL_SWITCH = "kill_switch"
    PAUSED = "paused"
    ANOMALY = "anomaly"
    ENTER = "enter"
    # execution
    SUBMITTED = "submitted"
    FILLED = "filled"
    PARTLY_FILLED = "partly_filled"
    NOT_FILLED = "not_filled"
    PRICE_MOVED = "price_moved"
    MARKET_CLOSED = "market_closed"
    NOT_ACCEPTING = "not_accepting"
    UNOBSERVED = "unobserved"
    WOULD_CROSS = "would_cross"
    POST_ONLY_TAKES = "post_only_takes"
    ODD_AMOUNT = "odd_amount"
    EXPIRES_TOO_SOON = "expires_too_soon"
    ORDER_EXPIRED = "order_expired"
    RESTING = "resting"
    CANCELLED = "cancelled"
    REST_CANCELLED = "rest_cancelled"
    TIME_OUT = "time_out"
    # exits
    TAKE_PROFIT = "take_profit"
    STOP_LOSS = "stop_loss"
    TIME_EXIT = "time_exit"
    EDGE_DECAY = "edge_decay"
    HORIZON = "horizon"
    HOLDING = "holding"
    LEG_BROKEN = "leg_broken"
    PAIR_SOLD = "pair_sold"
    # settlement
    SETTLED = "settled"
    RESOLUTION_CONFLICT = "resolution_conflict"
    RESOLUTION_LATE = "resolution_late"
    RECONCILED = "reconciled"
    CORRECTED = "corrected"
    UNANSWERED = "unanswered"
    # orders of the desk, operator, lag
    DUST = "dust"
    SHADOW = "shadow"
    TOO_SLOW = "too_slow"
    BARRED = "barred"
    FLATTENING = "flattening"
    CLOSING = "closing"
    ILLEGAL_TRANSITION = "illegal_transition"
    UNSIGNED = "unsigned"
    WRONG_RUN = "wrong_run"
    REPEATED = "repeated"
    NOTHING_TO_DO = "nothing_to_do"
    UNKNOWN_NAME = "unknown_name"
    # portfolio risk
    CAP_FAMILY = "cap_family"
    CAP_UNDERLYING = "cap_underlying"
    CAP_EXPIRY = "cap_expiry"
    CAP_GATE = "cap_gate"
    PERFORMANCE = "performance"
    CONFIGURED = "configured"
    DAILY_LOSS = "daily_loss"
    DRAWDOWN = "drawdown"
    LOSS_STREAK = "loss_streak"
    NEGATIVE_EXPECTANCY = "negative_expectancy"
    FILL_ANOMALY = "fill_anomaly"
    SLIPPAGE = "slippage"
    FEED_HEALTH = "feed_health"
    RELEASED = "released"
    # execution quality
    SLIPPAGE_TOO_WIDE = "slippage_too_wide"
    DUPLICATE_SIGNAL = "duplicate_signal"
    DEADLINE = "deadline"
    # release gates
    GATE_CLOSED = "gate_closed"
    NOT_ARMED = "not_armed"
    NO_LIVE_SPLIT = "no_live_split"
    CRITERIA_MISSING = "criteria_missing"
    PROMOTED = "promoted"
    DEMOTED = "demoted"
    ARMING = "arming"
    PHRASE_WRONG = "phrase_wrong"
    PHRASE_EXPIRED = "phrase_expired"
    DISARMED = "disarmed"
    INTERLOCK = "interlock"
    DISABLED = "disabled"
    DRY_RUN = "dry_run"
    # the live venue
    PROVISIONAL = "provisional"
    REVERTED = "reverted"
    VENUE_REFUSED = "venue_refused"


MEANING: dict[Reason, str] = {
    Reason.OK: "nothing to object to",
    Reason.SEQUENCE_GAP: "the exchange's sequence number skipped: frames were lost before us",
    Reason.DUPLICATE_FRAME: "the same frame came twice on one connection",
    Reason.OUT_OF_ORDER: "the frame is older than one already seen, by its number or by its time among its kind",
    Reason.CONNECTION_GAP: "our own numbering of a connection skipped: frames were lost after receipt",
    Reason.RECORDER_GAP: "records of a recorder run never reached the feed topics",
    Reason.DISCONNECTED: "the connection ended; its books are invalid until a new snapshot",
    Reason.STALE_FEED: "no frame from the feed for longer than allowed",
    Reason.STALE_BOOK: "no update of the book for longer than allowed",
    Reason.STALE_SPOT: "no spot price for longer than allowed",
    Reason.TIMESTAMP_OLD: "the exchange's time is further behind our receipt than allowed",
    Reason.TIMESTAMP_AHEAD: "the exchange's time is further ahead of our receipt than allowed",
    Reason.TIMESTAMP_BACKWARDS: "the exchange's time ran backwards by more than the allowed lateness",
    Reason.CLOCK_BACKWARDS: "the recorder's clock stands before what is already in the journal",
    Reason.HASH_MISMATCH: "the book's checksum differs from the one computed over its content",
    Reason.BEST_MISMATCH: "the best prices the exchange states differ from those of the local book",
    Reason.DECODE_ERROR: "the frame does not parse",
    Reason.UNKNOWN_FRAME: "the frame parses but is of no known type",
    Reason.CONTROL_TEXT: "the exchange said something in plain text, which changes no book",
    Reason.UNKNOWN_ASSET: "the frame speaks of a token or product no market definition names",
    Reason.FROZEN_BOOK: "the book stands still although other feeds show that it must have moved",
    Reason.FROZEN_FEED: "the connection is open and silent although other feeds show that it must have spoken",
    Reason.REST_MISMATCH: "the exchange's REST answer is newer than the local book and differs from it",
    Reason.SPOOL_FULL: "the recorder's spool had no room left: records were dropped",
    Reason.NO_SNAPSHOT: "changes came before a snapshot; the book cannot be known",
    Reason.CROSSED_BOOK: "best bid above best ask",
    Reason.LOCKED_BOOK: "best bid equals best ask",
    Reason.ONE_SIDED_BOOK: "one side of the book is empty",
    Reason.EMPTY_BOOK: "both sides of the book are empty",
    Reason.PRICE_OUT_OF_RANGE: "a price outside [tick, 1 - tick]",
    Reason.OFF_TICK: "a price that is no multiple of the tick",
    Reason.SPREAD_TOO_WIDE: "best ask minus best bid is above the bound",
    Reason.PARITY_BROKEN: "the books of the two tokens do not mirror each other within the tolerance",
    Reason.SPOT_MISSING: "there is no spot price of the underlying",
    Reason.STRIKE_MISSING: "the strike is unknown and could not be estimated from spot",
    Reason.BOOK_MISSING: "there is no book for the token",
    Reason.BOOK_INVALID: "the book failed its integrity checks",
    Reason.SPOT_INVALID: "the spot feed failed its integrity checks",
    Reason.WARMING_UP: "not enough history yet for the features",
    Reason.NOT_STARTED: "the market's window has not opened",
    Reason.EXPIRED: "the market's window has ended",
    Reason.PAIR_INCONSISTENT: "the two tokens' books are not from the same moment",
    Reason.DEPTH_TOO_THIN: "fewer shares on offer near the best price than the strategy needs",
    Reason.RULE_UNKNOWN: "no settlement rule is known for the market and date",
    Reason.AVERAGE_UNKNOWN: "the settlement's average is under way, and too many of its seconds went unseen",
    Reason.EDGE: "the edge after costs is above the threshold",
    Reason.BELOW_THRESHOLD: "the edge after costs is not above the threshold",
    Reason.NOT_YET: "the strategy trades in another part of the window",
    Reason.UNKNOWN_MOVE: "what happened in the last seconds was not seen whole",
    Reason.NO_PARTNER: "no other window with the same end, a known strike and a fit book",
    Reason.TOXIC_FLOW: "spot or takers have just moved: whoever trades now knows more than a quote does",
    Reason.QUOTE: "quotes are wanted at these prices",
    Reason.TOO_CLOSE_TO_EXPIRY: "less time to the end than allowed",
    Reason.COOLDOWN: "too soon after the last order in this market",
    Reason.STOPPED_OUT: "the strategy left this market by its stop-loss and does not come back",
    Reason.ORDER_PENDING: "an order of this strategy in this market is under way",
    Reason.POSITION_OPEN: "the strategy already holds the other outcome of this market",
    Reason.CAP_MARKET: "the limit of money in one market is reached",
    Reason.CAP_STRATEGY: "the limit of money of one strategy is reached",
    Reason.CAP_TOTAL: "the limit of money in all positions is reached",
    Reason.KELLY_ZERO: "the Kelly fraction is zero or less",
    Reason.BELOW_MIN_SIZE: "the size comes out below the venue's minimum",
    Reason.NO_CASH: "not enough free cash",
    Reason.NO_DEPTH: "no quantity at an acceptable price",
    Reason.KILL_SWITCH: "the operator's kill switch is on",
    Reason.PAUSED: "entries are paused: by the operator, or this instance by the configuration",
    Reason.ANOMALY: "the ledger did not reconcile: no new entries until it is explained",
    Reason.ENTER: "all gates passed: an order was sent",
    Reason.SUBMITTED: "the order is under way to the venue",
    Reason.FILLED: "the order was filled whole",
    Reason.PARTLY_FILLED: "the order was filled in part",
    Reason.NOT_FILLED: "no quantity at the limit when the order arrived",
    Reason.PRICE_MOVED: "the book that stood on arrival no longer passed the re-validation",
    Reason.MARKET_CLOSED: "the market was over when the order arrived, or ended while it rested",
    Reason.NOT_ACCEPTING: "the exchange takes no orders in this market",
    Reason.UNOBSERVED: "nothing was observed within two ticks after the order was due: what it met cannot be known",
    Reason.WOULD_CROSS: "a post-only order would have been filled on arrival",
    Reason.POST_ONLY_TAKES: "post-only goes with orders that may rest alone: GTC and GTD",
    Reason.ODD_AMOUNT: "what the order may spend is no whole number of cents",
    Reason.EXPIRES_TOO_SOON: "a GTD order must have longer to live when it arrives",
    Reason.ORDER_EXPIRED: "a GTD order's time was over",
    Reason.RESTING: "the order waits in the book",
    Reason.CANCELLED: "the order was cancelled as asked",
    Reason.REST_CANCELLED: "what an order to take did not find at its limit was cancelled",
    Reason.TIME_OUT: "no answer came in time: what became of the order is unknown until it is asked for by its id",
    Reason.TAKE_PROFIT: "the bid reached the take-profit",
    Reason.STOP_LOSS: "the bid fell to the stop-loss",
    Reason.TIME_EXIT: "the time for holding is over",
    Reason.EDGE_DECAY: "the fair value no longer supports the position",
    Reason.HORIZON: "the strategy expected its gain within this time",
    Reason.HOLDING: "no exit rule applies",
    Reason.LEG_BROKEN: "one leg of a pair is larger than the other: what is over is sold",
    Reason.PAIR_SOLD: "both bids of a complete pair bring more than the dollar that it pays",
    Reason.SETTLED: "the market resolved and paid",
    Reason.RESOLUTION_CONFLICT: "a second resolution differs from the one that was paid: look at it",
    Reason.RESOLUTION_LATE: "the market has ended and no resolution came within the allowed time",
    Reason.RECONCILED: "ledger and fills agree to the micro-dollar",
    Reason.UNANSWERED: "the venue has not said what became of an order in the market: the settlement waits for it",
    Reason.CORRECTED: "the market's resolution was changed after it had been paid: the difference is posted",
    Reason.DUST: "the position is smaller than the least order: it can only be held to settlement",
    Reason.SHADOW: "the instance runs as a shadow: it is judged and never sends an order",
    Reason.TOO_SLOW: "our own way from receipt to decision takes longer than allowed: what is decided now comes late",
    Reason.BARRED: "the operator closed this market: it is not entered again",
    Reason.FLATTENING: "the operator asked for every position to be sold",
    Reason.CLOSING: "the operator asked for this market's positions to be sold",
    Reason.ILLEGAL_TRANSITION: "the venue reported a state that cannot follow the order's last one",
    Reason.UNSIGNED: "the command or promotion does not carry the signature that it needs",
    Reason.WRONG_RUN: "the command was given for another run",
    Reason.REPEATED: "the command is not newer than the last one: it was sent before",
    Reason.NOTHING_TO_DO: "what the command asks for is already so",
    Reason.UNKNOWN_NAME: "nothing here has the name that the command gives",
    Reason.CAP_FAMILY: "the limit of money of one family of strategies is reached",
    Reason.CAP_UNDERLYING: "the worst joint outcome of all windows of this underlying would cost more than its limit",
    Reason.CAP_EXPIRY: "the worst joint outcome of all windows that end together would cost more than its limit",
    Reason.CAP_GATE: "the release gate allows smaller caps only",
    Reason.PERFORMANCE: "what the instance has realised so far says so",
    Reason.CONFIGURED: "the configuration says so",
    Reason.DAILY_LOSS: "the day's loss reached its bound",
    Reason.DRAWDOWN: "the loss from the peak reached its bound",
    Reason.LOSS_STREAK: "as many losses in a row as the bound allows",
    Reason.NEGATIVE_EXPECTANCY: "a sequential test says that the expectancy is negative",
    Reason.FILL_ANOMALY: "fills or orders came that cannot be",
    Reason.SLIPPAGE: "fills are worse than the prices decided on by more than the bound",
    Reason.FEED_HEALTH: "a feed that trading rests on is not sound",
    Reason.RELEASED: "the breaker's own condition of release is met, or the operator released it",
    Reason.SLIPPAGE_TOO_WIDE: "the limit is further from the decision's mid than allowed",
    Reason.DUPLICATE_SIGNAL: "the same signal on the same book was acted on before",
    Reason.DEADLINE: "the order was not acknowledged in time: it is cancelled and asked for by its id",
    Reason.GATE_CLOSED: "the release gate allows no such order",
    Reason.NOT_ARMED: "real orders need the gate LIVE_ARMED, confirmed by the operator",
    Reason.NO_LIVE_SPLIT: "a split is a transaction on the chain, and this system sends none: it is made on paper only",
    Reason.CRITERIA_MISSING: "the gate's criteria are not all met",
    Reason.PROMOTED: "the criteria are met: of a release gate, and the operator asked for it, or of an instance",
    Reason.DEMOTED: "the release gate was lowered, or an instance by what it has shown",
    Reason.ARMING: "arming waits for the phrase to be confirmed",
    Reason.PHRASE_WRONG: "the phrase is not the one of the last request to arm",
    Reason.PHRASE_EXPIRED: "the phrase was confirmed too late, or nothing asked for it",
    Reason.DISARMED: "the time of arming is over, or the operator disarmed",
    Reason.INTERLOCK: "the live venue's own interlock does not agree",
    Reason.DISABLED: "the operator switched the instance's entries off",
    Reason.DRY_RUN: "the order was built, signed and checked, and not sent",
    Reason.PROVISIONAL: "the exchange matched the order and has not confirmed it: it may still be reverted",
    Reason.REVERTED: "the exchange matched the order and then failed to settle it: nothing was bought or sold",
    Reason.VENUE_REFUSED: "the exchange refused the order",
}


#: With one of these a book or spot price is not to be traded on.
BLOCKING: Final = frozenset(
    {
        Reason.SEQUENCE_GAP,
        Reason.CONNECTION_GAP,
        Reason.RECORDER_GAP,
        Reason.DISCONNECTED,
        Reason.DECODE_ERROR,
        Reason.NO_SNAPSHOT,
        Reason.HASH_MISMATCH,
        Reason.BEST_MISMATCH,
        Reason.OUT_OF_ORDER,
        Reason.FROZEN_BOOK,
        Reason.FROZEN_FEED,
        Reason.REST_MISMATCH,
        Reason.TIMESTAMP_OLD,
        Reason.TIMESTAMP_AHEAD,
        Reason.TIMESTAMP_BACKWARDS,
        Reason.CLOCK_BACKWARDS,
        Reason.EMPTY_BOOK,
        Reason.ONE_SIDED_BOOK,
        Reason.CROSSED_BOOK,
        Reason.LOCKED_BOOK,
        Reason.PRICE_OUT_OF_RANGE,
        Reason.OFF_TICK,
        Reason.SPREAD_TOO_WIDE,
    }
)


class Verdict(StrEnum):
    """What a module made of a trace: go on, wait, or refuse."""

    PASS = "pass"
    HOLD = "hold"
    BLOCK = "block"
