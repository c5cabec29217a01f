"""The panels of the Sampling page."""
