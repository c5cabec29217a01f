"""A prompt's tokens as chips."""
