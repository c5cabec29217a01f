"""Models: registry, files, checks, loading, and the pool of those in memory."""
