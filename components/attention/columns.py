"""What tables of the Attention page call their columns, and how many decimals they show; files have all of both."""

from __future__ import annotations

from dashboard.engine.api.attention import METRICS
from dashboard.i18n import Catalogue

THREE_DECIMALS = "%.3f"
FOUR_DECIMALS = "%.4f"
"""In lists of weights, as beside the pointer."""


def column_names(text: Catalogue) -> dict[str, str]:
    """Column -> its head on screen."""
    names = ("layer", "head", "query", "query_stop", "query_token", "key", "key_stop", "key_token", "weight")
    return {name: text(f"attention.columns.{name}") for name in names} | {m: text(f"metrics.{m}") for m in METRICS}
