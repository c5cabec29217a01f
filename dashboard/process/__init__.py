"""The Python process: its log, folders, garbage collection and threads; all but the folders by the standard library."""
