"""Coverage-guided fuzzing of the market line, where atheris is installed (`pip install -e .[fuzz]`).

    python -m tests.fuzz.atheris_frames [-runs=N] [-max_total_time=SECONDS] [-seed=N]

The input's first byte chooses the kind of frame, the rest is the frame; libFuzzer's options are passed on. It starts
from the same seeds as `tests/fuzz/run.py` and holds the line to the same rules: a broken one ends it with the input.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from random import Random

import atheris  # type: ignore[import-not-found, unused-ignore]

with atheris.instrument_imports(
    include=["connectors.polymarket", "connectors.coinbase", "flows.market_line", "models"]
):
    from tests.fuzz.run import recordings
    from tests.fuzz.seeds import Seeds, seeds
    from tests.fuzz.subjects import Decoders, Line

FRESH_EVERY = 20_000  # inputs: a broken rule should depend on few of those before it
LONGEST = 16_384


class Harness:
    """Feeds inputs to a line that is made anew now and then."""

    def __init__(self, made: Seeds) -> None:
        self.kinds = sorted(made.kinds)
        self._made = made
        self._count = 0
        self._line = Line(made, Random(1))
        self._decoders = Decoders()

    def take(self, data: bytes) -> None:
        if not data:
            return
        self._count += 1
        if self._count % FRESH_EVERY == 0:
            self._line = Line(self._made, Random(1))
        kind = self.kinds[data[0] % len(self.kinds)]
        if kind in ("envelope", "event"):
            self._decoders.take(kind, data[1:])
        else:
            self._line.take(kind, data[1:])


def main() -> None:
    made = seeds(recordings())
    harness = Harness(made)
    with tempfile.TemporaryDirectory(prefix="profit-fuzz-") as place:
        for at, kind in enumerate(harness.kinds):
            for number, frame in enumerate(made.kinds[kind][:8]):
                if len(frame) < LONGEST:
                    (Path(place) / f"{kind}-{number}").write_bytes(bytes([at]) + frame)
        atheris.Setup([sys.argv[0], f"-max_len={LONGEST}", *sys.argv[1:], place], harness.take)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
