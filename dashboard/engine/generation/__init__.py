"""Generation: sampled texts, beam search and exact comparisons of decode settings."""
