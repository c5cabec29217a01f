"""The Python process: its log, garbage collection and threads. Standard library only."""
