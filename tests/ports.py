"""Ports for tests that need the same one again, or nobody there. They lie below those that the system gives to outgoing
connections: nobody takes them meanwhile, and no client that knocks at a closed one meets itself."""

from __future__ import annotations

import socket
from random import SystemRandom

_random = SystemRandom()


def free_ports(count: int) -> list[int]:
    found: list[int] = []
    while len(found) < count:
        port = _random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in found:
            found.append(port)
    return found


def free_port() -> int:
    """A port at which nobody listens."""
    return free_ports(1)[0]
