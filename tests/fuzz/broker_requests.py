"""Requests to the embedded broker, damaged in every way: each ends in an answer or a closed connection.

`python -m tests.fuzz.broker_requests --requests 100000`. A real broker on real sockets. The requests are valid ones of
every kind and version, and most are damaged: bits, lengths, counts, kinds, versions, ends. The broker has to live on,
in bounded memory, keep what it had acknowledged, and start again on what is left.
"""

from __future__ import annotations

import argparse
import importlib
import json
import re
import socket
import struct
import sys
import time
from collections import Counter
from random import Random
from typing import Any, Final

import psutil

from connectors.broker.batches import walk
from connectors.broker.embedded import EmbeddedBroker
from connectors.broker.fetch_codec import Wanted
from connectors.broker.messages import APIS
from models.settings import Broker
from tests.connectors.broker.kio_messages import made, written
from tests.connectors.broker.wired import Wire, batch, fetch_body, frame, produce_body

#: At most so many on one connection, one after the other, without waiting: the first that closes it ends the rest.
TOGETHER: Final = 4
#: An answer that has not come after so long never will.
HANG_S: Final = 20.0
#: Joining a group may take as long as the client says: after so long it is left alone.
GROUP_S: Final = 0.4
MOST_MIB: Final = 400
VARIANTS: Final = 12
TRUTH: Final = "truth"
KEPT: Final = 500
_JOIN, _SYNC = 11, 14
_EXTREMES: Final = tuple(struct.pack(">i", number) for number in (-1, -2, 0, 1, 0x7FFFFFFF, -0x80000000, 1 << 24))


class Broken(Exception):
    """A rule that does not hold, with what broke it."""


def valid(random: Random) -> list[tuple[int, int, bytes]]:
    """Kind, version and body of good requests, of every kind and version that is served."""
    found = []
    for api in APIS.values():
        for version in range(api.served, api.highest + 1):
            name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", api.name).lower()
            module = importlib.import_module(f"kio.schema.{name}.v{version}.request")
            kind = getattr(module, f"{api.name}Request")
            for _ in range(1 if api.key in (_JOIN, _SYNC) else VARIANTS):  # those that may wait
                found.append((api.key, version, written(made(kind, random))))
    for number in range(60):
        records = batch([random.randbytes(20)] * random.randint(1, 5), producer=(number, 0, random.randrange(3)))
        version = random.randint(3, 10)
        found.append((0, version, produce_body(version, random.choice(("a", "feed.clock")), records)))
        version = random.choice((4, 5, 6, 12))
        wanted = [Wanted(random.choice(("a", "feed.clock", TRUTH)), 0, -1, random.randrange(50), 1 << 16)]
        found.append((1, version, fetch_body(version, wanted, random.randrange(20), random.randrange(3), 1 << 20)))
    return found


def damaged(raw: bytes, random: Random) -> bytes:
    """The frame with one to three kinds of damage; its length still tells how long it is."""
    body = bytearray(raw[4:])
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        at = random.randrange(len(body)) if body else 0
        match random.randrange(8):
            case 0 if body:
                body[at] ^= 1 << random.randrange(8)
            case 1:
                body[at : at + 4] = random.choice(_EXTREMES)
            case 2:
                del body[at:]
            case 3:
                del body[at : at + random.randint(1, 8)]
            case 4:
                body[at:at] = random.randbytes(random.randint(1, 8))
            case 5:
                body[:4] = struct.pack(">hh", random.randrange(-1, 80), random.randrange(-1, 20))
            case 6:
                body[at:at] = body[at : at + random.randrange(200)]
            case _:
                body[at : at + 1] = bytes((random.choice((0, 0x7F, 0x80, 0xFF)),))
    return struct.pack(">i", len(body)) + bytes(body)


class Attack:
    """Sends requests and looks what becomes of them."""

    def __init__(self, bootstrap: str, random: Random) -> None:
        host, _, port = bootstrap.rpartition(":")
        self._address = (host, int(port))
        self._random = random
        self._valid = valid(random)
        self.became: Counter[str] = Counter()

    def burst(self, count: int) -> None:
        """Several requests, and at the end a good one, on one connection."""
        random = self._random
        frames = []
        for number in range(count):
            key, version, body = random.choice(self._valid)
            good = frame(key, version, body, number + 1)
            frames.append(good if random.random() < 0.5 else damaged(good, random))
        liar = random.random() < 0.05
        if liar:  # announces more than ever comes
            frames[-1] = struct.pack(">i", random.randrange(1 << 27)) + frames[-1][4:]
        probe = frame(18, 0, b"", 77_777)
        joins = any(len(each) > 6 and struct.unpack_from(">h", each, 4)[0] in (_JOIN, _SYNC) for each in frames)
        with socket.create_connection(self._address, timeout=GROUP_S if joins else HANG_S) as connection:
            try:
                connection.sendall(b"".join(frames) + (b"" if liar else probe))
                if liar:
                    self.became["left alone"] += count
                    return
                self._read(connection, count, frames)
            except ConnectionError:
                self.became["closed"] += count
            except TimeoutError:
                if not joins:
                    raise Broken(f"no answer within {HANG_S} s: {[each.hex() for each in frames]}") from None
                self.became["waits for its group"] += count

    def _read(self, connection: socket.socket, count: int, frames: list[bytes]) -> None:
        buffer = b""
        while True:
            more = connection.recv(1 << 16)
            if not more:
                self.became["closed"] += count
                return
            buffer += more
            while len(buffer) >= 8 and len(buffer) >= 4 + (size := int.from_bytes(buffer[:4], "big")):
                if int.from_bytes(buffer[4:8], "big") == 77_777:
                    self.became["answered"] += count
                    return
                buffer = buffer[4 + size :]


def fuzz(requests: int, seed: int) -> dict[str, Any]:
    """Send ``requests``; what became of them. Raises Broken."""
    random = Random(seed)
    begun = time.monotonic()
    with EmbeddedBroker.start(Broker(disk_budget_mib=16)) as broker:
        with Wire(broker.bootstrap) as wire:
            for name in (TRUTH, "a", "feed.clock"):
                topic = {"name": name, "num_partitions": 1, "replication_factor": 1}
                if name == TRUTH:
                    topic["configs"] = [{"name": "retention.ms", "value": "-1"}]
                wire.ask(19, 4, {"topics": [topic], "timeout_ms": 10_000})
            for number in range(KEPT):
                if wire.produce(TRUTH, batch([b"%d" % number], producer=(1 << 40, 0, number))) != (0, number):
                    raise Broken("the truth could not be written")
        attack = Attack(broker.bootstrap, random)
        sent = looked = 0
        while sent < requests:
            count = random.randint(1, TOGETHER)
            attack.burst(count)
            sent += count
            if sent - looked >= 5_000:
                looked = sent
                _look(broker)
        _look(broker)
        _read_truth(broker.bootstrap)
        memory = broker.memory_bytes() // (1 << 20)
        process = psutil.Process(broker.pid)
        process.kill()
        process.wait(30)
        broker.restart()
        _read_truth(broker.bootstrap)
    return {
        "requests": sent,
        "became": dict(attack.became),
        "memory_mib": memory,
        "seconds": round(time.monotonic() - begun, 1),
    }


def _look(broker: EmbeddedBroker) -> None:
    if not broker.alive():
        raise Broken("the broker has ended")
    if broker.memory_bytes() > MOST_MIB << 20:
        raise Broken(f"the broker has {broker.memory_bytes() >> 20} MiB")


def _read_truth(bootstrap: str) -> None:
    """What was acknowledged is there, once."""
    found = b""
    with Wire(bootstrap) as wire:
        while True:
            error, end, start, more = wire.fetch([Wanted(TRUTH, 0, -1, _next(found), 1 << 20)])[TRUTH, 0]
            if error or not more:
                break
            found += more
    offsets = [each.base for _, each in walk(found)]
    if (error, end, start, offsets) != (0, KEPT, 0, list(range(KEPT))):
        raise Broken(f"the truth is not there any more: error {error}, {start} to {end}, {len(offsets)} batches")


def _next(found: bytes) -> int:
    return max((each.next for _, each in walk(found)), default=0)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0, help="0 is the seed of the day")
    given = parser.parse_args()
    seed = given.seed or int(time.time() // 86_400)
    try:
        print(json.dumps({"seed": seed} | fuzz(given.requests, seed)))
    except Broken as broken:
        print(f"seed {seed}: {broken}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
