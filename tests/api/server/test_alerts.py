"""Alerts go to whatever service the operator names; here a local stand-in that takes JSON."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from api.server.alerting import Alerting
from connectors.alerts import Messenger
from models.failures import Failure
from models.reasons import Reason
from tests.api.server.records import answer, decision, telemetry
from tests.waiting import eventually


class StandIn:
    def __init__(self) -> None:
        got = self.got = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.server.server_port}/"


@pytest.fixture
def standin() -> Iterator[StandIn]:
    made = StandIn()
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_each_kind_is_sent_once_when_it_begins(standin: StandIn) -> None:
    said: list[str] = []
    messenger = Messenger([standin.url], said.append)
    alerting = Alerting(lambda key: "BTC 5m", ("kill", "pause", "feed_loss", "anomaly", "stop_loss"), messenger.send)

    def feed(number: int, state: str) -> None:
        alerting.take(telemetry("feed.coinbase", number, gauges={"state": state, "why": "stale_feed"}), False)

    def portfolio(number: int, anomaly: int) -> None:
        alerting.take(telemetry("portfolio", number, gauges={"anomaly": anomaly}), False)

    alerting.take(answer(0, "kill"), True)  # of before the start: no news
    for number, state in enumerate(["healthy", "stale", "stale", "healthy", "down"]):
        feed(number, state)
    for number, anomaly in enumerate([0, 1, 1]):
        portfolio(number, anomaly)
    alerting.take(answer(1, "kill"), False)
    alerting.take(answer(2, "pause"), False)
    alerting.take(decision(3, "exit", Reason.STOP_LOSS), False)
    alerting.take(decision(4, "exit", Reason.TAKE_PROFIT), False)
    eventually(lambda: len(standin.got) == 6, what="six messages")
    assert [each["title"] for each in standin.got] == [
        "feed.coinbase is stale",
        "feed.coinbase is down",
        "Anomaly",
        "Trading: kill",
        "Trading: pause",
        "Stop-loss",
    ]
    assert [each.number for each in alerting.kept] == [1, 2, 3, 4, 5, 6]
    messenger.close()
    assert said == []


def test_what_is_not_wanted_is_shown_and_not_sent() -> None:
    sent: list[str] = []
    alerting = Alerting(str, ("kill",), lambda title, text: sent.append(title))
    alerting.take(answer(1, "pause"), False)
    alerting.take(answer(2, "kill"), False)
    assert sent == ["Trading: kill"]
    assert len(alerting.kept) == 2


def test_a_url_that_is_none_is_a_failure_that_does_not_tell_it() -> None:
    with pytest.raises(Failure) as caught:
        Messenger(["nothing://secret-token"], print)
    assert "secret-token" not in str(caught.value.cause) + str(caught.value.cure)


def test_a_service_that_is_away_is_said_without_its_url(standin: StandIn) -> None:
    url = standin.url
    standin.server.shutdown()
    standin.server.server_close()
    said: list[str] = []
    messenger = Messenger([url], said.append)
    messenger.send("Kill", "text")
    eventually(lambda: bool(said), what="the complaint")
    messenger.close()
    assert "127.0.0.1" not in said[0]
