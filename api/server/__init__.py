"""The HTTP face: what telemetry and the output topics say, as JSON, as a stream of events and as one page."""
