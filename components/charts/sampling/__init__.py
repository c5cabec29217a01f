"""Charts of texts and of decode settings."""
