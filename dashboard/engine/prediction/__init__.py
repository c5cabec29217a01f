"""Predictions from captured residuals: candidates, decode settings, lens and attribution."""
