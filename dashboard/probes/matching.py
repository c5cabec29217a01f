"""Which completion of a list a drawn text gives: the longest that stands at its beginning as whole words."""

from __future__ import annotations

import re
from collections.abc import Sequence

_CLOSING = re.compile(r"[\s.,;:!?…\"'”’)\]]+$")


class Matcher:
    """Finds completions at the beginning of texts."""

    def __init__(self, completions: Sequence[str]) -> None:
        """Take completions as they stand behind a prompt (`` a nurse``)."""
        self._ordered = sorted(range(len(completions)), key=lambda at: -len(completions[at]))
        self._completions = tuple(completions)

    def __call__(self, text: str) -> int | None:
        """The place of the longest completion that `text` begins with; ``None``: none, or its last word goes on."""
        for at in self._ordered:
            completion = self._completions[at]
            rest = text[len(completion) :]
            if text.startswith(completion) and not (rest[:1].isalnum() or rest[:1] == "_"):
                return at
        return None


def merged(text: str) -> str:
    """A short text without the signs and blanks around it: `` janitor,`` and `` janitor.`` are one answer."""
    return _CLOSING.sub("", text).strip()
