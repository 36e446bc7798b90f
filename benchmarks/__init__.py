"""Benchmarks: ratios and distributions measured in one run. See README.md here for what each figure means."""
