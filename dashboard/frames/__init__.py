"""Tidy tables: one row per mark."""
