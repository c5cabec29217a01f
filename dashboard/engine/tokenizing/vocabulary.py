"""A tokenizer's vocabulary: the text and bytes of each token by itself, and search by text."""

from __future__ import annotations

import re
from functools import cache, cached_property
from typing import Any

from dashboard.errors import TokenBeyondModel
from dashboard.tokens import Token, visible

_BYTE = re.compile(r"<0x([0-9A-F]{2})>")
_WORD_END = "</w>"


class Vocabulary:
    """Tokens by their ids, outside of any text; different ones look different.

    A tokenizer's own ``decode`` of one id drops the space of a SentencePiece token and decodes an added token as bytes,
    so the text is read from the piece.
    """

    def __init__(self, tokenizer: Any, size: int | None = None) -> None:
        """Look up pieces, special tokens and the alphabet.

        Args:
            tokenizer: of transformers.
            size: tokens that the model has embeddings for; ``None``: as many as the tokenizer knows.
        """
        entries = getattr(tokenizer, "added_tokens_decoder", {})
        self._added = {token_id: str(entry.content) for token_id, entry in entries.items()}
        self._pieces = {token_id: piece for piece, token_id in tokenizer.get_vocab().items()} | self._added
        pieces = set(self._pieces.values())
        self.size = max(self._pieces, default=-1) + 1 if size is None else size
        """The model has no embedding for ids from this one on."""
        self.unknown = _unknown(tokenizer)
        """Ids of the unknown token."""
        self._special = {*tokenizer.all_special_ids, *self.unknown}
        self._special |= {token_id for token_id, entry in entries.items() if entry.special}
        self._fallback = "<0x0A>" in pieces
        self._byte_level = not self._fallback and bool({"Ċ", "Ġ"} & pieces)
        # ByT5 writes every byte as the character with its number; no other vocabulary has all of these controls
        self._latin = {chr(byte) for byte in range(128, 160)} <= pieces
        self._marked = any(piece.startswith("▁") for piece in pieces)
        self._all_pieces = pieces  # a byte that has an ordinary piece too is shown as a byte

    def token(self, token_id: int) -> Token:
        """One id as a token: its piece, its text where its bytes alone are valid, its bytes."""
        piece = self._pieces.get(token_id)
        if piece is None:  # a model's vocabulary may be padded beyond its tokenizer's
            piece = f"<{token_id}>"
            return Token(token_id, piece, piece, piece.encode(), special=True)
        if token_id in self._special:
            return Token(token_id, piece, piece, piece.encode("utf-8", "replace"), special=True)
        raw = self._bytes(token_id, piece)
        return Token(token_id, piece, None if self._has_twin(piece, raw) else _text(raw), raw, special=False)

    def _bytes(self, token_id: int, piece: str) -> bytes:
        """The bytes of a piece: an added token's own text, other pieces by the vocabulary's alphabet."""
        if token_id in self._added:
            return piece.encode("utf-8", "replace")
        table = byte_alphabet()
        if self._byte_level and all(character in table for character in piece):
            return bytes(table[character] for character in piece)
        byte = _BYTE.fullmatch(piece) if self._fallback else None
        if byte:
            return bytes([int(byte[1], 16)])
        if self._latin and all(ord(character) < 256 for character in piece):
            return piece.encode("latin-1")
        if self._marked:
            piece = piece.replace("▁", " ")
        elif piece.endswith(_WORD_END):
            piece = piece.removesuffix(_WORD_END) + " "
        return piece.encode("utf-8", "replace")

    def _has_twin(self, piece: str, raw: bytes) -> bool:
        """Whether another piece stands for the same byte: ``<0x41>`` beside ``A``."""
        if not self._fallback or not _BYTE.fullmatch(piece):
            return False
        return {b" ": "▁"}.get(raw, _text(raw) or piece) in self._all_pieces - {piece}

    def check(self, ids: tuple[int, ...]) -> None:
        """Raise TokenBeyondModel where the model has no embedding for one of the ids."""
        beyond = next((token_id for token_id in ids if token_id >= self.size), None)
        if beyond is not None:
            raise TokenBeyondModel(token=self.token(beyond).piece, id=beyond, size=self.size)

    def find(self, text: str, pieces: tuple[int, ...], limit: int) -> tuple[Token, ...]:
        """Tokens that `text` may mean, at most `limit`: those equal to it, then `pieces`, then those that contain it.

        Args:
            text: as typed, found with and without a space at either end; or as a page shows it (``·`` for a space).
            pieces: its ids by the tokenizer.
            limit: most tokens.
        """
        variants = {text, f" {text}", f"{text} "}
        equal = [i for i, (raw, visible_text) in self._texts.items() if raw in variants or visible_text == text]
        containing = [i for i, (raw, visible_text) in self._texts.items() if text in raw or text in visible_text]
        containing.sort(key=lambda i: len(self._texts[i][0]))
        ids = dict.fromkeys([*equal, *(i for i in pieces if i < self.size), *containing])
        return tuple(self.token(i) for i in list(ids)[:limit])

    @cached_property
    def _texts(self) -> dict[int, tuple[str, str]]:
        """Id -> its text (its piece where its bytes alone are no text), and that text as it is shown."""
        tokens = [self.token(i) for i in sorted(self._pieces) if i < self.size]
        return {token.id: (token.piece if token.text is None else token.text, visible(token)) for token in tokens}


def _text(raw: bytes) -> str | None:
    """The text of bytes; ``None`` where they are not valid UTF-8."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _unknown(tokenizer: Any) -> set[int]:
    """Ids of the unknown token, by the tokenizer's and by its algorithm's name."""
    inner = getattr(getattr(tokenizer, "backend_tokenizer", None), "model", None)
    name = getattr(inner, "unk_token", None)
    ids = {tokenizer.unk_token_id, None if name is None else tokenizer.convert_tokens_to_ids(name)}
    return {token_id for token_id in ids if token_id is not None}


@cache
def byte_alphabet() -> dict[str, int]:
    """GPT-2's printable character -> byte."""
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    return {character: byte for byte, character in bytes_to_unicode().items()}
