"""Answers of the engine compared with plain transformers: the same numbers, computed once more the plain way."""
