"""The embedded broker: started, guarded, measured and ended by the program that uses it."""
