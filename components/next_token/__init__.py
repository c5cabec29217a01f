"""The panels of the Next token page."""
