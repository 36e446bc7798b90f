"""What the learning flow does with the journal: runs it again, beside paper twins, and judges every instance."""
