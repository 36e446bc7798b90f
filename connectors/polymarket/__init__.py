"""Polymarket: CLOB market channel, Gamma and CLOB over HTTP."""
