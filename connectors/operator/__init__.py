"""The operator's own things: the token that signs commands, and the kill that stands over every run."""
