"""What holds for every kind of tokenizer: nothing typed is lost, nothing appended is read, nothing raised escapes."""

import itertools
import unicodedata
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from dashboard.engine.api.prediction import PositionTable
from dashboard.engine.scoring.word_ends import word_ends
from dashboard.engine.tokenizing.prompt_reader import PromptReader
from dashboard.errors import ChatTemplateFailed, DashboardError, PromptEmpty, TokenBeyondModel, TokenizerFailed
from dashboard.frames.next_token import prompt_score
from dashboard.probes.continuations import Continuation, continuations
from dashboard.tokens import visible
from tests.made.tokenizer_zoo import KINDS, NASTY, tokenizer_of

PROMPTS = ("The nurse", "The nur", "the nurse said that", "The nurse works as a", "the nurse ")
COMPLETIONS = (" nurse", "se", " said", " the teacher", "a", "nurse", " tired")
TEMPLATES = Path(word_ends.__code__.co_filename).parents[2] / "scripts" / "templates"
every_kind = pytest.mark.parametrize("name", KINDS)


def reader_of(name):
    tokenizer = tokenizer_of(name)
    return PromptReader(tokenizer, len(tokenizer) - KINDS[name].beyond)


def read(reader, text, **options):
    return reader.read(text, **{"chat": False, "limit": 4096, "model": "m", **options})


def read_or_advice(reader, text):
    """The prompt, or None where the page has advice instead; any other exception is the test's failure."""
    try:
        return read(reader, text)
    except DashboardError:
        return None


def plain_ids(name, text):
    """As transformers gives them, without the tokens that this kind is known to append."""
    tokenizer, appends = tokenizer_of(name), KINDS[name].appends
    ids = tokenizer(text)["input_ids"]
    return tuple(ids[: len(ids) - len(appends)])


@every_kind
def test_the_tokens_of_a_prompt_join_to_exactly_what_was_typed(name):
    reader, joined = reader_of(name), 0
    for text in NASTY:
        prompt = read_or_advice(reader, text)
        if prompt is None:
            continue
        assert b"".join(token.raw for token in prompt.tokens) == text.encode(), (text, prompt)
        joined += 1
    assert joined >= (0 if name == "words without unknown" else 12)


def text_of(raw):
    """Its text, or None where the bytes are none by themselves."""
    whole = raw.decode("utf-8", "ignore")
    return whole if whole.encode() == raw else None


@every_kind
def test_a_token_is_shown_as_the_text_that_it_stands_for(name):
    for text in NASTY:
        prompt = read_or_advice(reader_of(name), text)
        for token in prompt.tokens if prompt else ():
            if token.raw and not token.special:
                assert token.text == text_of(token.raw)


@every_kind
def test_a_prompt_is_what_transformers_reads_but_for_what_the_tokenizer_appends(name):
    for text in NASTY:
        prompt = read_or_advice(reader_of(name), text)
        if prompt is not None:
            whole = (*prompt.ids, *(token.id for token in prompt.left_out))
            assert whole == tuple(tokenizer_of(name)(text)["input_ids"])
            assert tuple(token.piece for token in prompt.left_out) == KINDS[name].appends


@every_kind
def test_what_the_tokenizer_puts_in_front_stands_for_nothing_typed(name):
    front = KINDS[name].front
    prompt = read(reader_of(name), "the nurse said")
    assert tuple(token.piece for token in prompt.tokens[: len(front)]) == front
    assert all(token.special and token.raw == b"" for token in prompt.tokens[: len(front)])


@every_kind
def test_different_tokens_of_a_vocabulary_look_different(name):
    reader = reader_of(name)
    shown = [visible(reader.token(i)) for i in range(reader.vocabulary.size)]
    assert len(set(shown)) == len(shown), [one for one in shown if shown.count(one) > 1]


@every_kind
def test_a_token_in_a_text_looks_like_itself_where_text_and_token_agree(name):
    """Letters and spaces that every kind keeps; the first token may lose the space that the tokenizer adds."""
    reader = reader_of(name)
    for token in read(reader, "the nurse said").tokens[len(KINDS[name].front) + 1 :]:
        if not token.special:
            assert token.text.strip() == reader.token(token.id).text.strip()


@every_kind
def test_a_completion_is_what_follows_the_beginning_that_it_shares_with_its_prompt(name):
    reader = reader_of(name)
    tokenise = lambda texts, alone: reader.ids(texts, alone=alone)  # noqa: E731
    prompts, completions = PROMPTS, COMPLETIONS
    if name == "words without unknown":
        prompts, completions = ("The nurse", "the nurse said that"), (" nurse", " said", " the teacher")
    prompt_ids = tokenise(prompts, False)
    assert prompt_ids == [plain_ids(name, prompt) for prompt in prompts]
    rows = continuations(prompt_ids, prompts, completions, tokenise)
    for prompt, ids, row in zip(prompts, prompt_ids, rows, strict=True):
        for completion, one in zip(completions, row, strict=True):
            assert one.ids == plain_ids(name, prompt + completion)
            assert one.ids[: one.given] == ids[: one.given]
            same = one.given < min(len(ids), len(one.ids)) and ids[one.given] == one.ids[one.given]
            assert not same


def test_a_completion_behind_a_sentencepiece_prompt_has_no_space_of_its_own():
    """The known answer: by itself it would begin with a stray ▁."""
    reader = reader_of("Llama 2")
    alone, prompt, whole = reader.ids([" nurse", "The teacher works as a", "The teacher works as a nurse"], alone=False)
    pieces = [reader.token(i).piece for i in Continuation.of(prompt, whole).scored]
    assert pieces == ["▁nurse"]
    assert [reader.token(i).piece for i in alone] == ["<s>", "▁", "▁nurse"]


@every_kind
def test_bytes_are_counted_from_the_first_scored_character_on(name):
    for text in ("the nurse said", " the nurse  said "):
        tokens = read(reader_of(name), text).tokens
        count = len(tokens)
        table = PositionTable(tokens, *(np.zeros(count, np.float32) for _ in range(4)))
        score = prompt_score(table, tokens)
        assert score.nbytes == len(text.encode()) - len(tokens[0].raw)
        assert (not tokens[0].raw) == bool(KINDS[name].front) or not text.startswith(tokens[0].text)


@every_kind
def test_a_text_begins_with_what_the_tokenizer_puts_there_and_never_with_the_unknown(name):
    reader, tokenizer = reader_of(name), tokenizer_of(name)
    starts = reader.text_starts
    assert tuple(reader.token(i).piece for i in starts[:1]) == KINDS[name].first_start
    unknown = reader.vocabulary.unknown - {tokenizer.bos_token_id, tokenizer.eos_token_id}
    assert not unknown & set(starts)
    assert all(i < reader.vocabulary.size for i in starts)


@every_kind
def test_a_search_never_offers_what_the_model_has_no_embedding_for(name):
    reader = reader_of(name)
    found = {token.id for text in ("n", "the", "zzyzx", "[PAD]", "·", "s") for token in reader.search(text, 10_000)}
    assert found
    assert max(found) < reader.vocabulary.size


@every_kind
def test_a_search_for_what_is_shown_finds_the_token(name):
    reader = reader_of(name)
    for token in map(reader.token, range(0, reader.vocabulary.size, 7)):
        assert token.id in {found.id for found in reader.search(visible(token), 10_000)}


def test_a_prompt_with_a_token_beyond_the_model_is_refused_by_its_name():
    with pytest.raises(TokenBeyondModel) as error:
        read(reader_of("larger than the model"), "the [PAD] nurse")
    assert error.value.facts["token"] == "[PAD]"
    assert read(PromptReader(tokenizer_of("larger than the model")), "the [PAD] nurse")


@pytest.mark.parametrize("name", ["Llama 2 that appends", "WordPiece, BERT", "Unigram, T5"])
def test_a_typed_end_of_text_is_not_taken_for_an_appended_one(name):
    piece = KINDS[name].appends[0]
    prompt = read(reader_of(name), f"nurse {piece}")
    assert prompt.tokens[-1].piece == piece
    assert prompt.tokens[-1].raw.strip() == piece.encode()
    assert len(prompt.left_out) == 1


@pytest.mark.parametrize("name", ["Llama 2 that appends", "WordPiece, BERT", "in Python, ByT5"])
def test_a_text_that_gives_only_the_tokenizers_own_tokens_is_empty(name):
    reader = reader_of(name)
    assert reader.ids(["", "nurse"], alone=False)[0] == ()
    if name == "WordPiece, BERT":
        with pytest.raises(PromptEmpty):
            read(reader, "  \n")


# -- what a tokenizer raises ---------------------------------------------------------------------------------------
class PanicException(BaseException):
    """As the compiled tokenizers raise it."""


class Raising:
    """A tokenizer whose every call raises."""

    def __init__(self, problem):
        self._own, self._problem = tokenizer_of("byte level"), problem
        self.chat_template = "x"

    def __getattr__(self, name):
        return getattr(self._own, name)

    def __call__(self, *_args, **_named):
        raise self._problem

    apply_chat_template = decode = __call__


@pytest.mark.parametrize(
    "problem",
    [
        Exception("WordLevel error"),
        ValueError("two\nlines"),
        KeyError("x"),
        TypeError(),
        PanicException("index 3"),
        OverflowError(),
    ],
    ids=lambda problem: type(problem).__name__,
)
def test_whatever_a_tokenizer_raises_becomes_words(problem):
    from dashboard.engine.generation.text_generator import TextGenerator

    raising = Raising(problem)
    reader = PromptReader(raising)
    calls = {
        "read": lambda: read(reader, "x"),
        "ids": lambda: reader.ids(["x"], alone=True),
        "decode": lambda: TextGenerator(None, raising, None, ()).text([1]),
    }
    for call in calls.values():
        with pytest.raises(TokenizerFailed) as error:
            call()
        assert error.value.facts["reason"]
        assert "\n" not in error.value.facts["reason"]
    with pytest.raises(ChatTemplateFailed):
        read(reader, "x", chat=True)
    assert reader.text_starts
    assert reader.search("nurse", 3)


def test_an_interrupt_is_no_word_of_a_tokenizer():
    with pytest.raises(KeyboardInterrupt):
        read(PromptReader(Raising(KeyboardInterrupt())), "x")


# -- chat templates ------------------------------------------------------------------------------------------------
def chatting(template):
    tokenizer = KINDS["byte level"].build()
    tokenizer.chat_template = template
    return PromptReader(tokenizer)


NAMED = {"tool_use": "T: {{ messages[0]['content'] }}", "rag": "R: {{ messages[0]['content'] }}"}


def test_of_several_chat_templates_the_default_is_taken_or_the_first_and_named():
    first = read(chatting(dict(NAMED)), "nurse", chat=True)
    assert (b"".join(token.raw for token in first.tokens), first.chat_template) == (b"T: nurse", "tool_use")
    default = read(chatting({**NAMED, "default": "D: {{ messages[0]['content'] }}"}), "nurse", chat=True)
    assert (b"".join(token.raw for token in default.tokens), default.chat_template) == (b"D: nurse", "")


def test_a_chat_template_refuses_in_its_own_words():
    reader = chatting("{{ raise_exception('a system message is needed first') }}")
    with pytest.raises(ChatTemplateFailed) as error:
        read(reader, "nurse", chat=True)
    assert error.value.facts["reason"] == "a system message is needed first"


def test_an_answer_is_read_with_its_prompt_as_one_text():
    reader = chatting("<{{ messages[0]['content'] }}>")
    for chat, before in ((False, "The nur"), (True, "<The nur>")):
        whole = read(reader, "The nur", chat=chat, answer="se said")
        assert whole.ids == tuple(tokenizer_of("byte level")(before + "se said")["input_ids"])


def test_a_prompt_keeps_its_bytes_in_any_combination_of_nasty_texts():
    for name, (first, second) in itertools.product(("Llama 2", "Metaspace", "Unigram, T5"), itertools.pairwise(NASTY)):
        prompt = read_or_advice(reader_of(name), first + second)
        assert prompt is not None
        assert b"".join(token.raw for token in prompt.tokens) == (first + second).encode()


def test_the_nasty_texts_are_nasty():
    assert any(unicodedata.normalize("NFKC", text) != text for text in NASTY)
    assert any(unicodedata.bidirectional(character) == "R" for text in NASTY for character in text)


# -- the scripts' own reading of a vocabulary ----------------------------------------------------------------------
def of_script(*parts):
    """What parts of the scripts define."""
    names = {"unicodedata": unicodedata}
    for part in parts:
        exec((TEMPLATES / f"{part}.py.txt").read_text(encoding="utf-8"), names)
    return names


@every_kind
def test_a_script_finds_the_same_word_ends(name):
    reader = reader_of(name)
    embeddings = SimpleNamespace(weight=np.empty((reader.vocabulary.size, 1)))
    model = SimpleNamespace(get_input_embeddings=lambda: embeddings)
    own = word_ends(reader.token(i) for i in range(reader.vocabulary.size))
    ends = of_script("word", "word_ends")["word_ends"]
    if own:
        assert tuple(ends(model, tokenizer_of(name))) == own
    else:
        with pytest.raises(SystemExit):
            ends(model, tokenizer_of(name))


@every_kind
def test_a_script_reads_the_same_prompt_and_splits_it_alike(name):
    reader, script = reader_of(name), of_script("ids_of")
    prompts = ("the nurse", "the nurse said") if name == "words without unknown" else (*PROMPTS, *NASTY)
    for text in prompts:
        try:
            own = reader.ids([text], alone=False)[0]
        except TokenizerFailed:
            continue
        assert tuple(script["ids_of"](tokenizer_of(name), text)) == own
        whole = reader.ids([text + " nurse"], alone=False)[0]
        one = Continuation.of(own, whole)
        assert script["split"](own, whole) == (one.ids[: one.given], one.scored)
