"""Lessons on screen: the card above a page, its question, the list of lessons, and what a teacher gets."""
