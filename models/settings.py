"""Configuration: one TOML file (``profit.toml``), overridden by ``PROFIT_<SECTION>_<KEY>`` environment variables.

Every key has a default that runs the system on the simulated exchange. A wrong value is refused with its key, the
value and what is allowed; see ``load``.
"""

from __future__ import annotations

import difflib
import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal, get_origin

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from models.costs import CostSettings
from models.failures import Failure
from models.portfolio.sections import AllocationSettings, BreakerSettings, Concentration, ReleaseSettings
from models.promotion.sections import PromotionSettings
from models.section import Section
from models.strategies import parity, updown_fair_value
from models.strategies.book_imbalance import ImbalanceParameters
from models.strategies.expiry_carry import CarryParameters
from models.strategies.instance import InstanceTable, refusal
from models.strategies.lead_lag import LeadLagParameters
from models.strategies.overreaction import OverreactionParameters
from models.strategies.quote_fair import QuoteParameters
from models.strategies.window_consistency import ConsistencyParameters
from models.timestamps import SECOND


class ConfigurationError(Failure):
    """A configuration that cannot be used."""

    def __init__(self, findings: str) -> None:
        super().__init__(findings, "Correct it and start again.")


class Kafka(Section):
    """Which cluster, and how its clients poll."""

    bootstrap_servers: str = Field("", description="HOST:PORT[,HOST:PORT]; empty = start the embedded broker")
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = ""
    sasl_username: str = ""
    sasl_password: SecretStr = SecretStr("")
    ssl_ca_location: str = ""
    replication_factor: int = Field(1, ge=1, le=9)
    continue_run: bool = Field(False, description="a new run folder takes over the run whose records the cluster has")
    fetch_wait_max_ms: int = Field(
        20, ge=1, le=500, description="a new record ends the wait, but so long may a seek or resume take"
    )
    linger_ms: int = Field(1, ge=0, le=1000)
    compression: Literal["none", "lz4", "zstd"] = "zstd"


class Broker(Section):
    """The embedded broker, used when no cluster is named."""

    host: str = "127.0.0.1"
    port: int = Field(0, ge=0, le=65535, description="0 = a free one")
    disk_budget_mib: int = Field(4096, ge=16, description="of all topics in the run folder; the oldest goes first")


class Feeds(Section):
    """What the doors subscribe to, and where."""

    assets: list[Literal["BTC", "ETH", "SOL", "XRP", "DOGE", "BNB", "HYPE", "ZEC"]] = Field(
        ["BTC"], description="underlyings of the up/down markets"
    )
    horizons: list[Literal["5m", "15m", "1h"]] = Field(["5m", "15m"], description="lengths of their windows")
    ahead_s: float = Field(60, ge=5, le=3600, description="subscribe to the next window this long before it opens")
    clock_ms: int = Field(250, ge=50, le=1000)
    polymarket_ws: str = "wss://ws-subscriptions-clob.polymarket.com/ws/market"
    clob_rest: str = "https://clob.polymarket.com"
    gamma_rest: str = "https://gamma-api.polymarket.com"
    coinbase_ws: str = "wss://advanced-trade-ws.coinbase.com"
    geoblock: str = Field(
        "https://polymarket.com/api/geoblock", description="may orders be sent from here; profit doctor"
    )
    ping_s: float = Field(10, gt=0)
    pong_timeout_s: float = Field(30, gt=0)
    silence_s: float = Field(15, gt=0, description="data-age watchdog: no frame on a connection = reconnect")
    asset_silence_s: float = Field(10, gt=0, description="no frame of an open window's token = it is asked for by REST")
    cross_check_s: float = Field(30, gt=0, description="between two comparisons of a sampled token with REST")
    backoff_min_s: float = Field(0.5, gt=0)
    backoff_max_s: float = Field(30, gt=0)
    user_agent: str = "profit-system/0.1"


class RecorderSettings(Section):
    """What the recorder does while Kafka is away."""

    spool_mib: int = Field(1024, ge=1, description="records wait on disk; beyond it new ones are dropped, loudly")
    spool_dir: str = Field("", description="folder of the spool; empty = spool in data_dir")


class Simulator(Section):
    """The simulated exchange; see docs/architecture.md for its equations."""

    seed: int = Field(7, ge=0)
    speed: float = Field(1.0, gt=0, le=1000, description="simulated seconds per real second")
    lag_s: float = Field(0.4, ge=0, le=60, description="how far the maker's fair value is behind the latent price")
    maker_error: float = Field(0.0, ge=0, le=0.5, description="standard deviation of the maker's error in probability")
    volatility: float = Field(0.5, gt=0, le=5, description="annualised, long-run")
    frames_per_s: float = Field(40, gt=0, le=5000, description="Coinbase level2 updates a simulated second")
    resolution_delay_s: float = Field(20, ge=0)
    spread_ticks: int = Field(1, ge=1, le=20)
    imbalance: float = Field(0, ge=0, le=0.9, description="how far depth leans to where a late maker's quotes go next")
    overreaction: float = Field(0, ge=0, le=0.4, description="height of jumps of the quotes that come back, dollars")
    favourite_bias: float = Field(0, ge=0, le=0.5, description="share of the favourite's lead not quoted near the end")
    toxic: float = Field(
        0, ge=0, le=20, description="trades a second of takers who know better, while a quote is stale"
    )


class Checks(Section):
    """Bounds of the integrity checks in the market flow."""

    stale_feed_s: float = Field(5, gt=0)
    stale_book_s: float = Field(10, gt=0)
    old_ms: int = Field(5_000, gt=0, description="exchange time this far behind receipt = timestamp_old")
    ahead_ms: int = Field(2_000, gt=0, description="exchange time this far ahead of receipt = timestamp_ahead")
    backwards_ms: int = Field(100, ge=0, description="allowed lateness across event types")
    max_spread: float = Field(0.10, gt=0, le=1, description="dollars a share")
    parity_tolerance: float = Field(0.02, ge=0, le=1, description="dollars a share")
    pair_skew_ms: int = Field(50, ge=0, description="two books this close are one moment")
    window_s: int = Field(10, ge=1, le=3600, description="length of the windows of quality counts")
    frozen_after_s: float = Field(3, gt=0, le=60, description="a book silent for less is never called frozen")
    frozen_spot_bp: float = Field(3, gt=0, le=1000, description="a spot move that a book in mid-range must follow")
    frozen_complement_changes: int = Field(3, ge=1, description="changes of the other token that this one must follow")
    frozen_other_changes: int = Field(10, ge=1, description="changes elsewhere that show a feed ought to speak")
    rest_grace_ms: int = Field(1_000, ge=0, description="time for the stream to catch up with a newer REST answer")
    resolution_late_s: float = Field(900, gt=0, description="no resolution this long after the end = resolution_late")


FairValue = updown_fair_value.FairValueParameters
Parity = parity.ParityParameters


class Portfolio(Section):
    """Sizing, caps and entry gates."""

    capital: float = Field(10_000, gt=0, description="dollars")
    kelly_fraction: float = Field(0.25, gt=0, le=1)
    cap_order: float = Field(100, gt=0, description="dollars an order")
    cap_market: float = Field(200, gt=0, description="dollars at cost")
    cap_strategy: float = Field(2_000, gt=0)
    cap_total: float = Field(4_000, gt=0)
    cooldown_s: float = Field(5, ge=0)
    min_time_left_s: float = Field(10, ge=0)
    max_spread: float = Field(0.05, gt=0, le=1)
    stale_s: float = Field(5, gt=0, description="no entry or exit on a book or spot older than this")
    reentry_after_stop: bool = Field(False, description="may a strategy enter a market again after its stop-loss there")


class ExecutionSettings(Section):
    """The paper venue, and our own way to it."""

    delay_ms: int = Field(150, ge=0, description="the exchange's taker delay, where a market does not state its own")
    latency_ms: int = Field(50, ge=0, description="our way to the exchange")
    jitter_ms: int = Field(20, ge=0, le=5_000, description="at most this much more, drawn for each order by its id")
    max_lag_ms: int = Field(1_000, ge=1, description="receipt to decision; above it entries are too_slow")
    time_out_rate: float = Field(0, ge=0, le=1, description="share of orders whose answer is lost, for rehearsals")
    split_s: float = Field(3, ge=0, description="a split of dollars into pairs takes so long on the chain")
    order_type: Literal["FAK", "FOK"] = "FAK"
    slippage: float = Field(0.01, ge=0, le=1, description="limit above the ask seen, dollars a share")
    max_slippage: float = Field(0.10, gt=0, le=1, description="limit above the mid decided on, dollars a share")
    deadline_s: float = Field(
        5, gt=0, description="no answer so long after an order was due = cancelled, and asked for"
    )
    replenish_s: float = Field(5, ge=0, description="how long what we took stays taken, where no trade comes")


class OperatorSettings(Section):
    """Who may command the trading flow."""

    public_key: str = Field("", pattern=r"^([0-9a-f]{64})?$", description="hex; empty = that of the operator's token")
    token_file: str = Field("", description="the operator's private key; empty = operator.token in data_dir")


class Api(Section):
    host: str = "127.0.0.1"
    port: int = Field(8765, ge=0, le=65535)
    allowed_hosts: list[str] = Field([], description="further names it may be asked by; its address and localhost may")

    @property
    def page(self) -> str:
        """The address of the pages, as configured."""
        return f"http://{self.host}:{self.port}/"


class Alerts(Section):
    """Messages to people, through any service that apprise knows."""

    urls: list[SecretStr] = Field([], description="apprise URLs; better set as PROFIT_ALERTS_URLS")
    on: list[Literal["kill", "pause", "feed_loss", "anomaly", "stop_loss", "gate", "breaker", "comparison"]] = Field(
        ["kill", "pause", "feed_loss", "anomaly", "stop_loss", "gate", "breaker", "comparison"],
        description="what they are sent for",
    )


class ComparisonSettings(Section):
    """Live against replay, beside a running run."""

    every_h: float = Field(24, ge=0, le=10_000, description="hours between two comparisons; 0 = none")


class Archive(Section):
    flush_s: float = Field(5, gt=0, le=300, description="longest wait before rows reach a Parquet file")
    publish_s: float = Field(2, gt=0, le=5, description="longest wait before rows reach audit.duckdb")


class TelemetrySettings(Section):
    """How often modules, unchanged scans and features are reported, by event time. No decision depends on it."""

    interval_s: float = Field(1, gt=0, le=3_600, description="while feeds come as they happen")
    replay_interval_s: float = Field(60, gt=0, le=3_600, description="where an archive is replayed as fast as it goes")

    @property
    def interval(self) -> int:
        """``interval_s`` in nanoseconds."""
        return round(self.interval_s * SECOND)


class LiveSettings(Section):
    """Real orders: whether there may be any, and the bounds of the live venue's own interlock."""

    enabled: bool = Field(False, description="start the live venue; it sends nothing before it is armed")
    cap_order: float = Field(5, gt=0, le=10_000, description="dollars an order")
    cap_total: float = Field(25, gt=0, le=100_000, description="dollars in open orders and positions together")
    armed_s: float = Field(3_600, ge=60, le=86_400, description="disarms by itself after so long")
    confirm_s: float = Field(60, ge=5, le=300, description="from arm to confirm")
    heartbeat_s: float = Field(3, ge=1, le=30, description="no sign of the trading flow for so long = cancel all")
    max_age_s: float = Field(2, ge=0.1, le=30, description="an order older than this is not sent any more")
    answer_s: float = Field(5, ge=0.5, le=60, description="no answer of the exchange for so long = state unknown")
    reconcile_s: float = Field(15, ge=1, le=300, description="between two comparisons with the exchange's own lists")
    preflight_s: float = Field(1_800, ge=60, le=86_400, description="between two checks of itself")


class LiveAccount(Section):
    """As whom real orders are sent, and where to. Better set as PROFIT_LIVE_ACCOUNT_*, never written into a file."""

    private_key: SecretStr = Field(SecretStr(""), description="that signs orders; a scoped session key is better")
    wallet: str = Field("", description="0x…, whose money it is")
    api_key: SecretStr = Field(SecretStr(""), description="the three of a CLOB API key; empty = derived from the key")
    api_secret: SecretStr = Field(SecretStr(""), description="base64")
    api_passphrase: SecretStr = Field(SecretStr(""), description="hex")
    allow: Literal["no", "yes"] = Field("no", description="counts from the environment alone")
    clob: str = Field("", description="empty = the exchange's own address")
    user_ws: str = Field("", description="empty = the exchange's own address")


class Settings(Section):
    """All sections. Build with ``load``."""

    portfolio_name: str = Field("main", pattern=r"^[a-z0-9-]+$")
    run_name: str = Field("", description="of the run: commands are given for one; set by whoever starts it")
    data_dir: Path = Path("data")
    kafka: Kafka = Kafka()
    broker: Broker = Broker()
    feeds: Feeds = Feeds()
    recorder: RecorderSettings = RecorderSettings()
    simulator: Simulator = Simulator()
    checks: Checks = Checks()
    costs: CostSettings = CostSettings()
    fair_value: FairValue = FairValue()
    parity: Parity = Parity()
    lead_lag: LeadLagParameters = LeadLagParameters()
    book_imbalance: ImbalanceParameters = ImbalanceParameters()
    overreaction: OverreactionParameters = OverreactionParameters()
    expiry_carry: CarryParameters = CarryParameters()
    window_consistency: ConsistencyParameters = ConsistencyParameters()
    quote_fair: QuoteParameters = QuoteParameters()
    instances: tuple[InstanceTable, ...] = ()
    portfolio: Portfolio = Portfolio()
    allocation: AllocationSettings = AllocationSettings()
    concentration: Concentration = Concentration()
    breakers: BreakerSettings = BreakerSettings()
    release: ReleaseSettings = ReleaseSettings()
    promotion: PromotionSettings = PromotionSettings()
    execution: ExecutionSettings = ExecutionSettings()
    operator: OperatorSettings = OperatorSettings()
    api: Api = Api()
    alerts: Alerts = Alerts()
    archive: Archive = Archive()
    comparison: ComparisonSettings = ComparisonSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    live: LiveSettings = LiveSettings()
    live_account: LiveAccount = LiveAccount()

    def replayed(self) -> Settings:
        """The same for a replay: reported at its own interval."""
        interval = {"interval_s": self.telemetry.replay_interval_s}
        return self.model_copy(update={"telemetry": self.telemetry.model_copy(update=interval)})

    @model_validator(mode="after")
    def _check_instances(self) -> Settings:
        wrong = refusal(self.instances)
        if wrong:
            raise PydanticCustomError("instances", "{wrong}", {"wrong": wrong})
        return self


_EXAMPLE: Final = "Lists are written as JSON"
#: Keys by the name they had once: by spelling alone another would be thought of.
_RENAMED: Final = {"checks.frozen_twin_changes": "checks.frozen_complement_changes"}


def load(config: Path | None = None) -> Settings:
    """Settings from ``config`` (default ``$PROFIT_CONFIG`` or ``profit.toml``, absent = defaults) and environment.

    Raises ConfigurationError that names each wrong key, its value and what is allowed."""
    settings, findings = examine(config)
    if findings:
        raise ConfigurationError("\n".join(findings))
    return settings


def examine(config: Path | None = None) -> tuple[Settings, list[str]]:
    """The settings as far as they hold, and a finding for each key that does not: that one has its default."""
    findings: list[str] = []
    path = _path(config, findings)
    given = _merged(_of_file(path, findings), _of_environment(findings))
    while True:
        try:
            return Settings.model_validate(given), findings
        except ValidationError as cause:
            errors = cause.errors()
        removed = [_remove(given, error["loc"]) for error in errors]
        findings.extend(_finding(error, path) for error in errors)
        if not any(removed):
            return Settings(), findings


def recorded(path: Path) -> Settings:
    """The settings that a run wrote to ``path`` (JSON), whatever the environment says. Raises ConfigurationError that
    names each key that is none of this version, or holds what it may not."""
    try:
        given = json.loads(path.read_bytes())
        return Settings.model_validate(given)
    except ValidationError as cause:
        raise ConfigurationError("\n".join(_finding(error, path) for error in cause.errors())) from None
    except ValueError as cause:
        raise ConfigurationError(f"{path}: it is damaged: {cause}.") from None


def overrides() -> list[str]:
    """Variables of the environment that set a key, by name; those that name the file or the data folder are none."""
    keys = _variables().keys() - {"PROFIT_DATA_DIR"}
    return sorted(name for name in os.environ if name in keys)


def _path(config: Path | None, findings: list[str]) -> Path:
    """The file of settings, which need not be there unless someone named it."""
    named = config or (Path(os.environ["PROFIT_CONFIG"]) if os.environ.get("PROFIT_CONFIG") else None)
    if named is not None and not named.is_file():
        what = "it is no file" if named.exists() else "no such file"
        way = "leave --config away" if config is not None else "unset PROFIT_CONFIG"
        findings.append(f"{named}: {what}. Name an existing TOML file, or {way}.")
    return named or Path("profit.toml")


def _of_file(path: Path, findings: list[str]) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except tomllib.TOMLDecodeError as cause:
        findings.append(f"{path}: not TOML: {cause}. Correct the file at that place.")
    except UnicodeDecodeError as cause:
        findings.append(f"{path}: not UTF-8 text, at byte {cause.start}. Save it as UTF-8.")
    except OSError as cause:
        findings.append(f"{path}: {cause.strerror}. Make the file readable, or name another with --config.")
    return {}


def _of_environment(findings: list[str]) -> dict[str, Any]:
    """What the environment sets. A variable that cannot be used is a finding, and is left out."""
    known = _variables()
    given: dict[str, Any] = {}
    for variable in sorted(os.environ):
        if variable == "PROFIT_CONFIG" or not variable.startswith("PROFIT_") or variable.startswith("PROFIT_TEST_"):
            continue
        if variable not in known:
            near = difflib.get_close_matches(variable, known, 1)
            hint = f" Did you mean {near[0]}?" if near else " The keys are in profit.toml."
            hint = _renamed_variable(variable) or hint
            findings.append(f"environment variable {variable}: no such setting.{hint}")
            continue
        section, key, kind = known[variable]
        value: Any = os.environ[variable]
        if get_origin(kind) in (list, tuple):
            try:
                value = json.loads(value)
            except ValueError:
                words = json.dumps([each.strip(" \"'") for each in value.strip("[]() ").split(",") if each.strip()])
                findings.append(
                    f"{section}.{key} = {value!r} is not allowed: it must be a list. {_EXAMPLE}: {variable}='{words}'."
                )
                continue
        if section:
            given.setdefault(section, {})[key] = value
        else:
            given[key] = value
    return given


def _variables() -> dict[str, tuple[str, str, Any]]:
    """Variable -> (section or "", key, type)."""
    found: dict[str, tuple[str, str, Any]] = {}
    for section, key, kind in _keys():
        name = f"PROFIT_{section}_{key}" if section else f"PROFIT_{key}"
        found[name.upper()] = (section, key, kind)
    return found


def key_types() -> dict[str, Any]:
    """The type of every key, by its dotted name."""
    return {f"{section}.{name}" if section else name: kind for section, name, kind in _keys()}


def _keys() -> Iterator[tuple[str, str, Any]]:
    for name, field in Settings.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, Section):
            for key, inner in section.model_fields.items():
                yield name, key, inner.annotation
        else:
            yield "", name, field.annotation


def _merged(file: Mapping[str, Any], environment: Mapping[str, Any]) -> dict[str, Any]:
    """The environment goes before the file, key by key."""
    merged: dict[str, Any] = {name: dict(each) if isinstance(each, dict) else each for name, each in file.items()}
    for name, each in environment.items():
        below = merged.get(name)
        merged[name] = {**below, **each} if isinstance(below, dict) and isinstance(each, dict) else each
    return merged


def _remove(given: dict[str, Any], loc: tuple[int | str, ...]) -> bool:
    """Take the key at ``loc`` out of what was given; False when it is not there."""
    if not loc:  # the instances contradict each other
        return given.pop("instances", None) is not None
    section = given.get(str(loc[0]))
    if len(loc) > 1 and isinstance(section, dict):
        return section.pop(loc[1], None) is not None
    return given.pop(str(loc[0]), None) is not None


def _finding(error: ErrorDetails, path: Path) -> str:
    if error["type"] == "instances":
        return error["msg"]
    loc = [str(part) for part in error["loc"]]
    key = ".".join(loc)
    if error["type"] == "extra_forbidden":
        near = nearest_key(key)
        return f"{key}: no such key ({path} or PROFIT_*).{near} The keys and their defaults are in profit.toml."
    variable = "PROFIT_" + "_".join(part.upper() for part in loc[:2] if not part.isdigit())
    if error["type"] == "missing":
        return f"{key} is missing. Set it in {path} or in {variable}."
    allowed = error["msg"].removeprefix("Input should be ").replace("String should match", "text that matches")
    return f"{key} = {error['input']!r} is not allowed: it must be {allowed}. Set it in {path} or as {variable}."


def _renamed_variable(variable: str) -> str:
    """The hint for a variable whose key has another name now; empty for any other."""
    names = {f"PROFIT_{old.replace('.', '_')}".upper(): new for old, new in _RENAMED.items()}
    new = names.get(variable)
    return f" It is called PROFIT_{new.replace('.', '_').upper()} now." if new else ""


def nearest_key(key: str) -> str:
    """A hint at the key that was meant, by its spelling or, in another section, by its last part; empty where none is
    near."""
    key = ".".join(part for part in key.split(".") if not part.isdigit())
    if key in _RENAMED:
        return f" It is called {_RENAMED[key]} now."
    known = [*key_types()]
    known += [f"instances.{each}" for each in InstanceTable.model_fields]
    sections = {section for section, _, _ in _keys() if section}
    last = key.rpartition(".")[2]
    near = difflib.get_close_matches(key, [*known, *sections], 1, 0.75)
    near = near or [each for each in known if each.rpartition(".")[2] == last]
    return f" Did you mean {near[0]}?" if near else ""
