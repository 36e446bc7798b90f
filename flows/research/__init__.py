"""Research: many trading lines over one journal, and what each came to. No Bytewax, no Kafka."""
