"""Models: which there are, where their files are, whether they can be loaded, and loading them."""
