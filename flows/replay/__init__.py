"""Replay: the same flow functions on archived topics, as fast as they go, into an archive of that run."""
