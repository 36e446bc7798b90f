"""The `profit` command: one file a verb."""
