"""The engine: the only code that knows torch and transformers. Plain arrays and frozen dataclasses in and out."""

import os

# Every visitor may choose models: the operator's own token, and with it private models, is used only where the operator
# says so. huggingface_hub reads both when it is imported.
os.environ.setdefault("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")
# A download by Xet cannot be stopped before it is whole; plain HTTP can.
os.environ.setdefault("HF_HUB_DISABLE_XET", "1")
