"""Word ends: the tokens of a vocabulary that cannot continue the word before them."""

from __future__ import annotations

from collections.abc import Iterable

from dashboard.tokens import Token, continues_word


def word_ends(tokens: Iterable[Token]) -> tuple[int, ...]:
    """Ids of tokens that begin a new word, punctuation, a new line or the end of the text, ascending.

    Those are special tokens, and tokens whose first character is no letter, digit, mark or joiner. Pieces of a broken
    character and the unknown token may continue a word. Where a vocabulary marks the ends of words instead (``</w>``),
    every token may follow one. Empty where it marks neither.

    Args:
        tokens: the whole vocabulary.
    """
    word_starts, marks_starts, marks_ends, every = [], False, False, []
    for token in tokens:
        every.append(token.id)
        text = first_character(token)
        letters = any(character.isalpha() for character in token.text or "")
        marks_starts = marks_starts or (not token.special and text == " " and letters)
        marks_ends = marks_ends or token.piece.endswith("</w>")
        if _unknown(token):
            continue
        if token.special or (text and not continues_word(text[0])):
            word_starts.append(token.id)
    if marks_starts:
        return tuple(sorted(word_starts))
    return tuple(sorted(every)) if marks_ends else ()


def first_character(token: Token) -> str:
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
    """Whether it is the unknown token, by its name: vocabularies without one declare their end of text as it."""
    return token.special and "unk" in token.piece.lower()
