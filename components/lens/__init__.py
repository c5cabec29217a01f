"""The panels of the lens and of attribution, on the Next token page."""
