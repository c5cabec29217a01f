"""The panels of the Bias page."""
