"""Promotion: what an instance has shown, and which state that earns it. Pure: no clock, no I/O."""
