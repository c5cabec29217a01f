"""Which bytes of a text each of its tokens stands for; together they are the text, byte for byte."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

Span = tuple[int, int]
"""[start, stop) characters of the text."""


def covered(text: str, spans: Sequence[Span], pieces: Sequence[bytes]) -> list[bytes]:
    """(token,) UTF-8 that each token stands for; joined they are that of `text`, where there is a token at all.

    Tokens that share a character share its bytes as their pieces say; where a normalizer made another character of it,
    the first has them all. What no token stands for (a space that the tokenizer drops) belongs to the token after it,
    at the end of the text to the last.

    Args:
        text: as it was typed.
        spans: (token,) as the tokenizer says; they may overlap, leave gaps or be empty.
        pieces: (token,) bytes of each by itself.
    """
    if b"".join(pieces) == text.encode():
        return list(pieces)
    parts = [b""] * len(spans)
    done = 0
    for group in _groups(spans):
        start, stop = spans[group[0]][0], max(spans[place][1] for place in group)
        if group[0] and not parts[group[0] - 1] and spans[group[0] - 1][0] == spans[group[0] - 1][1] and start > done:
            parts[group[0] - 1], done = text[done:start].encode(), start
        whole, own = text[done:stop].encode(), [pieces[place] for place in group]
        shared = _shared(whole, own) or _shared(text[start:stop].encode(), own)
        if len(group) > 1 and shared:
            shared[0] = whole[: len(whole) - sum(map(len, shared))] + shared[0]
        else:
            shared = _by_stops(text, done, [spans[place][1] for place in group])
        for place, part in zip(group, shared, strict=True):
            parts[place] = part
        done = max(done, stop)
    if parts:
        parts[-1] += text[done:].encode()
    return parts


def _groups(spans: Sequence[Span]) -> Iterator[list[int]]:
    """Neighbouring tokens that share characters; those with an empty span are in none."""
    group: list[int] = []
    end = 0
    for place, (start, stop) in enumerate(spans):
        if stop <= start:
            continue
        if group and start >= end:
            yield group
            group = []
        group.append(place)
        end = max(end, stop) if len(group) > 1 else stop
    if group:
        yield group


def _shared(whole: bytes, pieces: Sequence[bytes]) -> list[bytes] | None:
    """The pieces, where they are `whole` but for spaces that a tokenizer puts in front; else ``None``."""
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
    """Each token as far as it reaches beyond those before it."""
    parts = []
    for stop in stops:
        parts.append(text[start : max(start, stop)].encode())
        start = max(start, stop)
    return parts


def aligned(text: str, tokens: Sequence[str]) -> list[Span]:
    """(token,) where each token's own text comes next in `text`, for a tokenizer that does not say; else empty.

    Args:
        text: as it was typed.
        tokens: what each token says by itself; letter case and spaces around it are not looked at.
    """
    lowered = text.lower()
    lowered = lowered if len(lowered) == len(text) else text  # a few letters get longer
    spans, done = [], 0
    for token in tokens:
        wanted = token.strip() or token
        at = lowered.find(wanted.lower(), done) if wanted else -1
        spans.append((at, at + len(wanted)) if at >= 0 else (done, done))
        done = spans[-1][1]
    return spans
