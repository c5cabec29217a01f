"""Spans: the bytes of a text that each of its tokens stands for; joined they are the text, byte for byte."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

Span = tuple[int, int]
"""[start, stop) characters of the text."""


def token_bytes(text: str, spans: Sequence[Span], pieces: Sequence[bytes]) -> list[bytes]:
    """(token,) UTF-8 bytes of each token; joined they are those of `text`, if there is a token at all.

    Tokens that share a character share its bytes as in their pieces; where a normalizer replaced the character, the
    first token has all of them. Text without a token (BERT drops spaces and accents) belongs from its first space on to
    the token after it, before that to the token before it, and at the end of the text to the last token.

    Args:
        text: as it was typed.
        spans: (token,) of the tokenizer; they may overlap, leave gaps or be empty.
        pieces: (token,) bytes of each by itself.
    """
    if b"".join(pieces) == text.encode():
        return list(pieces)
    parts = [b""] * len(spans)
    done = 0
    for group in _groups(spans):
        start, stop = spans[group[0]][0], max(spans[index][1] for index in group)
        if start > done and group[0]:
            end = _end_of_gap_before(text, done, start, spans[group[0] - 1])
            parts[group[0] - 1] += text[done:end].encode()
            done = end
        of_group = _bytes_of_group(
            text, (done, start, stop), [spans[index][1] for index in group], [pieces[index] for index in group]
        )
        for index, part in zip(group, of_group, strict=True):
            parts[index] = part
        done = max(done, stop)
    if parts:
        parts[-1] += text[done:].encode()
    return parts


def _groups(spans: Sequence[Span]) -> Iterator[list[int]]:
    """Neighbouring tokens that share characters; those with an empty span are in none."""
    group: list[int] = []
    end = 0
    for index, (start, stop) in enumerate(spans):
        if stop <= start:
            continue
        if group and start >= end:
            yield group
            group = []
        group.append(index)
        end = max(end, stop) if len(group) > 1 else stop
    if group:
        yield group


def _end_of_gap_before(text: str, done: int, start: int, before: Span) -> int:
    """Where the share of the token before the gap [done, start) ends: at its end where that token has no characters."""
    if before[0] == before[1]:
        return start
    return next((index for index in range(done, start) if text[index].isspace()), start)


def _bytes_of_group(
    text: str, bounds: tuple[int, int, int], stops: Sequence[int], pieces: Sequence[bytes]
) -> list[bytes]:
    """The bytes of each token of one group.

    Args:
        text: as it was typed.
        bounds: start of the gap before the group, start of the group, and its end.
        stops: (token,) end of each.
        pieces: (token,) bytes of each by itself.
    """
    done, start, stop = bounds
    whole = text[done:stop].encode()
    shared = _shared(whole, pieces) or _shared(text[start:stop].encode(), pieces)
    if len(pieces) == 1 or shared is None:
        return _by_stops(text, done, stops)
    shared[0] = whole[: len(whole) - sum(map(len, shared))] + shared[0]
    return shared


def _shared(whole: bytes, pieces: Sequence[bytes]) -> list[bytes] | None:
    """The pieces, where they join to `whole` but for spaces that a tokenizer prepends; else ``None``."""
    joined = b"".join(pieces)
    extra = len(joined) - len(whole)
    if extra < 0 or joined[extra:] != whole or joined[:extra].strip(b" "):
        return None
    parts = []
    for piece in pieces:
        parts.append(piece[extra:])
        extra = max(0, extra - len(piece))
    return parts


def _by_stops(text: str, start: int, stops: Sequence[int]) -> list[bytes]:
    """The text of each token up to its end, without that of the tokens before it."""
    parts = []
    for stop in stops:
        parts.append(text[start : max(start, stop)].encode())
        start = max(start, stop)
    return parts


def align_tokens(text: str, tokens: Sequence[str]) -> list[Span]:
    """(token,) spans of a tokenizer that gives none: the next place of each token's text; empty where there is none.

    Args:
        text: as it was typed.
        tokens: the text of each token by itself; letter case and spaces around it are ignored.
    """
    lowered = _lower(text)
    spans, done = [], 0
    for token in tokens:
        stripped = token.strip() or token
        start = lowered.find(_lower(stripped), done) if stripped else -1
        spans.append((start, start + len(stripped)) if start >= 0 else (done, done))
        done = spans[-1][1]
    return spans


def _lower(text: str) -> str:
    """Lower case, but for the few letters that would become longer."""
    return "".join(small if len(small := letter.lower()) == 1 else letter for letter in text)
