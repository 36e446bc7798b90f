"""Kafka: client configuration, topics, and the Bytewax source and sink that neither lose nor skip silently."""
