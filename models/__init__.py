"""What things mean: contracts, money, fair value, features, strategies. Knows nothing of Kafka or Bytewax."""
