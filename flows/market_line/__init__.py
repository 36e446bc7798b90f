"""The steps of the market flow: feed records in, verified journal events out. Plain classes, no engine in sight."""
