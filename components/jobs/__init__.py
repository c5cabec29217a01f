"""The panels of background jobs."""
