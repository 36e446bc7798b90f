"""The recorder: one process that runs every door and writes what they receive, verbatim, to the feed topics."""
