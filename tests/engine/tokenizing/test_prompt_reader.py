"""Tokens as data, for byte-level, byte-fallback and other vocabularies."""

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from dashboard.engine.tokenizing.prompt_reader import PromptReader
from dashboard.engine.tokenizing.vocabulary import byte_alphabet
from dashboard.errors import PromptEmpty
from dashboard.tokens import visible


def read(reader: PromptReader, prompt: str, *, chat: bool = False):
    return reader.read(prompt, chat=chat, limit=4096, model="m").tokens


@pytest.fixture(scope="module")
def byte_level(tiny_folder):
    return PromptReader(AutoTokenizer.from_pretrained(tiny_folder))


def fallback() -> PromptReader:
    vocabulary = {"<unk>": 0, **{f"<0x{i:02X}>": i + 1 for i in range(256)}, "▁hi": 257, "▁": 258}
    raw = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>", byte_fallback=True))
    raw.pre_tokenizer = pre_tokenizers.Metaspace()
    return PromptReader(PreTrainedTokenizerFast(tokenizer_object=raw, unk_token="<unk>"))


def words() -> PromptReader:
    raw = Tokenizer(models.WordLevel({"[UNK]": 0, "hello": 1, "world": 2}, unk_token="[UNK]"))
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    return PromptReader(PreTrainedTokenizerFast(tokenizer_object=raw, unk_token="[UNK]"))


@pytest.mark.parametrize("prompt", ["zebra lamp", " \n\t", "👩‍👩‍👧", "عربي", "<b>x</b> $x$ %{y}", "\u200b\u202e"])
def test_the_bytes_of_the_tokens_are_the_bytes_of_the_prompt(byte_level, prompt):
    assert b"".join(token.raw for token in read(byte_level, prompt)) == prompt.encode()


def test_an_emoji_split_over_tokens_shows_its_bytes(byte_level):
    tokens = read(byte_level, "👧")
    assert all(token.text is None for token in tokens)
    assert "".join(visible(token) for token in tokens) == "‹F0›‹9F›‹91›‹A7›"


def test_a_special_token_in_the_prompt_is_marked(byte_level):
    tokens = read(byte_level, "hi <|end|>")
    assert [token.special for token in tokens][-1]
    assert tokens[-1].text == "<|end|>"


def test_a_lone_surrogate_does_not_stop_anything(byte_level):
    assert read(byte_level, "a\ud800b")


def test_byte_fallback_pieces_are_bytes():
    token = fallback().token(0xF0 + 1)
    assert (token.text, token.raw) == (None, b"\xf0")
    assert fallback().token(257).text == " hi"


def test_in_a_prompt_a_dropped_space_belongs_to_the_word_after_it():
    reader = words()
    assert [token.text for token in read(reader, "hello world")] == ["hello", " world"]
    assert reader.token(2).text == "world"


def test_an_id_beyond_the_tokenizers_vocabulary_is_named(byte_level):
    assert byte_level.token(10**6).special


def test_the_byte_alphabet_has_each_byte_once():
    assert sorted(byte_alphabet().values()) == list(range(256))


def test_text_that_gives_no_token_is_empty():
    with pytest.raises(PromptEmpty):
        read(words(), "   ")
