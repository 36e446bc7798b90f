"""Health checks of the containers: exit code 0 for well, 1 with a word of why for not.

python -m api.supervisor.health moving TOPIC       records keep coming into the topic
python -m api.supervisor.health fresh PATH SECONDS a file in the folder was written in the last SECONDS
python -m api.supervisor.health answers URL        an HTTP GET of the address succeeds
"""

from __future__ import annotations

import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Final

WATCH_S: Final = 8.0
POLL_S: Final = 0.25


def moving(topic: str, bootstrap: str = "", watch_s: float = WATCH_S) -> str:
    """Empty when the topic's end moves within ``watch_s`` seconds, else what is wrong."""
    # Here, and not above: a check that does not need them is a file's age or an answer, and must cost no more.
    from connectors.kafka.reader import Reader
    from models.failures import Failure
    from models.settings import load

    settings = load()
    try:
        reader = Reader(settings.kafka, bootstrap or settings.kafka.bootstrap_servers, [topic])
    except Failure as failure:
        return failure.cause
    try:
        first = reader.watermarks(topic)[1]
        deadline = time.monotonic() + watch_s
        while time.monotonic() < deadline:
            if reader.watermarks(topic)[1] != first:
                return ""
            time.sleep(POLL_S)
    except Failure as failure:
        return failure.cause
    finally:
        reader.close()
    return f"{topic}: no new record in {watch_s:g} s"


def fresh(folder: Path, seconds: float) -> str:
    """Empty when a file below ``folder`` was written in the last ``seconds``, else what is wrong."""
    times: list[float] = []
    for path in folder.rglob("*"):
        try:
            times.append(path.stat().st_mtime)
        except FileNotFoundError:
            continue  # replaced meanwhile
    if not times:
        return f"{folder}: nothing there"
    age = time.time() - max(times)
    return "" if age <= seconds else f"{folder}: last written {age:.0f} s ago"


def answers(url: str) -> str:
    """Empty when a GET of ``url`` succeeds, else what is wrong."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return "" if response.status == 200 else f"{url}: status {response.status}"
    except (urllib.error.URLError, OSError) as cause:
        return f"{url}: {cause}"


def main(words: list[str]) -> int:
    match words:
        case ["moving", topic]:
            wrong = moving(topic)
        case ["fresh", folder, seconds]:
            wrong = fresh(Path(folder), float(seconds))
        case ["answers", url]:
            wrong = answers(url)
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    if wrong:
        print(wrong, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
