"""Exact log-probabilities of given texts, shared beginnings computed once."""
