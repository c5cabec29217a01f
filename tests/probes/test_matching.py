"""Which completion a drawn text gives."""

import pytest

from dashboard.probes.matching import Matcher, merged

LIST = (" a nurse", " a nurse practitioner", " an engineer", " a cook")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (" a nurse, and", 0),
        (" a nurse", 0),
        (" a nurse practitioner in", 1),
        (" a nurse practitioners", 0),
        (" a nursery", None),
        (" an engineer.\n", 2),
        ("a nurse", None),
        (" a cookbook", None),
        (" a cook_", 3),
        (" a cook\u0301", None),
        (" a cook\ufffd", None),
        (" a cook's", 3),
        ("", None),
    ],
)
def test_the_longest_completion_of_whole_words_at_the_beginning_counts(text, place):
    assert Matcher(LIST, whole=True)(text) == place


def test_signs_and_blanks_around_an_answer_do_not_make_another():
    assert {merged(text) for text in (" janitor,", " janitor.", " janitor", " janitor \n")} == {"janitor"}
    assert merged(" security guard at") == "security guard at"


def test_a_word_may_go_on_where_its_end_does_not_count():
    match = Matcher(LIST, whole=False)
    assert match(" a cookbook") == 3
    assert match(" a nurse practitioners") == 1
    assert match(" the cook") is None
