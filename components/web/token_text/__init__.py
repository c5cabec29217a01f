"""The running text as tokens."""
