"""A simulated exchange: local servers that speak Polymarket's and Coinbase's wire protocols. See docs/simulator.md."""
