"""The engine: the only code that knows torch and transformers. Plain arrays and frozen dataclasses in and out."""
