"""Strategies: pure functions of a market's view, one family a file."""
