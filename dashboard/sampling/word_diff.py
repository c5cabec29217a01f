"""Differences of two texts: the first step with another token, and the words that one of them lacks."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

_WORD = re.compile(r"\s+|\w+|[^\w\s]")


def first_difference(first: Sequence[int], second: Sequence[int]) -> int | None:
    """The first step at which two texts have different tokens; ``None`` when one is the beginning of the other."""
    return next((step for step, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), None)


def differing(pieces: Sequence[str], other: str) -> list[bool]:
    """Which tokens of a text hold a word that another text does not have at that place (a word diff).

    Args:
        pieces: what each token adds to the text; together they are the text.
        other: the text to compare with.

    Returns:
        One flag a piece.
    """
    text = "".join(pieces)
    spans = [match.span() for match in _WORD.finditer(text)]
    words = [text[start:stop] for start, stop in spans]
    matcher = difflib.SequenceMatcher(None, words, _WORD.findall(other), autojunk=False)
    same = {at for block in matcher.get_matching_blocks() for at in range(block.a, block.a + block.size)}
    changed = [span for at, span in enumerate(spans) if at not in same and not text[slice(*span)].isspace()]
    flags, start = [], 0
    for piece in pieces:
        stop = start + len(piece)
        flags.append(any(low < stop and start < high for low, high in changed))
        start = stop
    return flags
