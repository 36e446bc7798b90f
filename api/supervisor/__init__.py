"""The supervisor of `profit up`: one run of all processes, restarted when they die and ended in order."""
