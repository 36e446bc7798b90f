"""The embedded broker starts, is found, and is never left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from connectors.broker.embedded import EmbeddedBroker
from connectors.kafka.admin import cluster_answers, create_topics, partitions
from models.failures import Failure
from models.settings import Broker, Kafka
from models.topics import CATALOGUE
from tests.ports import free_port
from tests.waiting import eventually, quickest


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_starts_answers_and_ends() -> None:
    with EmbeddedBroker.start(Broker()) as broker:
        assert create_topics(Kafka(), broker.bootstrap) == [topic.name for topic in CATALOGUE]
        assert partitions(Kafka(), broker.bootstrap) == {topic.name: topic.partitions for topic in CATALOGUE}
        assert broker.alive()
        assert broker.memory_bytes() > 1_000_000
    assert gone(broker.pid)
    assert not cluster_answers(Kafka(), broker.bootstrap, timeout_s=0.3)
    assert broker.memory_bytes() == 0
    broker.close()


def test_a_taken_port_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Failure, match=f"127.0.0.1:{port}.*in use"):
            EmbeddedBroker.start(Broker(port=port))


def test_a_port_of_choice_can_be_had_again_after_close() -> None:
    port = free_port()
    for _ in range(2):
        with EmbeddedBroker.start(Broker(port=port)) as broker:
            assert broker.bootstrap == f"127.0.0.1:{port}"


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Failure, match=r"cannot start: .*file"):
        EmbeddedBroker.start(Broker(), folder=tmp_path / "file")


def test_a_broker_that_ends_at_once_is_reported(tmp_path: Path) -> None:
    (tmp_path / "broker.json").write_text('{"format": 99}')
    with pytest.raises(Failure, match="another version"):
        EmbeddedBroker.start(Broker(), folder=tmp_path)


HOLDER = """
    import sys, time
    from connectors.broker.embedded import EmbeddedBroker
    from models.settings import Broker
    broker = EmbeddedBroker.start(Broker())
    print(broker.pid, flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_broker_ends_with_its_parent_however_that_ends(how: signal.Signals) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(HOLDER)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert parent.stdout is not None
    with parent:
        broker = int(parent.stdout.readline())
        assert psutil.pid_exists(broker)
        parent.send_signal(how)
        parent.wait(60)
        eventually(lambda: gone(broker), what="end of the broker")


def test_ctrl_c_in_the_terminal_does_not_reach_the_broker() -> None:
    with EmbeddedBroker.start(Broker()) as broker:
        assert os.getsid(broker.pid) != os.getsid(0)


def test_starting_takes_less_than_two_seconds() -> None:
    with contextlib.ExitStack() as stack:
        assert quickest(lambda: stack.enter_context(EmbeddedBroker.start(Broker())), 2.0) < 2
