"""Tells the page around how high an embedded chart is."""
