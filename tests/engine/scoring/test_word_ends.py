"""Where words end: by hand on a small vocabulary, and with real kinds of tokenizers."""

import pytest

from dashboard.engine.scoring.word_ends import word_ends
from dashboard.engine.tokenizing.prompt_reader import PromptReader
from dashboard.tokens import Token


def token(number, piece, raw, *, special=False):
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = None
    return Token(number, piece, text, raw, special)


CARRY_ON = [b"s", b"Kind", "é".encode(), "́".encode(), b"7", "ми".encode(), b"\xa9", b"\xf0\x9f", "\u200d".encode()]
END = [b" the", b".", b"\n", b"'s", b"--", b" ", "。".encode(), "👩".encode(), b" \xe2\x80"]


def test_a_word_ends_before_anything_but_a_letter_a_digit_a_mark_or_a_broken_character():
    vocabulary = [token(i, f"piece {i}", raw) for i, raw in enumerate([*CARRY_ON, *END])]
    assert word_ends(vocabulary) == tuple(range(len(CARRY_ON), len(CARRY_ON) + len(END)))


def test_special_tokens_end_a_word_but_the_one_for_the_unknown():
    vocabulary = [
        token(0, "Ġa", b" a"),
        token(1, "<|end|>", b"<|end|>", special=True),
        token(2, "<unk>", b"<unk>", special=True),
        token(3, "s", b"s"),
    ]
    assert word_ends(vocabulary) == (0, 1)


def test_where_words_are_marked_at_their_end_anything_may_follow():
    assert word_ends([token(0, "nurse</w>", b"nurse"), token(1, "nur", b"nur")]) == (0, 1)


def test_a_vocabulary_that_marks_no_words_says_nothing():
    assert word_ends([token(0, "nurse", b"nurse"), token(1, "##s", b"##s"), token(2, " ", b" ")]) == ()


def test_the_pieces_of_a_sentencepiece_vocabulary_begin_words_with_a_mark():
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    pieces = [("<unk>", 0.0), ("▁the", -1.0), ("▁", -2.0), ("s", -3.0), (".", -4.0), ("▁7", -5.0)]
    raw = Tokenizer(models.Unigram(pieces, unk_id=0))
    raw.pre_tokenizer = pre_tokenizers.Metaspace()
    raw.decoder = decoders.Metaspace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, unk_token="<unk>")
    reader = PromptReader(tokenizer)
    assert word_ends(reader.token(i) for i in range(len(tokenizer))) == (1, 2, 4, 5)


def test_a_byte_level_vocabulary_is_told_by_its_bytes(tiny_folder):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_folder)
    reader = PromptReader(tokenizer)
    found = word_ends(reader.token(i) for i in range(len(tokenizer)))
    said = {reader.token(i).piece for i in found}
    assert {"Ġ", "Ġstore", ",", ".", "Ċ", "<|end|>", "<|user|>"} <= said
    assert not {"a", "store", "Z", "7", "Ã"} & said


@pytest.mark.model
def test_the_bundled_models_words_end_with_its_end_of_text_too(bundled_engine):
    from dashboard.settings import BUNDLED

    tokens = bundled_engine.tokenizer(BUNDLED).tokens(bundled_engine.tokenizer(BUNDLED).word_ends())
    assert {"<|endoftext|>", "<|im_end|>", "Ġas", "Ċ", "âĢĻ"} <= {one.piece for one in tokens}
    assert not {"ing", "s", "ectomy", "é"} & {one.piece for one in tokens}
