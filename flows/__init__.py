"""The dataflows, each built by a function of its sources and sinks, and the steps they are made of."""
