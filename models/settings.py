"""Configuration: one TOML file (``profit.toml``), overridden by ``PROFIT_<SECTION>_<KEY>`` environment variables.

Every key has a default that runs the system on the simulated exchange. A wrong value is refused with its key, the
value and what is allowed; see ``load``.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from models.failures import Failure
from models.section import Section
from models.strategies import parity, updown_fair_value
from models.strategies.instance import InstanceTable, refusal


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
    fetch_wait_max_ms: int = Field(5, ge=1, le=500, description="librdkafka's default of 500 costs 200 ms a hop")
    linger_ms: int = Field(5, ge=0, le=1000)
    compression: Literal["none", "lz4", "zstd"] = "zstd"


class Broker(Section):
    """The embedded broker, used when no cluster is named."""

    host: str = "127.0.0.1"
    port: int = Field(0, ge=0, le=65535, description="0 = a free one")
    memory_budget_mib: int = Field(2048, ge=64, description="warns at 80%, ends the run cleanly at 100%")


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


class Recorder(Section):
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
    frozen_twin_changes: int = Field(3, ge=1, description="changes of the other token that this one must follow")
    frozen_other_changes: int = Field(10, ge=1, description="changes elsewhere that show a feed ought to speak")
    rest_grace_ms: int = Field(1_000, ge=0, description="time for the stream to catch up with a newer REST answer")
    resolution_late_s: float = Field(900, gt=0, description="no resolution this long after the end = resolution_late")


FairValue = updown_fair_value.Parameters
Parity = parity.Parameters


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


class Execution(Section):
    """The paper venue, and our own way to it."""

    delay_ms: int = Field(150, ge=0, description="the exchange's taker delay, where a market does not state its own")
    latency_ms: int = Field(50, ge=0, description="our way to the exchange")
    jitter_ms: int = Field(20, ge=0, le=5_000, description="at most this much more, drawn for each order by its id")
    max_lag_ms: int = Field(1_000, ge=1, description="receipt to decision; above it entries are too_slow")
    time_out_rate: float = Field(0, ge=0, le=1, description="share of orders whose answer is lost, for rehearsals")
    order_type: Literal["FAK", "FOK"] = "FAK"
    slippage: float = Field(0.01, ge=0, le=1, description="limit above the ask seen, dollars a share")
    replenish_s: float = Field(5, ge=0, description="how long what we took stays taken, where no trade comes")


class Operator(Section):
    """Who may command the trading flow."""

    public_key: str = Field("", pattern=r"^([0-9a-f]{64})?$", description="hex; empty = that of the operator's token")
    token_file: str = Field("", description="the operator's private key; empty = operator.token in data_dir")


class Api(Section):
    host: str = "127.0.0.1"
    port: int = Field(8765, ge=0, le=65535)


class Archive(Section):
    flush_s: float = Field(5, gt=0, le=300, description="longest wait before rows reach a Parquet file")
    publish_s: float = Field(2, gt=0, le=5, description="longest wait before rows reach audit.duckdb")


class Settings(BaseSettings):
    """All sections. Build with ``load``."""

    model_config = SettingsConfigDict(
        env_prefix="PROFIT_", env_nested_delimiter="_", env_nested_max_split=1, extra="forbid", frozen=True
    )

    portfolio_name: str = Field("main", pattern=r"^[a-z0-9-]+$")
    run_name: str = Field("", description="of the run: commands are given for one; set by whoever starts it")
    data_dir: Path = Path("data")
    kafka: Kafka = Kafka()
    broker: Broker = Broker()
    feeds: Feeds = Feeds()
    recorder: Recorder = Recorder()
    simulator: Simulator = Simulator()
    checks: Checks = Checks()
    fair_value: FairValue = FairValue()
    parity: Parity = Parity()
    instances: tuple[InstanceTable, ...] = ()
    portfolio: Portfolio = Portfolio()
    execution: Execution = Execution()
    operator: Operator = Operator()
    api: Api = Api()
    archive: Archive = Archive()

    @model_validator(mode="after")
    def _check_instances(self) -> Settings:
        wrong = refusal(self.instances)
        if wrong:
            raise PydanticCustomError("instances", "{wrong}", {"wrong": wrong})
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        path = os.environ.get("PROFIT_CONFIG", "profit.toml")
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, Path(path))


def load(config: Path | None = None) -> Settings:
    """Settings from ``config`` (default ``$PROFIT_CONFIG`` or ``profit.toml``, absent = defaults) and environment.

    Raises ConfigurationError that names each wrong key, its value and what is allowed."""
    chosen = config or Path(os.environ.get("PROFIT_CONFIG", "profit.toml"))
    if config is not None and not config.is_file():
        raise ConfigurationError(f"{config}: no such file. Name an existing TOML file, or leave --config away.")
    _refuse_unknown_variables()
    previous = os.environ.get("PROFIT_CONFIG")
    os.environ["PROFIT_CONFIG"] = str(chosen)
    try:
        return Settings()
    except tomllib.TOMLDecodeError as cause:
        raise ConfigurationError(f"{chosen}: not TOML: {cause}. Correct the file at that place.") from None
    except ValidationError as cause:
        raise ConfigurationError("\n".join(_finding(error, chosen) for error in cause.errors())) from None
    except SettingsError as cause:
        raise ConfigurationError(f'environment: {cause}. Lists are written as JSON: ["BTC"].') from None
    finally:
        if previous is None:
            del os.environ["PROFIT_CONFIG"]
        else:
            os.environ["PROFIT_CONFIG"] = previous


def _finding(error: ErrorDetails, path: Path) -> str:
    if error["type"] == "instances":
        return error["msg"]
    loc = [str(part) for part in error["loc"]]
    key = ".".join(loc)
    if error["type"] == "extra_forbidden":
        nameless = ".".join(part for part in loc if not part.isdigit())
        known = [*_keys(), *Settings.model_fields, *(f"instances.{each}" for each in InstanceTable.model_fields)]
        near = difflib.get_close_matches(nameless, known, 1)
        hint = f"Did you mean {near[0]}?" if near else "The keys and their defaults are in profit.toml."
        return f"{key}: no such key ({path} or PROFIT_*). {hint}"
    variable = "PROFIT_" + "_".join(part.upper() for part in loc[:2] if not part.isdigit())
    if error["type"] == "missing":
        return f"{key} is missing. Set it in {path} or in {variable}."
    allowed = error["msg"].removeprefix("Input should be ").replace("String should match", "text that matches")
    return f"{key} = {error['input']!r} is not allowed: it must be {allowed}. Set it in {path} or as {variable}."


def _keys() -> list[str]:
    """Every key that is set as one: ``section.key``, and those that stand in no section."""
    keys: list[str] = []
    for name, field in Settings.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, Section):
            keys.extend(f"{name}.{key}" for key in section.model_fields)
        else:
            keys.append(name)
    return keys


def _refuse_unknown_variables() -> None:
    known = {"PROFIT_CONFIG", *("PROFIT_" + key.replace(".", "_").upper() for key in _keys())}
    for variable in sorted(os.environ):
        if variable.startswith("PROFIT_") and not variable.startswith("PROFIT_TEST_") and variable not in known:
            near = difflib.get_close_matches(variable, known, 1)
            hint = f" Did you mean {near[0]}?" if near else " The keys are in profit.toml."
            raise ConfigurationError(f"environment variable {variable}: no such setting.{hint}")
