"""Reports: figures read from archives, for people."""
