"""Lines of text on a page: estimates in words."""

from __future__ import annotations

import math

import pytest

from components.shell.messages import about
from dashboard.i18n import Catalogue


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "less than a second"),
        (3, "a few seconds"),
        (11, "about 10 seconds"),
        (29, "about half a minute"),
        (70, "about a minute"),
        (121, "about 2 minutes"),
        (3600, "about an hour"),
        (9000, "about 2 hours"),
        (math.nan, "an unknown time"),
    ],
)
def test_an_estimate_is_said_in_words(seconds, words):
    assert about(Catalogue("en"), seconds) == words
