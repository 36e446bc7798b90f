"""Portfolio risk as pure functions and plain state: allocation, joint exposure, breakers."""
