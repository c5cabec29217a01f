"""Sampling without a model: columns of decode settings, forks of texts, differences of words."""
