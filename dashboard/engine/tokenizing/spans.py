"""Which bytes of a text each of its tokens stands for; together they are the text, byte for byte."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

Span = tuple[int, int]
"""[start, stop) characters of the text."""


def token_bytes(text: str, spans: Sequence[Span], pieces: Sequence[bytes]) -> list[bytes]:
    """(token,) UTF-8 that each token stands for; joined they are that of `text`, where there is a token at all.

    Tokens that share a character share its bytes as their pieces say; where a normalizer made another character of it,
    the first has them all. What no token stands for belongs to the token after it from its first space on (BERT drops
    spaces), before that to the token before it (and accents); at the end of the text to the last.

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
        if start > done and group[0]:
            till = _taken_before(text, done, start, spans[group[0] - 1])
            parts[group[0] - 1] += text[done:till].encode()
            done = till
        own = _within(text, (done, start, stop), [spans[place][1] for place in group], [pieces[i] for i in group])
        for place, part in zip(group, own, strict=True):
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


def _taken_before(text: str, done: int, start: int, before: Span) -> int:
    """How far into the gap [done, start) the token before it goes: all of it where it has no characters of its own."""
    if before[0] == before[1]:
        return start
    return next((at for at in range(done, start) if text[at].isspace()), start)


def _within(text: str, at: tuple[int, int, int], stops: Sequence[int], pieces: Sequence[bytes]) -> list[bytes]:
    """The bytes of each token of one group.

    Args:
        text: as it was typed.
        at: where the gap before the group begins, the group itself, and where it stops.
        stops: (token,) where each stops.
        pieces: (token,) bytes of each by itself.
    """
    done, start, stop = at
    whole = text[done:stop].encode()
    shared = _shared(whole, pieces) or _shared(text[start:stop].encode(), pieces)
    if len(pieces) == 1 or shared is None:
        return _by_stops(text, done, stops)
    shared[0] = whole[: len(whole) - sum(map(len, shared))] + shared[0]
    return shared


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


def align_tokens(text: str, tokens: Sequence[str]) -> list[Span]:
    """(token,) where each token's own text comes next in `text`, for a tokenizer that does not say; else empty.

    Args:
        text: as it was typed.
        tokens: what each token says by itself; letter case and spaces around it are not looked at.
    """
    lowered = _lower(text)
    spans, done = [], 0
    for token in tokens:
        wanted = token.strip() or token
        at = lowered.find(_lower(wanted), done) if wanted else -1
        spans.append((at, at + len(wanted)) if at >= 0 else (done, done))
        done = spans[-1][1]
    return spans


def _lower(text: str) -> str:
    """Small letters, but for the few that would get longer."""
    return "".join(small if len(small := letter.lower()) == 1 else letter for letter in text)
