"""Features: what strategies may know of a market beyond its books, one provider a file."""
