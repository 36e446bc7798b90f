"""The report says how far the run was behind at worst, and how many entries that refused."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from api.cli.run_figures import show_summary
from connectors.archive.writer import ArchiveWriter
from flows.replay.summary import summarise
from models.journal import AnyEvent, Clock
from models.message import Message
from models.record import Record
from tests.flows.trading_line.desk import Scene


class RecordedScene(Scene):
    """A scene whose messages go into an archive. ``lag_ms``: what its ticks measure from receipt to decision."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.lag_ms = -1
        self._folder = folder
        self._messages: list[Message] = []

    def put(self, event: AnyEvent) -> list[Record]:
        if isinstance(event, Clock):
            event = msgspec.structs.replace(event, lag_ms=self.lag_ms)
        messages = self.line.take(event)
        self._messages.extend(messages)
        self.books.take(messages)
        return self.books.last

    def report(self, capsys: pytest.CaptureFixture[str]) -> str:
        """The line on the lag, as `profit report` prints it."""
        self.note("end of run")
        with ArchiveWriter(self._folder) as archive:
            for message in self._messages:
                archive.append_message(message)
        show_summary(summarise(self._folder, self._folder, self._folder, 1.0, from_feeds=False), self._folder)
        (line,) = [line for line in capsys.readouterr().out.splitlines() if "worst lag" in line]
        return " ".join(line.replace("│", "").split())


def test_the_report_says_the_worst_lag_and_how_many_entries_it_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = RecordedScene(tmp_path / "archive")
    scene.warm_up()
    for scene.lag_ms in (17_250, 40):  # the worst counts, not the last
        scene.later(0.5)
        scene.clock()
        scene.buy()
    refused = [each for each in scene.decisions("block") if each.reason == "too_slow"]
    assert len(refused) == 1 and len(scene.orders("submitted")) == 1
    assert scene.report(capsys) == "worst lag, receipt to decision 17.250 s, entries refused as too_slow: 1"


def test_a_run_without_the_measure_is_not_called_quick(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A tick of a recording that measured nothing says -1."""
    scene = RecordedScene(tmp_path / "archive")
    scene.warm_up(5)
    assert scene.report(capsys) == "worst lag, receipt to decision not measured"
