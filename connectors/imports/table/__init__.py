"""Any table of quotes, trades, spot, strikes and outcomes, imported by a map of its columns."""
