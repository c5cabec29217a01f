"""Where words end: the tokens of a vocabulary that cannot carry on the word before them."""

from __future__ import annotations

from collections.abc import Iterable

from dashboard.tokens import Token, continues_word


def word_ends(tokens: Iterable[Token]) -> tuple[int, ...]:
    """Ids of tokens that begin a new word, punctuation, a new line or the end of the text, ascending.

    A token does when its first character is no letter, digit, mark or joiner, or when it is special. Pieces of a broken
    character and a token for what is unknown do not: they may carry a word on. Where a vocabulary marks the ends of
    words instead (``</w>``), every token may follow one. Empty where it marks neither.

    Args:
        tokens: the whole vocabulary.
    """
    found, begins, ends, every = [], False, False, []
    for token in tokens:
        every.append(token.id)
        text = beginning(token)
        letters = any(character.isalpha() for character in token.text or "")
        begins = begins or (not token.special and text == " " and letters)
        ends = ends or token.piece.endswith("</w>")
        if _unknown(token):
            continue
        if token.special or (text and not continues_word(text[0])):
            found.append(token.id)
    if begins:
        return tuple(sorted(found))
    return tuple(sorted(every)) if ends else ()


def beginning(token: Token) -> str:
    """The first character of a token, a space where its piece marks one; empty where its bytes begin with none."""
    if token.piece.startswith("▁"):
        return " "
    for size in range(1, 5):
        try:
            return token.raw[:size].decode("utf-8")
        except UnicodeDecodeError:
            continue
    return ""


def _unknown(token: Token) -> bool:
    """Whether it stands for anything; by its name, as vocabularies that need none name their end of text as such."""
    return token.special and "unk" in token.piece.lower()
