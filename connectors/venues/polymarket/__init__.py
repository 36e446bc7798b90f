"""The live venue: real orders at Polymarket, behind an interlock of its own. See docs/live.md."""
