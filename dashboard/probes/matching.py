"""Matcher: which completion of a list a sampled text begins with, the longest of several."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dashboard.tokens import continues_word

_CLOSING = re.compile(r"[\s.,;:!?…\"'”’)\]]+$")


class Matcher:
    """Finds completions at the beginning of texts."""

    def __init__(self, completions: Sequence[str], *, whole: bool) -> None:
        """Take completions as they stand behind a prompt.

        Args:
            completions: with their leading space: `` a nurse``.
            whole: the word has to end with the completion, as in scores that count the word's end.
        """
        self._ordered = sorted(range(len(completions)), key=lambda at: -len(completions[at]))
        self._completions, self._whole = tuple(completions), whole

    def __call__(self, text: str) -> int | None:
        """The place of the longest completion that `text` begins with; ``None``: none."""
        for at in self._ordered:
            completion = self._completions[at]
            rest = text[len(completion) :]
            if text.startswith(completion) and not (self._whole and rest and continues_word(rest[0])):
                return at
        return None


def merged(text: str) -> str:
    """A short text without the signs and blanks around it: `` janitor,`` and `` janitor.`` are one answer."""
    return _CLOSING.sub("", text).strip()
