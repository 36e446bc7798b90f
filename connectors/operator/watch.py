"""Watches for the kill that stands, and gives it to the trading flow as the operator's command.

The file alone kills: whoever wrote it may have died before the command went out, and a run may start long after it.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable

from connectors.operator.commanding import send
from connectors.operator.standing import standing_kill
from connectors.operator.token import read_token, token_path
from models.control import Command, Kill, public_key
from models.failures import Failure
from models.settings import Settings

EVERY_S = 0.5


def with_operator(settings: Settings, run: str) -> Settings:
    """The settings with the operator's public key and the run's name, where they do not say them. Without a token
    nobody is the operator, and no command is taken."""
    operator = settings.operator
    if not operator.public_key:
        try:
            operator = operator.model_copy(update={"public_key": public_key(read_token(token_path(settings)))})
        except Failure:
            return settings.model_copy(update={"run_name": settings.run_name or run})
    return settings.model_copy(update={"operator": operator, "run_name": settings.run_name or run})


class KillWatch:
    """``look`` sends what stands and was not sent yet; ``start`` does so twice a second in a thread of its own."""

    def __init__(self, settings: Settings, bootstrap: str, say: Callable[[str], None]) -> None:
        self._settings = settings
        self._bootstrap = bootstrap
        self._say = say
        self._sent = -1
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="kill-watch", daemon=True)

    def look(self, anew: bool = True) -> bool:
        """Send the kill that stands, once; whether one stands. ``anew``: as a command of this moment, for a run that
        starts; else as the very command that its giver sends, which is obeyed once. Raises Failure when it cannot be
        sent."""
        kill = standing_kill(self._settings.data_dir)
        if kill is None:
            return False
        if kill.t != self._sent:
            token = read_token(token_path(self._settings))
            name, t = (secrets.token_hex(8), time.time_ns()) if anew or not kill.command else (kill.command, kill.t)
            command = Command(name, self._settings.run_name, t, kill.by, Kill())
            send(command, token, self._settings.kafka, self._bootstrap)
            self._sent = kill.t
            self._say(
                f"trading is killed, by {kill.by}, in every run of {self._settings.data_dir}: `profit control release` "
                "lifts it"
            )
        return True

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._stop.set()

    def _loop(self) -> None:
        said = ""
        while not self._stop.wait(EVERY_S):
            try:
                self.look(anew=False)
                said = ""
            except Failure as cause:
                if str(cause) != said:
                    said = str(cause)
                    self._say(f"the kill that stands cannot be sent: {cause}")
