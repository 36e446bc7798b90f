"""Listening sockets, and what to say when one cannot be had."""

from __future__ import annotations

import socket

from models.failures import Failure

_BACKLOG = 128


def listen(host: str, port: int, who: str, cure: str) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises Failure, in the name of ``who`` and with its ``cure``, when
    the port cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except OSError as cause:
        listening.close()
        raise Failure(f"{who} cannot listen on {host}:{port}: {cause.strerror or cause}.", cure) from None
    listening.setblocking(False)
    return listening


def listen_for_page(host: str, port: int) -> socket.socket:
    """The socket of the page and its API."""
    cure = "End the program that uses the port, or choose another: PROFIT_API_PORT=8766, or 0 for a free one."
    return listen(host, port, "the page", cure)


def url_of(listening: socket.socket) -> str:
    """The address for a browser on this machine."""
    host, port = listening.getsockname()[:2]
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{name}:{port}/"
