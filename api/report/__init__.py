"""A run's report as people read it: plots, and the self-contained page."""
