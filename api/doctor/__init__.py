"""The doctor: what stands in the way of a run, found before it does, each with what to do about it."""
