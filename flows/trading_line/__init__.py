"""The steps of the trading flow: journal events in, decisions and their money out. No engine in sight."""
