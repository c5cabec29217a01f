"""Heads of tables: every column that a page shows has one, in both languages."""

import pytest

from components.shell.panel import column_heads
from dashboard.i18n import Catalogue
from tests.test_numbers import TABLES, name_of

TOPICS = {"sampling": "sampling_columns", "sampling_sets": "sampling_columns", "trees": "sampling_columns"}
IN_FILES = {"token_frame", "mosaic_frame"}
"""Tables that no page shows."""
SHOWN = {
    function: (table, TOPICS.get(name_of(module), "columns"))
    for (module, function), table in TABLES.items()
    if not name_of(module).startswith("bias") and function not in IN_FILES
}
"""Those of the Bias page: `tests.components.bias.test_layout`."""


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("shown", SHOWN.values(), ids=SHOWN)
def test_every_column_has_a_head(shown, language):
    frame, topic = shown
    heads = column_heads(Catalogue(language), frame, topic)
    assert heads.keys() == set(map(str, frame))
    assert all(heads.values())


def test_numbered_columns_share_a_head_and_keep_their_number():
    heads = column_heads(Catalogue("en"), ["prob_2", "prob", "token_1"])
    assert heads == {"prob_2": "p 2", "prob": "p", "token_1": "Token 1"}
