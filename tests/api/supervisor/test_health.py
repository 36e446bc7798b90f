"""A health check is well only when there is a sign of life."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from api.supervisor.health import answers, fresh, main, moving
from connectors.kafka.admin import create_topics
from connectors.kafka.sink import Writer
from models.message import Message
from models.settings import Kafka
from models.topics import Topic
from tests.ports import free_port


def test_a_folder_is_fresh_while_it_is_written(tmp_path: Path) -> None:
    assert "nothing there" in fresh(tmp_path, 30)
    file = tmp_path / "deep" / "file"
    file.parent.mkdir()
    file.touch()
    assert fresh(tmp_path, 30) == ""
    old = time.time() - 100
    os.utime(file, (old, old))
    os.utime(file.parent, (old, old))
    assert "100 s ago" in fresh(tmp_path, 30)


@pytest.mark.integration
def test_a_topic_moves_while_records_come(bootstrap: str, topic_names: Callable[[str], str]) -> None:
    name = topic_names("moving")
    create_topics(Kafka(), bootstrap, [Topic(name, "out", "", "")])
    assert "no new record" in moving(name, bootstrap, watch_s=0.5)
    over = threading.Event()

    def keep_writing() -> None:
        writer = Writer(Kafka(), bootstrap)
        while not over.wait(0.05):
            writer.write(Message(name, "", b"", 0))
            writer.flush()

    thread = threading.Thread(target=keep_writing)
    thread.start()
    try:
        assert moving(name, bootstrap, watch_s=60) == ""
    finally:
        over.set()
        thread.join()


class Fine(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else 503)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_an_address_answers_or_not() -> None:
    with HTTPServer(("127.0.0.1", 0), Fine) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        base = f"http://127.0.0.1:{server.server_port}"
        try:
            assert answers(f"{base}/health") == ""
            assert "503" in answers(f"{base}/other")
        finally:
            server.shutdown()
            thread.join()
    assert answers(f"http://127.0.0.1:{free_port()}/health")


def test_exit_codes(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert main(["fresh", str(tmp_path), "30"]) == 0
    assert main(["fresh", str(tmp_path / "absent"), "30"]) == 1
    assert main(["what"]) == 2
