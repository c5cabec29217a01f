"""What a page says where a tokenizer appends, lacks, or adds tokens, and where its chat template refuses."""

from dataclasses import replace
from pathlib import Path

import pytest

from dashboard.i18n import Catalogue
from dashboard.probes.spec import ProbeSpec
from tests.made.tokenizer_zoo import saved
from tests.pages.test_bias import words

TEXT = Catalogue("en")
UNEVEN = ProbeSpec(
    templates=("the nurse {word}",),
    neutral=("",),
    words=(("word", "<mask>, said"),),
    lexicon="own",
    own="teacher\nnurse",
    article=False,
    boundary=False,
)


@pytest.fixture
def open_kind(open_page, tmp_path, monkeypatch):
    """Open a page with the model of a kind of tokenizer, with a chat template if one is given."""

    def opened(kind, slug, params, template=None):
        folder: Path = saved(tmp_path, kind, template)
        monkeypatch.setenv("LOGITSCOPE_LOCAL_MODELS", str(folder))
        monkeypatch.setenv("LOGITSCOPE_MODEL", f"local/{folder.name}")
        at = open_page(slug, params)
        assert not at.exception
        return at

    return opened


@pytest.mark.parametrize(("kind", "piece"), [("Llama 2 that appends", "</s>"), ("WordPiece, BERT", "[SEP]")])
def test_what_a_tokenizer_appends_is_named_and_left_out(open_kind, kind, piece):
    at = open_kind(kind, "next_token", {"prompt": "the nurse said"})
    assert TEXT("sidebar.left_out", tokens=piece) in words(at).replace("&lt;", "<").replace("&gt;", ">")
    assert piece not in [token.piece for token in at.session_state["_view"].tokens.tokens]
    assert "14 bytes of the text as typed" in words(at)


def test_nothing_is_said_of_a_tokenizer_that_appends_nothing(open_kind):
    assert "appends" not in words(open_kind("Llama 2", "next_token", {"prompt": "the nurse said"}))


def test_a_token_that_the_model_lacks_is_advice_in_a_prompt_and_not_offered(open_kind):
    at = open_kind("larger than the model", "next_token", {"prompt": "the [PAD] nurse"})
    assert "was added to the tokenizer" in words(at)
    at = open_kind("larger than the model", "next_token", {"prompt": "the nurse", "next_token_pins": "379,380"})
    assert "was added to the tokenizer" not in words(at)
    at.text_input(key="find_token").set_value("zzyzx").run()
    assert not at.exception
    assert "ls-advice" not in words(at)


def test_a_word_that_a_tokenizer_lacks_is_advice_and_can_be_searched_for(open_kind):
    assert "cannot read the text: WordLevel error" in words(
        open_kind("words without unknown", "next_token", {"prompt": "the doctor said"})
    )
    at = open_kind("words without unknown", "next_token", {"prompt": "the nurse said"})
    at.text_input(key="find_token").set_value("nur").run()
    assert not at.exception
    assert "ls-advice" not in words(at)


def test_a_chat_template_that_refuses_is_advice_and_the_switch_stays(open_kind):
    template = "{{ raise_exception('a system message is needed first') }}"
    at = open_kind("byte level", "next_token", {"prompt": "the nurse", "chat": "true"}, template)
    assert "refuses the prompt: a system message is needed first" in words(at)
    assert at.toggle(key="chat").value


def test_the_first_of_several_chat_templates_is_named(open_kind):
    templates = {"tool_use": "{{ messages[0]['content'] }}", "rag": "R {{ messages[0]['content'] }}"}
    at = open_kind("byte level", "next_token", {"prompt": "the nurse", "chat": "true"}, templates)
    assert TEXT("sidebar.chat_template", name="tool_use") in words(at)


def test_a_text_pasted_behind_a_chat_is_read_with_it_as_one(open_kind):
    template = "<{{ messages[0]['content'] }}>"
    params = {"prompt": "The nur", "chat": "true", "sampling_reference": "se said", "sampling_value": "entropy_nats"}
    at = open_kind("Llama 2", "sampling", params, template)
    whole = at.session_state["_view"].engine.tokenizer("local/Llama-2").ids(("<The nur>se said",), alone=True)[0]
    assert at.number_input(key="sampling_positions").value == len(whole)


def test_a_completion_that_two_prompts_read_otherwise_has_no_gap(open_kind):
    at = open_kind("added tokens", "bias", {"bias_probe": UNEVEN.written(), "bias_view": "gap"})
    assert "is read with different tokens" in words(at)
    same = replace(UNEVEN, words=(("word", "tired, said"),))
    at = open_kind("added tokens", "bias", {"bias_probe": same.written(), "bias_view": "gap"})
    assert "is read with different tokens" not in words(at)


def test_a_vocabulary_smaller_than_the_usual_number_of_bars_has_a_number_that_can_be(open_kind):
    at = open_kind("toy", "next_token", {"prompt": "the nurse said"})
    k = at.number_input(key="next_token_k")
    assert k.value == k.max == 8
    assert "ls-advice" not in words(at)
