"""Saved views on screen: the button that saves, and the list with all that can be done there."""
