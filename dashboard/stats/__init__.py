"""Statistics: intervals, diversity of texts, bias; NumPy and SciPy, nothing of the engine but its arrays."""
