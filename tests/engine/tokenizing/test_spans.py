"""Which bytes each token stands for, worked by hand."""

import pytest

from dashboard.engine.tokenizing.spans import align_tokens, token_bytes

GIRL = "👧".encode()


@pytest.mark.parametrize(
    ("text", "spans", "pieces", "expected"),
    [
        ("a b", [(0, 1), (2, 3)], [b"a", b"b"], [b"a", b" b"]),  # a dropped space belongs to the word after it
        (" a ", [(1, 2)], [b"a"], [b" a "]),  # at the end to the last
        ("e\u0301 b", [(0, 1), (3, 4)], [b"e", b"b"], ["e\u0301".encode(), b" b"]),  # a dropped accent to its letter
        ("A", [(0, 1)], [b"a"], [b"A"]),  # as it was typed
        ("a", [(0, 1), (0, 1)], [b" ", b"a"], [b"", b"a"]),  # the tokenizer's own space stands for nothing
        (" a", [(0, 1), (0, 2)], [b" ", b" a"], [b"", b" a"]),
        ("👧", [(0, 1)] * 3, [b" ", GIRL[:1], GIRL[1:]], [b"", GIRL[:1], GIRL[1:]]),  # bytes of one character
        ("x 👧", [(0, 1), (2, 3), (2, 3)], [b"x", b" " + GIRL[:2], GIRL[2:]], [b"x", b" " + GIRL[:2], GIRL[2:]]),
        ("x 👧", [(0, 1), (2, 3), (2, 3)], [b"y", GIRL[:2], GIRL[2:]], [b"x", b" " + GIRL[:2], GIRL[2:]]),
        ("ﬃ!", [(0, 1), (0, 1), (1, 2)], [b"ff", b"i", b"!"], ["ﬃ".encode(), b"", b"!"]),  # one became several
        ("?? b", [(0, 0), (3, 4)], [b"<unk>", b"b"], [b"?? ", b"b"]),  # a token without a place takes the gap
        ("ab", [(0, 0), (2, 2)], [b"x", b"y"], [b"", b"ab"]),
        ("a", [], [], []),
    ],
)
def test_every_byte_of_the_text_belongs_to_one_token(text, spans, pieces, expected):
    found = token_bytes(text, spans, pieces)
    assert found == expected
    assert not pieces or b"".join(found) == text.encode()


def test_tokens_without_places_are_looked_for_in_their_order_whatever_their_case():
    assert align_tokens("THE nurse, the", ["the", "<unk>", " nurse", "the"]) == [(0, 3), (3, 3), (4, 9), (11, 14)]
    assert align_tokens("İx İ", ["x", "İ"]) == [(1, 2), (3, 4)]  # its lowercase is two characters
