"""Messages to the operator through apprise, to whatever service its URLs name. Sent in a thread: nothing waits."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from typing import Any

from models.failures import Failure

_MOST = 100


class Messenger:
    """``send`` queues a message. ``said`` gets what could not be sent, without any URL. Raises Failure where apprise is
    not installed, or a URL is none that it knows."""

    def __init__(self, urls: Sequence[str], said: Callable[[str], None]) -> None:
        self._said = said
        self._queue: queue.Queue[tuple[str, str] | None] = queue.Queue(_MOST)
        self._notifier = _notifier(urls)
        self._thread = threading.Thread(target=self._run, name="alerts", daemon=True)
        self._thread.start()

    def send(self, title: str, text: str) -> None:
        """Queue a message; one that finds the queue full is dropped, and said."""
        try:
            self._queue.put_nowait((title, text))
        except queue.Full:
            self._said(f"alert dropped, too many wait: {title}")

    def close(self) -> None:
        """Send what waits, for two seconds at most."""
        self._queue.put(None)
        self._thread.join(2.0)

    def _run(self) -> None:
        while (message := self._queue.get()) is not None:
            title, text = message
            try:
                sent = self._notifier.notify(body=text, title=title)
            except Exception as cause:  # a service's plug-in may raise anything; an alert never ends the server
                self._said(f"alert not sent: {title}: {type(cause).__name__}")
                continue
            if not sent:
                self._said(f"alert not sent, the service refused it: {title}")


def _notifier(urls: Sequence[str]) -> Any:
    try:
        import apprise
    except ImportError:
        raise Failure(
            "alerts.urls is set and apprise is not installed.", "pip install apprise, or leave alerts.urls empty."
        ) from None
    notifier = apprise.Apprise()
    for number, url in enumerate(urls):
        if not notifier.add(url):
            raise Failure(
                f"alerts.urls[{number}] is no URL that apprise knows.",
                "See https://appriseit.com for the services and how their URLs are written.",
            )
    return notifier
