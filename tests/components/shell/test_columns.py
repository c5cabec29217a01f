"""Heads of tables: every column of the Next token page's tables has one, in both languages."""

import pytest

from components.shell.panel import column_heads
from dashboard.frames.lens import attribution_frame, head_attribution_frame
from dashboard.frames.next_token import position_frame
from dashboard.i18n import Catalogue
from tests.made import samples

FRAMES = {
    "candidates": samples.candidates_frame(),
    "positions": position_frame(samples.position_table(3), samples.tokens(3)),
    "lens": samples.lens_frame(pins=1),
    "attribution": attribution_frame(samples.attribution()),
    "heads": head_attribution_frame(samples.attribution(), 1),
}


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_every_column_has_a_head(frame, language):
    heads = column_heads(Catalogue(language), frame)
    assert list(heads) == list(frame)
    assert all(heads.values())


def test_numbered_columns_share_a_head_and_keep_their_number():
    heads = column_heads(Catalogue("en"), ["prob_2", "prob", "token_1"])
    assert heads == {"prob_2": "p 2", "prob": "p", "token_1": "Token 1"}
