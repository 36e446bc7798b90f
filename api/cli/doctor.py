"""`profit doctor`: looks at everything a run needs, and says what to do about what it finds."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from api.doctor.cluster import cluster
from api.doctor.exchange import exchanges
from api.doctor.finding import Diagnosis, failed
from api.doctor.live import live_venue
from api.doctor.local import configuration, disk, port, strategies
from connectors.clock import NS
from connectors.recorder.recorder import Endpoints
from connectors.simulator.child import child_exchange, read_clock, read_urls
from models.failures import Failure
from models.settings import Settings

_COLOURS = {"ok": "green", "warning": "yellow", "failed": "bold red", "skipped": "dim"}


def doctor(
    feeds: Annotated[
        Literal["live", "sim"], typer.Option(help="whose endpoints: the exchanges', or simulated")
    ] = "live",
    kafka: Annotated[str | None, typer.Option(help="HOST:PORT of a cluster; default: configuration")] = None,
    exchange: Annotated[Path | None, typer.Option(help="addresses of a running `profit simulate`")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file; default: profit.toml")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object on standard output")] = False,
) -> None:
    """Check configuration, disk, broker, topics, exchanges, clock and geoblock. Exit code 1 when something failed."""
    if exchange is not None and feeds == "live":
        raise Failure("--exchange names a simulated exchange.", "Add --feeds sim, or leave --exchange away.")
    first, settings = configuration(config)
    bootstrap = settings.kafka.bootstrap_servers if kafka is None else kafka
    found = [first, strategies(settings), *disk(settings, not bootstrap), port(settings)]
    found += cluster(settings, bootstrap)
    found += live_venue(settings)
    try:
        found += _exchanges(settings, feeds, exchange, config if first.status == "ok" else None)
    except Failure as failure:
        found.append(failed("simulated exchange", failure.cause, failure.cure))
    failures = [finding for finding in found if finding.status == "failed"]
    if as_json:
        body = {"ok": not failures, "findings": [dataclasses.asdict(finding) for finding in found]}
        print(json.dumps(body, indent=1))
    else:
        _print(found)
    if failures:
        raise SystemExit(1)


def _exchanges(settings: Settings, feeds: str, exchange: Path | None, config: Path | None) -> list[Diagnosis]:
    if feeds == "live":
        return exchanges(settings, Endpoints.of(settings.feeds), settings.feeds.geoblock)
    with contextlib.ExitStack() as stack:
        words = [] if config is None else ["--config", str(config)]
        urls = read_urls(exchange) if exchange is not None else stack.enter_context(child_exchange(words))
        clock = read_clock(urls)
        now: Callable[[], float] = lambda: clock.now_ns() / NS  # noqa: E731
        place = urlsplit(urls.clock)
        endpoints = Endpoints(urls.polymarket_ws, urls.clob_rest, urls.gamma_rest, urls.coinbase_ws)
        return exchanges(settings, endpoints, f"{place.scheme}://{place.netloc}/api/geoblock", now)


def _print(found: list[Diagnosis]) -> None:
    table = Table(show_header=True, box=None, pad_edge=False)
    for heading in ("check", "", "seen"):
        table.add_column(heading, overflow="fold")
    for finding in found:
        colour = _COLOURS[finding.status]
        table.add_row(finding.check, f"[{colour}]{finding.status}[/]", escape(finding.seen))
        if finding.cure:
            table.add_row("", "", f"[italic]{escape(finding.cure)}[/]")
    Console(soft_wrap=False).print(table)
    counts = {status: sum(1 for each in found if each.status == status) for status in ("ok", "warning", "failed")}
    warnings = f"{counts['warning']} warning{'' if counts['warning'] == 1 else 's'}"
    print(f"\n{counts['ok']} ok, {warnings}, {counts['failed']} failed", file=sys.stderr)
