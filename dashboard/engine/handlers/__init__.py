"""What answers each type of request: a table of handlers, by rooms of the engine."""
