"""Readers of what people bring: JSON, text files and pasted lists, checked as they are read."""
