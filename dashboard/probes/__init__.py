"""Probes: templates, word lists, completions and benchmark files; needs no model and no page."""
