"""Attention weights from captured kernel inputs: maps, tiles and head metrics."""
