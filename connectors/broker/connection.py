"""One client's connection: frames in, answers out in the order of their requests.

Failure policy: what cannot be answered (an unknown kind, a version that is not served, bytes that are no message) ends
the connection, as Kafka does, with a line in the log. Nothing that comes in ends the broker.
"""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from typing import Any, Final, Protocol, cast

from connectors.broker.errors import UNSUPPORTED_VERSION
from connectors.broker.messages import API_VERSIONS, APIS, FETCH, PRODUCE, ApiKind
from connectors.broker.requests import Client, api_versions
from connectors.broker.schema import Row, decode, encode
from connectors.broker.wire import Decoder, Encoder, Malformed

#: As Kafka's socket.request.max.bytes.
MOST_REQUEST_BYTES: Final = 100 * 1024 * 1024
#: Requests of one connection that may wait for their answers; the next is read when one is answered.
MOST_WAITING: Final = 64
_HEAD: Final = struct.Struct(">hhi")  # kind, version, number of the request
_FRAME: Final = struct.Struct(">ii")


class Work(Protocol):
    """Something under way for a request."""

    def hurry(self) -> None:
        """The next request has come: answer now if that makes sense."""

    def cancel(self) -> None:
        """Nobody wants the answer any more."""


class Slot:
    """The place of an answer among those of its connection."""

    __slots__ = ("answer", "api", "connection", "number", "version", "work")

    def __init__(self, connection: ClientConnection, api: ApiKind, version: int, number: int) -> None:
        self.connection = connection
        self.api = api
        self.version = version
        self.number = number
        self.answer: bytearray | None = None
        self.work: Work | None = None

    def encoder(self) -> Encoder:
        """For the answer's body; to be given to ``finish``."""
        encoder = Encoder()
        encoder.out = bytearray(_FRAME.size)
        if self.version >= self.api.flexible and self.api is not API_VERSIONS:
            encoder.out.append(0)  # no tagged fields
        return encoder

    def finish(self, encoder: Encoder) -> None:
        """The answer is complete: it goes out once those before it have."""
        if self.answer is not None:
            return
        self.work = None
        self.answer = encoder.out
        _FRAME.pack_into(self.answer, 0, len(self.answer) - 4, self.number)
        self.connection.flush()

    def answer_row(self, row: Row) -> None:
        """Answer with ``row``, encoded as the request's version has it."""
        encoder = self.encoder()
        assert self.api.response is not None
        encode(self.api.response, self.version, row, encoder)
        self.finish(encoder)


class BrokerServices(Protocol):
    """What a connection needs."""

    connections: set[ClientConnection]

    def produce(self, slot: Slot, decoder: Decoder) -> None: ...

    def fetch(self, slot: Slot, decoder: Decoder) -> None: ...

    def handle(self, slot: Slot, request: Row, client: Client) -> None: ...

    @property
    def is_loaded(self) -> bool:
        """Whether so much waits for the disk that nothing more is to be read."""
        ...

    def say(self, text: str) -> None: ...


class ClientConnection(asyncio.Protocol):
    def __init__(self, broker: BrokerServices, most: int) -> None:
        self._broker = broker
        self._most = most
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._slots: deque[Slot] = deque()
        self._stuck = False  # the client does not take its answers
        self._reading = True
        self._working = False
        self.host = "?"

    # -- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer: Any = transport.get_extra_info("peername")
        self.host = str(peer[0]) if peer else "?"
        self._broker.connections.add(self)
        if len(self._broker.connections) > self._most:
            self.refuse(f"more than {self._most} connections")

    def connection_lost(self, failure: Exception | None) -> None:
        self._transport = None
        self._broker.connections.discard(self)
        self._buffer.clear()
        for slot in self._slots:
            if slot.work is not None:
                slot.work.cancel()
        self._slots.clear()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self.work()

    def eof_received(self) -> bool:
        return False

    def pause_writing(self) -> None:
        self._stuck = True

    def resume_writing(self) -> None:
        self._stuck = False
        self.work()

    # -- requests

    def work(self) -> None:
        """Take up the requests that are there, as long as there is room for them."""
        if self._working:
            return
        self._working = True
        try:
            self._work()
        finally:
            self._working = False

    def _work(self) -> None:
        buffer, at = self._buffer, 0
        while self._transport is not None and self._may_go_on():
            left = len(buffer) - at
            if left < 4:
                break
            size = int.from_bytes(buffer[at : at + 4], "big", signed=True)
            if not _HEAD.size <= size <= MOST_REQUEST_BYTES:
                self.refuse(f"a request of {size} bytes")
                return
            if left < 4 + size:
                break
            frame = bytes(memoryview(buffer)[at + 4 : at + 4 + size])
            at += 4 + size
            self._take(frame)
        if at and self._transport is not None:
            del buffer[:at]
        self._pace()

    def _may_go_on(self) -> bool:
        return not self._stuck and len(self._slots) < MOST_WAITING and not self._broker.is_loaded

    def _pace(self) -> None:
        """Read no more than can be worked off."""
        if self._transport is None or self._transport.is_closing():
            return
        wanted = self._may_go_on()
        if wanted and not self._reading:
            self._transport.resume_reading()
        elif not wanted and self._reading:
            self._transport.pause_reading()
        self._reading = wanted

    def _take(self, frame: bytes) -> None:
        if self._slots and (waiting := self._slots[-1].work) is not None:
            waiting.hurry()
        key, version, number = _HEAD.unpack_from(frame)
        api = APIS.get(key)
        if api is None:
            self.refuse(f"request {key} is not known here")
            return
        slot = Slot(self, api, version, number)
        if not api.served <= version <= api.highest:
            if api is API_VERSIONS:
                slot.version = 0  # what every client reads
                self._slots.append(slot)
                slot.answer_row(api_versions(UNSUPPORTED_VERSION))
            else:
                self.refuse(f"version {version} of {api.name} is not served, only {api.served} to {api.highest}")
            return
        try:
            self._dispatch(slot, Decoder(frame, _HEAD.size))
        except Malformed as why:
            self.refuse(f"{api.name}, version {version}: {why}")
        except Exception as fault:  # a fault of ours must not end the broker
            self.refuse(f"{api.name}, version {version}: {type(fault).__name__}: {fault}")

    def _dispatch(self, slot: Slot, decoder: Decoder) -> None:
        api, version = slot.api, slot.version
        client = decoder.nullable_string(flexible=False)
        if version >= api.flexible:
            decoder.skip_tags()
        if api is FETCH:
            self._slots.append(slot)
            self._broker.fetch(slot, decoder)
        elif api is PRODUCE:
            self._broker.produce(slot, decoder)
        else:
            assert api.request is not None
            request = decode(api.request, version, decoder)
            self._slots.append(slot)
            self._broker.handle(slot, request, Client(client or "", self.host))

    def expect(self, slot: Slot) -> None:
        """``slot`` will have an answer, after those of all others that are expected already."""
        self._slots.append(slot)

    def flush(self) -> None:
        """Send the answers whose turn it is."""
        slots = self._slots
        full = len(slots) >= MOST_WAITING
        while slots and slots[0].answer is not None:
            answer = slots.popleft().answer
            if self._transport is not None and answer is not None:
                self._transport.write(answer)
        if full:
            self.work()

    def refuse(self, why: str) -> None:
        """End the connection."""
        self._broker.say(f"{self.host}: the connection is ended: {why}")
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
