"""The panels of the Overview page."""
