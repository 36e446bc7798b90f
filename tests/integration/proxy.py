"""A TCP proxy that can be taken away: the network between the system and its broker."""

from __future__ import annotations

import contextlib
import socket
import threading

from tests.ports import free_port


class Proxy:
    """Forwards 127.0.0.1:``port`` to ``target`` (a port) while it is ``there``."""

    def __init__(self) -> None:
        self._listener = self._bind(free_port())
        self.port = int(self._listener.getsockname()[1])
        self.target = 0
        self._sockets: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._there = False

    @staticmethod
    def _bind(port: int) -> socket.socket:
        bound = socket.socket()
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(("127.0.0.1", port))
        return bound

    def open(self) -> None:
        """Take connections."""
        if self._listener.fileno() < 0:
            self._listener = self._bind(self.port)
        self._listener.listen(64)
        self._there = True
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def cut(self) -> None:
        """Break every connection and refuse new ones."""
        self._there = False
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            sockets, self._sockets = self._sockets, set()
        for each in sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> None:
        while self._there:
            try:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", self.target), timeout=30)
                far.settimeout(None)
            except OSError:
                if not self._there:
                    return
                continue
            for each in (near, far):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._sockets |= {near, far}
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    def _pump(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(1 << 16):
                other.sendall(data)
        for each in (one, other):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            with self._lock:
                self._sockets.discard(each)
        one.close()
