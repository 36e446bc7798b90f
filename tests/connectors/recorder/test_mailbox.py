"""A mailbox: everything in order, and its wait comes back."""

from __future__ import annotations

import threading
import time

import pytest

from connectors.recorder.mailbox import Mailbox


def test_everything_arrives_in_order_and_once() -> None:
    box: Mailbox[int | None] = Mailbox()
    got: list[int] = []

    def take() -> None:
        while True:
            box.wait(0.005)
            try:
                while (item := box.take()) is not None:
                    got.append(item)
            except IndexError:
                continue
            return

    reader = threading.Thread(target=take, daemon=True)
    reader.start()
    for number in range(20_000):
        box.put(number)
        if number % 100 == 0:
            time.sleep(0)
    box.put(None)
    reader.join(60)
    assert not reader.is_alive()
    assert got == list(range(20_000))
    assert box.is_empty


def test_a_wait_ends_with_the_first_item() -> None:
    box: Mailbox[str] = Mailbox()
    threading.Timer(0.1, box.put, ("late",)).start()
    box.wait(60.0)  # the test ends at once where it comes back in time
    assert box.take() == "late"
    box.wait(0.0)
    with pytest.raises(IndexError):
        box.take()
