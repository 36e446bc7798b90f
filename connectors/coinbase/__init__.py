"""Coinbase: Advanced Trade market data."""
