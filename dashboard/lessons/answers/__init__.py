"""The right answers of lessons, computed from a run: one function for each question, by name in QUESTIONS."""
