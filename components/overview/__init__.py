"""What the Overview page shows: tasks, live settings, the notebook cell by cell, examples, what is loaded."""
