"""What the running text sends: steps of colour, and lengths that belong together."""

import numpy as np
import pytest

from components.web.shared.weight_steps import weight_steps
from components.web.token_text.token_text import token_text
from dashboard.i18n import Catalogue


def test_weights_become_steps_and_what_does_not_exist_stays_without_colour():
    assert weight_steps([0.0, 0.5, 1.0, float("nan"), 1.2, -0.1]) == [0, 128, 255, -1, 255, 0]


def test_texts_and_weights_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="'hover': 1"):
        token_text(
            tokens=["a", "b"],
            weights=None,
            selected=None,
            hover=["only one"],
            lut=np.zeros((256, 3), np.uint8),
            dark=False,
            text=Catalogue("en"),
            key="tokens",
            on_pick=None,
        )
