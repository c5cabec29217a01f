"""The English indefinite article, a or an: by spelling, with the exceptions that spelling hides."""

from __future__ import annotations

import re
import unicodedata

_AN_LETTERS = set("AEFHILMNORSX")
"""Letters whose names begin with a vowel sound: an FBI agent, an HR manager, an x-ray."""
_SILENT_H = re.compile(r"(heir|honest|honor|honour|hour)")
_YOU_OR_ONE = re.compile(
    r"(eu|ew(e|er)\b|ubiq|uk(e|u|r)|uni(?![mn])|uran|ure[at]|uro|uru|us(a|e|u)|ut(e|i|o)|one(\b|s)|once\b)"
)
"""Words that begin with the sound of "you" or "one" although their first letter is a vowel."""
_AN_NUMBER = re.compile(r"(8|1[18](?!\d))")


def article_for(text: str) -> str:
    """``a`` or ``an`` before `text`, by its first word; empty where it does not begin with a letter or a digit."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text.strip()) if not unicodedata.combining(c))
    word = re.match(r"[^\W_]+", plain)
    if word is None:
        return ""
    first = word[0]
    if first[0].isdigit():
        vowel = bool(_AN_NUMBER.match(first))
    elif len(first) == 1 or (first.isupper() and len(first) <= 3):
        vowel = first[0].upper() in _AN_LETTERS
    else:
        low = plain.lower()
        vowel = bool(_SILENT_H.match(low)) or (low[0] in "aeiou" and not _YOU_OR_ONE.match(low))
    return "an" if vowel else "a"


def split_article(text: str) -> tuple[str, str]:
    """``("an", "engineer")`` of ``an engineer``; the article is empty where none is written."""
    article, space, rest = text.partition(" ")
    return (article.lower(), rest.strip()) if space and article.lower() in {"a", "an"} else ("", text)
