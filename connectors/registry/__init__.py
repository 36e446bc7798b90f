"""What was tried, kept for good: every parameter set looked at, and every use of a holdout."""
