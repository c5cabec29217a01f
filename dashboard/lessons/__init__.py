"""Lessons: short exercises on the real pages, whose answers are computed from the person's own run."""
