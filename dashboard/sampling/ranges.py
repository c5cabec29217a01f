"""Ranges of decode settings, the same on every page, and when one setting leaves a single token."""

from __future__ import annotations

from collections.abc import Mapping

RANGES: dict[str, tuple[float, float]] = {
    "temperature": (0.0, 100.0),
    "top_k": (0, 1_000_000),
    "top_p": (0.0, 1.0),
    "min_p": (0.0, 1.0),
    "typical_p": (0.001, 1.0),
    "repetition_penalty": (0.01, 10.0),
    "no_repeat_ngram_size": (0, 20),
}
"""Setting -> lowest and highest value."""
COUNTED_RANGES = {"temperature": (0.05, 10.0), "top_k": (0, 100_000), "top_p": (0.05, 1.0)}
"""Narrower ones, of texts that are drawn to be counted: temperature and top_p never leave a single token."""
LEAST_TEMPERATURE = 1e-30
"""A logit divided by less may be more than float32 can hold."""


def one_left(values: Mapping[str, float]) -> str:
    """The first setting that by itself leaves only the likeliest token; empty when none does."""
    leaves = {
        "temperature": values["temperature"] < LEAST_TEMPERATURE,
        "top_k": values["top_k"] == 1,
        "top_p": values["top_p"] == 0,
        "min_p": values["min_p"] == 1,
    }
    return next((name for name, alone in leaves.items() if alone), "")
