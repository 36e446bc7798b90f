"""Hypothesis without its deadline: two busy cores are slower than its patience, and slowness is no fault here."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
