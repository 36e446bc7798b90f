"""Faults of the simulated exchange: a timeline of them, what makes them happen, and a log of what really happened."""
