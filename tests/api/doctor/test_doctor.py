"""The doctor on a real simulated exchange, a real broker, and on what is broken."""

from __future__ import annotations

import http.server
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from api.doctor import local
from api.doctor.cluster import cluster
from api.doctor.exchange import exchanges
from api.doctor.finding import Diagnosis
from api.doctor.live import live_venue
from connectors.broker.embedded import EmbeddedBroker
from connectors.kafka.admin import create_topics
from connectors.recorder.recorder import Endpoints
from connectors.simulator.addresses import Urls
from connectors.simulator.child import child_exchange
from models.settings import Broker, Settings
from models.topics import CATALOGUE
from tests.ports import free_port


@pytest.fixture(scope="module")
def urls() -> Iterator[Urls]:
    with child_exchange([]) as found:
        yield found


def endpoints_of(urls: Urls) -> Endpoints:
    return Endpoints(urls.polymarket_ws, urls.clob_rest, urls.gamma_rest, urls.coinbase_ws)


def geoblock_of(urls: Urls) -> str:
    return urls.clock.replace("/sim/clock", "/api/geoblock")


def by_check(found: list[Diagnosis]) -> dict[str, Diagnosis]:
    return {finding.check: finding for finding in found}


def test_all_is_well_with_a_running_exchange(urls: Urls) -> None:
    found = exchanges(Settings(), endpoints_of(urls), geoblock_of(urls))
    assert [finding.status for finding in found] == ["ok"] * 7, found
    assert {finding.check for finding in found} == {
        "gamma",
        "clob",
        "polymarket socket",
        "coinbase socket",
        "geoblock",
        "clock",
    }


@pytest.mark.parametrize(
    ("endpoint", "check"),
    [
        ("gamma_rest", "gamma"),
        ("clob_rest", "clob"),
        ("polymarket_ws", "polymarket socket"),
        ("coinbase_ws", "coinbase socket"),
    ],
)
def test_an_endpoint_that_is_away_is_named_with_a_cure_and_hides_no_other(
    urls: Urls, endpoint: str, check: str
) -> None:
    scheme = "ws" if endpoint.endswith("ws") else "http"
    broken = replace(endpoints_of(urls), **{endpoint: f"{scheme}://127.0.0.1:{free_port()}"})
    found = exchanges(Settings(), broken, geoblock_of(urls))
    failed = [finding for finding in found if finding.status == "failed"]
    assert [finding.check for finding in failed] == [check]
    assert "address" in failed[0].cure


@pytest.mark.parametrize(
    ("off_s", "status"), [(-3.5, "failed"), (+1.5, "warning"), (+7.0, "failed"), (0.0, "ok")], ids=str
)
def test_a_clock_that_is_off_is_measured(urls: Urls, off_s: float, status: str) -> None:
    """Ours is ``off_s`` ahead: their frames look that much older; 5 s old and 2 s ahead are refused."""
    found = exchanges(Settings(), endpoints_of(urls), geoblock_of(urls), lambda: time.time() + off_s)
    coinbase = next(each for each in found if each.check == "clock" and "Coinbase" in each.seen)
    assert coinbase.status == status, coinbase
    seen = float(coinbase.seen.split(" is ")[1].split(" s ")[0])
    assert seen == pytest.approx(-off_s, abs=0.5)


@pytest.fixture
def answers() -> Iterator[Callable[[int, bytes, dict[str, str]], str]]:
    """Starts servers that give one answer to everything."""
    servers: list[http.server.HTTPServer] = []

    def serve(status: int, body: bytes, headers: dict[str, str]) -> str:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "body", "headers", "expected", "words"),
    [
        (200, b'{"blocked": true, "country": "US", "region": "NY"}', {}, "warning", "US NY"),
        (200, b"<html>", {}, "failed", "not as expected"),
        (429, b"{}", {"Retry-After": "7"}, "warning", "429"),
        (403, b"{}", {}, "failed", "refuses"),
        (500, b"{}", {}, "failed", "500"),
    ],
)
def test_what_the_geoblock_page_says_is_understood(
    urls: Urls,
    answers: Callable[[int, bytes, dict[str, str]], str],
    status: int,
    body: bytes,
    headers: dict[str, str],
    expected: str,
    words: str,
) -> None:
    found = by_check(exchanges(Settings(), endpoints_of(urls), answers(status, body, headers)))["geoblock"]
    assert found.status == expected
    assert words in found.seen
    assert found.cure
    if status == 429:
        assert "7 s" in found.cure


def test_topics_absent_wrong_and_right(tmp_path: Path) -> None:
    settings = Settings()
    with EmbeddedBroker.start(Broker(), tmp_path / "broker.log") as broker:
        create_topics(settings.kafka, broker.bootstrap, CATALOGUE[:3])
        assert by_check(cluster(settings, broker.bootstrap))["topics"].status == "warning"
        create_topics(settings.kafka, broker.bootstrap)
        assert by_check(cluster(settings, broker.bootstrap))["topics"].status == "ok"
    with EmbeddedBroker.start(Broker(), tmp_path / "broker.log") as broker:
        wrong = replace(CATALOGUE[0], partitions=3)
        create_topics(settings.kafka, broker.bootstrap, [wrong])
        found = by_check(cluster(settings, broker.bootstrap))["topics"]
    assert found.status == "failed"
    assert f"{CATALOGUE[0].name} has 3 partitions" in found.seen


@pytest.mark.takes(10)
def test_a_broker_that_is_away_is_a_finding() -> None:
    found = cluster(Settings(), f"127.0.0.1:{free_port()}")
    assert [(each.check, each.status) for each in found] == [("broker", "failed")]


def test_a_full_disk_and_one_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(data_dir=tmp_path / "not" / "yet")
    assert local.disk(settings)[0].status in ("ok", "warning")

    class Usage:
        free = local.DISK_LEAST - 1

    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage)
    assert local.disk(settings)[0].status == "failed"
    Usage.free = local.DISK_LEAST + settings.recorder.spool_mib * local.MIB - 1
    assert "spool" in local.disk(settings)[0].seen

    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    assert "Permission denied" in local.disk(settings)[0].seen


def test_a_port_in_use_is_a_warning() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = Settings.model_validate({"api": {"port": taken.getsockname()[1]}})
        assert local.port(settings).status == "warning"
    assert local.port(settings).status == "ok"


def test_the_command_says_all_and_fails_when_something_failed(tmp_path: Path) -> None:
    """A wrong configuration, whole endpoints: one failed finding, the others are still looked at."""
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("[checks]\nwindow_s = 0\n")
    command = [sys.executable, "-m", "api.cli.main", "doctor", "--feeds", "sim", "--json"]
    environment = os.environ | {"PROFIT_DATA_DIR": str(tmp_path), "PROFIT_API_PORT": "0"}
    well = subprocess.run(command, capture_output=True, text=True, timeout=180, env=environment)
    assert well.returncode == 0, well.stderr
    assert json.loads(well.stdout)["ok"]
    bad = subprocess.run(
        [*command, "--config", str(wrong)], capture_output=True, text=True, timeout=180, env=environment
    )
    assert bad.returncode == 1
    assert "Traceback" not in bad.stderr
    findings = json.loads(bad.stdout)["findings"]
    assert findings[0]["status"] == "failed"
    assert "window_s" in findings[0]["seen"]
    assert [each["status"] for each in findings if each["check"] in ("broker", "gamma", "clob")] == ["ok"] * 3


def test_without_a_network_the_cause_is_reported_once_and_the_clock_is_not_forgotten() -> None:
    nobody = free_port()
    away = Endpoints(*(f"{scheme}://127.0.0.1:{nobody}" for scheme in ("ws", "http", "http", "ws")))
    found = exchanges(Settings(), away, f"http://127.0.0.1:{nobody}/api/geoblock")
    assert [finding.check for finding in found if finding.cure] == ["network"]
    assert len([finding for finding in found if finding.status == "failed"]) == 6
    assert by_check(found)["clock"].status == "skipped"


def test_a_data_folder_that_is_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in ("file", "file/below"):
        (finding,) = local.disk(Settings(data_dir=tmp_path / place))
        assert finding.status == "failed" and "is a file" in finding.seen


def test_a_bad_key_does_not_hide_what_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bad.toml").write_text("[chekcs]\nwindow_s = 1\n[api]\nhost = 3\n")
    monkeypatch.setenv("PROFIT_DATA_DIR", str(tmp_path / "mine"))
    monkeypatch.setenv("PROFIT_API_PORT", "4711")
    finding, settings = local.configuration(tmp_path / "bad.toml")
    assert finding.status == "failed"
    assert "Did you mean checks?" in finding.seen and "api.host = 3" in finding.seen
    assert (settings.data_dir, settings.api.port) == (tmp_path / "mine", 4711)
    assert finding.cure.count("Correct it") == 1 and "Correct it and start again" not in finding.seen


def test_amounts_have_units(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage:
        free = local.DISK_LEAST + 1

    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage)
    settings = Settings(data_dir=tmp_path)
    for finding in local.disk(settings, True):
        assert len(re.findall(r"\d+\.\d (?!GiB)", finding.seen)) == 0, finding
        assert finding.seen.count("GiB") == 2


def live(**account: str) -> Settings:
    return Settings.model_validate({"live": {"enabled": True}, "live_account": account})


def test_without_a_live_venue_nothing_is_asked_of_it() -> None:
    (found,) = live_venue(Settings())
    assert found.status == "skipped"


@pytest.mark.parametrize("allowed, status", [("", "warning"), ("yes", "ok"), ("no", "warning")])
def test_real_orders_need_client_keys_and_the_environments_leave(
    monkeypatch: pytest.MonkeyPatch, allowed: str, status: str
) -> None:
    (found,) = live_venue(live())
    assert found.status == "failed"
    monkeypatch.setattr("api.doctor.live.require_client", lambda: None)
    (found,) = live_venue(live())
    assert (found.status, "PROFIT_LIVE_ACCOUNT_PRIVATE_KEY" in found.cure) == ("failed", True)
    (found,) = live_venue(live(private_key="hush", wallet="0x1", api_key="k"))
    assert found.status == "failed"
    assert "hush" not in repr(found)
    monkeypatch.setenv("PROFIT_LIVE_ACCOUNT_ALLOW", allowed)
    (found,) = live_venue(live(private_key="hush", wallet="0x1", allow="yes"))
    assert found.status == status
