"""Texts to tokens and back, for any tokenizer."""
