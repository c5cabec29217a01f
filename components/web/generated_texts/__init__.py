"""Generated texts, token by token, with the alternatives of each token."""
