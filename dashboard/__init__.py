"""Logitscope: what every head attends to and what the model would say next, exactly.

Nothing is imported here: ``python -m dashboard`` starts with the standard library alone.
"""

__version__ = "0.1.0"
