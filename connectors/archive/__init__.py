"""The Parquet archive: what lasts of every topic. The format is described in docs/archive.md."""
