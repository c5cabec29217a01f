"""Where a link was made, as it says so, and what differs elsewhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.parsing.unreadable import Unreadable
from dashboard.run_key import ModelVersion
from dashboard.sharing.origin import Difference, LinkOrigin

COMMIT = "b179c9523d0e1f60a7f3f2a5de6d9d2d1b7b7f3c"
HERE = LinkOrigin.here(ModelVersion("m", COMMIT, "float32", "cpu", "5.24.0", "2.13.0+cpu"))
WORD = st.text("abcXYZ019._+:/", min_size=1, max_size=40)


@given(st.builds(LinkOrigin, *[WORD] * 6))
def test_an_origin_comes_back_from_its_link(origin):
    assert LinkOrigin.read(origin.written()) == origin


def test_the_same_place_differs_in_nothing():
    assert LinkOrigin.read(HERE.written()).differences(HERE) == []


def test_links_of_older_releases_name_three_parts_and_a_short_revision():
    assert LinkOrigin.read(f"{COMMIT[:12]} float32 transformers-5.24.0").differences(HERE) == []
    older = LinkOrigin.read(f"{COMMIT[:11]}0 bfloat16 transformers-5.13.1")
    assert older.differences(HERE) == [
        Difference("revision", f"{COMMIT[:11]}0", COMMIT),
        Difference("dtype", "bfloat16", "float32"),
        Difference("transformers", "5.13.1", "5.24.0"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "a float32", "a float32 torch-1", f"{COMMIT} float32 5.24.0", "a  float32 transformers-1"),
        *("a float32 transformers-1 other-2", "<b> float32 transformers-1", "a float32 transformers-1\n", "a b " * 90),
        *("ä float32 transformers-1", "a float32 transformers-1 revision-2", "a" * 100_000),
    ],
)
def test_what_is_no_origin_is_refused(text):
    with pytest.raises(Unreadable):
        LinkOrigin.read(text)
