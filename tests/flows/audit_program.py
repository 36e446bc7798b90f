"""The audit flow as a program, for the tests that kill it. Arguments: HOST:PORT, folder."""

from __future__ import annotations

import sys
from pathlib import Path

from bytewax.testing import run_main

from connectors.kafka.stopping import Stop, on_signals
from flows.audit import audit_flow
from models.settings import Archive, Settings

if __name__ == "__main__":
    stop = Stop()
    settings = Settings(archive=Archive(flush_s=1.0, publish_s=1.0))
    flow = audit_flow(settings, sys.argv[1], stop, Path(sys.argv[2]))
    on_signals(stop)
    run_main(flow)
