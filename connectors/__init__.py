"""The doors to the outside: exchanges, simulator, Kafka, broker, archive, DuckDB."""
