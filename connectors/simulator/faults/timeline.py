"""A timeline of faults: what goes wrong in the simulated exchange, when, and for whom. Read from TOML, checked whole.

Times are simulated seconds after the exchange's start. A fault is at work from ``at_s`` on, for ``for_s`` seconds or
until it struck ``count`` times, whichever is given; with ``probability`` it strikes only some of what it could.
"""

from __future__ import annotations

import json
import math
import tomllib
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, TypeAlias, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from connectors.simulator.emission import Venue
from models.failures import Failure

FOR_S: Final = 5.0  # how long a fault lasts when the file does not say
OVER_LIMIT: Final = 25 * 1024 * 1024  # bytes; the doors take frames of up to 24 MiB

Asset = Literal["BTC", "ETH", "SOL", "XRP", "DOGE", "BNB", "HYPE", "ZEC"]
Horizon = Literal["5m", "15m", "1h"]
Outcome = Literal["up", "down"]


class TimelineError(Failure):
    """A timeline that cannot be used."""

    def __init__(self, findings: str) -> None:
        super().__init__(findings, "Correct the file; the kinds and their keys are in docs/simulator.md.")


class Fault(BaseModel):
    """What all faults have. One that strikes ``once`` needs neither ``for_s`` nor ``count``."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    once: ClassVar[bool] = False

    kind: str
    at_s: float = Field(ge=0, allow_inf_nan=False)
    for_s: float | None = Field(None, gt=0, allow_inf_nan=False)

    @property
    def until_s(self) -> float:
        """When it is over at the latest; infinite when only a count ends it."""
        if self.for_s is not None:
            return self.at_s + self.for_s
        return math.inf if self.times > 0 else self.at_s + FOR_S

    @property
    def times(self) -> int:
        """How often it strikes at most; -1 = as often as it can."""
        return 1 if self.once and self.for_s is None else -1

    @property
    def chance(self) -> float:
        """With what probability it strikes where it can."""
        return 1.0


class _Strokes(Fault):
    """Made of single strokes: at most ``count`` of them, each with ``probability``."""

    count: int | None = Field(None, ge=1)
    probability: float = Field(1.0, gt=0, le=1)

    @property
    def times(self) -> int:
        return super().times if self.count is None else self.count

    @property
    def chance(self) -> float:
        return self.probability


class _OfMarket(Fault):
    """Limited to an asset, a horizon; without them it concerns all."""

    asset: Asset | None = None
    horizon: Horizon | None = None


class _OnFrames(_Strokes, _OfMarket):
    """Strikes single frames of a venue, of one outcome if so wished."""

    venue: Venue
    outcome: Outcome | None = None

    @model_validator(mode="after")
    def _target_exists(self) -> _OnFrames:
        if self.venue == "coinbase" and (self.horizon or self.outcome):
            raise ValueError("horizon and outcome belong to venue polymarket; coinbase knows asset only")
        return self


class FrameFault(_OnFrames):
    """Transport and text of single frames."""

    kind: Literal["lost", "duplicated", "reordered", "malformed", "truncated", "as_numbers", "empty_string"]


class Delayed(_OnFrames):
    """``delay_s``: later than they would have come; what follows on the connection waits behind them."""

    kind: Literal["delayed"]
    delay_s: float = Field(2.0, gt=0, le=600)


class FieldLeftOut(_OnFrames):
    """``field``: which one is left out, wherever it stands in the frame; default: the price."""

    kind: Literal["missing_field"]
    field: str = Field("", max_length=40)


class Oversized(_OnFrames):
    """A frame blown up to ``size_bytes``; the doors take up to 24 MiB."""

    once: ClassVar[bool] = True
    kind: Literal["oversized"]
    size_bytes: int = Field(OVER_LIMIT, ge=1024, le=60 * 1024 * 1024)


class AsStrings(_OnFrames):
    """Numbers of Coinbase's envelope as strings."""

    kind: Literal["as_strings"]
    venue: Literal["coinbase"] = "coinbase"


class OddNeighbour(_OnFrames):
    """An element about another market that cannot be used, beside the frame's own in one array."""

    kind: Literal["odd_neighbour"]
    venue: Literal["polymarket"] = "polymarket"


class Beside(_Strokes):
    """What Polymarket says beside its books: ``control_text``, the plain ``text``; ``foreign_message``, a message about
    another market with something missing."""

    once: ClassVar[bool] = True
    kind: Literal["control_text", "foreign_message"]
    venue: Literal["polymarket"] = "polymarket"
    text: str = Field("INVALID OPERATION", max_length=200, pattern=r"^[^\[\]{}]*$")


class NoFirstBook(_Strokes):
    """A subscription to Polymarket's market channel is answered without books; changes come all the same."""

    once: ClassVar[bool] = True
    kind: Literal["no_first_book"]
    venue: Literal["polymarket"] = "polymarket"


class SequenceGap(_Strokes):
    """``skip`` sequence numbers are left out before the next message of a Coinbase connection."""

    once: ClassVar[bool] = True
    kind: Literal["sequence_gap"]
    venue: Literal["coinbase"] = "coinbase"
    skip: int = Field(1, ge=1, le=1_000_000)


class VenueFault(Fault):
    """The venue as a whole: silent though it answers PING, or taking no connections."""

    kind: Literal["frozen", "refused"]
    venue: Venue


class OnceOfVenue(_Strokes):
    """One frame of a type nobody knows; a connection that is cut in mid-frame; a client sent away as too slow."""

    once: ClassVar[bool] = True
    kind: Literal["unknown_frame", "disconnect", "slow_consumer"]
    venue: Venue


class ClockSkew(Fault):
    """The exchange's clock is ``skew_s`` ahead, or behind when negative."""

    kind: Literal["clock_skew"]
    venue: Venue
    skew_s: float = Field(10.0, ge=-3600, le=3600, allow_inf_nan=False)


class BookFault(_OfMarket):
    """One token's book shown wrongly and consistently so; ``by``: dollars, where prices are moved; ``side``: which one
    is missing."""

    kind: Literal[
        "token_frozen", "crossed_book", "locked_book", "one_sided_book", "off_tick", "parity_torn", "wrong_hash"
    ]
    outcome: Outcome = "up"
    by: float = Field(0.05, ge=0.001, le=0.4)
    side: Literal["bids", "asks"] = "bids"


class HttpStatus(_Strokes):
    """Gamma or the CLOB answers ``status`` with Retry-After."""

    kind: Literal["http_status"]
    host: Literal["gamma", "clob"] = "gamma"
    status: Literal[425, 429, 503] = 429
    retry_after_s: float = Field(1.0, ge=0, le=300)


class TickChange(_OfMarket):
    """The tick of the open market becomes 0.001; ``announced``: with the frame that says so."""

    once: ClassVar[bool] = True
    kind: Literal["tick_change"]
    announced: bool = True


class ResolutionFault(_OfMarket):
    """Of the windows that end while the fault is at work. ``by_s``: how late, how long until the other answer, or how
    long the other outcome stands proposed."""

    kind: Literal["resolves_late", "resolves_never", "resolves_half", "resolves_twice", "resolves_proposed"]
    by_s: float = Field(60.0, gt=0, le=86_400)
    for_s: float | None = Field(3600.0, gt=0, allow_inf_nan=False)


class RestStale(_OfMarket):
    """REST ``/book`` goes on showing the books of the fault's beginning."""

    kind: Literal["rest_stale"]


AnyFault: TypeAlias = (
    FrameFault
    | Delayed
    | FieldLeftOut
    | Oversized
    | AsStrings
    | OddNeighbour
    | Beside
    | NoFirstBook
    | SequenceGap
    | VenueFault
    | OnceOfVenue
    | ClockSkew
    | BookFault
    | HttpStatus
    | TickChange
    | ResolutionFault
    | RestStale
)

#: every kind and the model of its entries
KINDS: Final[dict[str, type[Fault]]] = {
    kind: model for model in get_args(AnyFault) for kind in get_args(model.model_fields["kind"].annotation)
}


class Timeline(BaseModel):
    """All faults of a run; ``seed`` decides whatever is left to chance."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = Field(0, ge=0)
    fault: tuple[Annotated[AnyFault, Field(discriminator="kind")], ...] = ()


def as_toml(timeline: Timeline) -> str:
    """The file that ``parse`` reads back as the same timeline."""
    lines = [f"seed = {timeline.seed}"]
    for fault in timeline.fault:
        keys = fault.model_dump(mode="json", exclude_none=True)
        # strings, numbers and truth values are written alike in JSON and TOML
        lines += ["", "[[fault]]", *(f"{key} = {json.dumps(value)}" for key, value in keys.items())]
    return "\n".join(lines) + "\n"


def make_fault(**given: Any) -> AnyFault:
    """One fault. Raises TimelineError that names key, value and what is allowed."""
    (fault,) = _validated({"fault": [given]}, "fault").fault
    return fault


def parse(text: str, place: str = "timeline") -> Timeline:
    """A timeline from TOML. Raises TimelineError that names entry, key, value and what is allowed."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as cause:
        raise TimelineError(f"{place}: not TOML: {cause}.") from None
    return _validated(raw, place)


def load(path: Path) -> Timeline:
    """The timeline in a file. Raises TimelineError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as cause:
        raise TimelineError(f"{path}: cannot be read: {cause}.") from None
    return parse(text, str(path))


def check_faults(feeds: str, path: Path | None) -> None:
    """Before anything is started: faults are for the simulated exchange, and their file must hold. Raises Failure."""
    if path is None:
        return
    if feeds != "sim":
        raise Failure(f"--faults is for the simulated exchange, not for --feeds {feeds}.", "Add --feeds sim.")
    load(path)


def _validated(raw: dict[str, Any], place: str) -> Timeline:
    try:
        return Timeline.model_validate(raw)
    except ValidationError as cause:
        raise TimelineError("\n".join(_finding(error, raw, place) for error in cause.errors())) from None


def _finding(error: ErrorDetails, raw: dict[str, Any], place: str) -> str:
    where = [str(part) for part in error["loc"]]
    entry = place
    if where[:1] == ["fault"] and len(where) > 1:
        kind = _kind(raw, int(where[1]))
        entry = f"{place}, fault {int(where[1]) + 1}" + (f" ({kind})" if kind else "")
        where = where[3:] if len(where) > 2 else []
    key = ".".join(where)
    if error["type"] in ("union_tag_invalid", "union_tag_not_found"):
        given = _kind(raw, int(error["loc"][1]))
        return f"{entry}: kind = {given!r} is not allowed: it must be one of {', '.join(sorted(KINDS))}."
    if error["type"] == "extra_forbidden":
        kind = _kind(raw, int(error["loc"][1])) if error["loc"][:1] == ("fault",) else None
        model = KINDS.get(str(kind))
        allowed = sorted(model.model_fields) if model else ["fault", "seed"]
        return f"{entry}: {key}: no such key; allowed are {', '.join(allowed)}."
    if error["type"] == "missing":
        return f"{entry}: {key} is missing."
    allowed_text = error["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    value = "" if not key else f"{key} = {error['input']!r} is not allowed: "
    return f"{entry}: {value}{'it must be ' if value else ''}{allowed_text}."


def _kind(raw: dict[str, Any], index: int) -> Any:
    entries = raw.get("fault")
    entry = entries[index] if isinstance(entries, list) and index < len(entries) else None
    return entry.get("kind") if isinstance(entry, dict) else None
