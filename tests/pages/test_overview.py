"""The Overview: settings live on the prompt without another pass, the notebook cell by cell, and what waits."""

import math
import re
from dataclasses import replace
from urllib.parse import parse_qs

import numpy as np
import pytest
import torch

from components.overview import notebook, settings, texts
from dashboard import cache
from dashboard.engine.api.attention import HeadRequest
from dashboard.engine.api.decoding import ModelRules
from dashboard.engine.api.generation import GenerateRequest
from dashboard.engine.api.model import RunRequest
from dashboard.engine.api.prediction import ProcessedRequest
from dashboard.engine.api.request import Cost
from dashboard.errors import Busy, Cancelled
from dashboard.i18n import Catalogue
from dashboard.probes.presets import preset
from tests.engine.generation.test_batch import plain  # noqa: F401 - a fixture
from tests.engine.generation.test_beams import theirs
from tests.engine.test_local import key_of
from tests.made import recorded_engine
from tests.pages.test_pages import words

TEXT = Catalogue("en")
PROMPT = "zebra lamp river"


def links(at):
    """(page, query parameters) of every link of the page."""
    return [(link.proto.page, parse_qs(link.proto.query_string)) for link in at.get("page_link")]


def engine():
    return cache.engine().result()


# -- settings, live ------------------------------------------------------------------------------------------------
def test_the_page_opens_with_the_likeliest_token_and_five_settings(open_recorded):
    at = open_recorded("overview", {"prompt": PROMPT})
    assert not at.exception
    assert "Most likely next: “" in words(at)
    assert [slider.key for slider in at.slider] == [
        *(f"overview_{name}" for name in ("temperature", "top_k", "top_p")),
        "overview_beams",
    ]
    for name in ("temperature", "top_k", "top_p", "do_sample", "beams"):
        assert TEXT(f"parameter.{name}.meaning") in words(at)
    assert len(at.get("plotly_chart")) == 4


@pytest.mark.parametrize(
    ("key", "value", "asked"),
    [
        ("overview_temperature", 1.5, {"temperature": 1.5}),
        ("overview_top_k", 7, {"top_k": 7}),
        ("overview_top_p", 0.8, {"top_p": 0.8}),
        ("overview_beams", 2, None),
    ],
)
def test_a_slider_runs_no_model_stands_in_the_link_and_goes_on_elsewhere(open_recorded, key, value, asked):
    at = open_recorded("overview", {"prompt": PROMPT})
    before = list(engine().asked)
    at.slider(key=key).set_value(value).run()
    assert not at.exception
    new = [request for request in engine().asked[len(before) :] if request not in before]
    if asked is None:
        assert new == []
    else:
        (request,) = new
        assert isinstance(request, ProcessedRequest)
        assert request.settings == settings.DecodeSettings(**asked, model_rules=False)
        further = {name.replace("overview", "next_token"): [str(value)] for name in [key]}
        assert any(page == "next_token" and further.items() <= query.items() for page, query in links(at))
    assert str(value) in at.query_params[key]


def test_without_do_sample_every_call_is_greedy(open_recorded):
    at = open_recorded("overview", {"prompt": PROMPT})
    assert TEXT("overview.greedy_says") not in words(at)
    assert len(set(lines(at))) == 4
    at.toggle(key="overview_do_sample").set_value(False).run()
    assert TEXT("overview.greedy_says") in words(at)
    assert len(lines(at)) == 4
    assert len(set(lines(at))) == 1


def lines(at):
    """Greedy's text and those of three calls, as HTML."""
    return re.findall(r"<dd><span>.*?</span>(.*?)</dd>", words(at))


def test_prompts_and_tokens_are_no_markup(open_recorded):
    at = open_recorded("overview", {"prompt": "a <b>bold</b> <img src=x>"})
    assert not at.exception
    bodies = "".join(str(element.proto.body) for element in at.get("html"))
    assert "<img src=x" not in bodies
    assert "<b>bold" not in bodies


# -- the same as transformers ----------------------------------------------------------------------------------------
def test_draws_and_searches_are_those_of_transformers(tiny_engine, plain):  # noqa: F811
    key = key_of(tiny_engine)
    request = texts.request(key)
    generated = tiny_engine.answer(request)
    with tiny_engine._leased(key.version.model) as ready:
        ending = ready.generator.ending
    for at, column in enumerate(request.columns):
        for output in (output for output in generated.outputs if output.column == at):
            ids = [*key.token_ids, *output.ids.tolist()]
            if not column.settings.do_sample:
                expected = theirs(plain, list(key.token_ids), column, ending).sequences[0].tolist()
                assert expected[: len(ids)] == ids
            with torch.inference_mode():
                log_p = torch.log_softmax(plain(torch.tensor([ids])).logits[0, len(key.token_ids) - 1 : -1], -1)
            of_text = log_p.gather(-1, torch.from_numpy(np.array(output.ids))[:, None])[:, 0]
            np.testing.assert_allclose(output.log_p, of_text, atol=1e-4)
            if column.settings.do_sample:
                np.testing.assert_allclose(output.log_q, of_text, atol=1e-4)


# -- rules of the model ------------------------------------------------------------------------------------------------
def test_bars_are_without_the_models_rules_as_the_page_that_they_link_to_and_texts_with_them(open_recorded):
    engine().card = replace(engine().card, rules=ModelRules(values=(("suppress_tokens", (1, 2)),)))
    at = open_recorded("overview", {"prompt": PROMPT})
    assert not at.exception
    asked = [request for request in engine().asked if isinstance(request, ProcessedRequest)]
    assert len(asked) >= 3
    assert not any(request.settings.model_rules for request in asked)
    assert words(at).count(TEXT("rules.off", names="suppress_tokens")) == 1
    further = [query for page, query in links(at) if page == "next_token" and "next_token_pos" in query]
    assert [query["next_token_without_rules"] for query in further] == [["true"]] * 3
    linked = open_recorded("next_token", {name: value for name, (value,) in further[0].items()})
    assert linked.toggle(key="next_token_without_rules").value
    assert TEXT("rules.from_model", names="suppress_tokens") in words(at)
    assert all(column.settings.model_rules for column in texts.request(at.session_state["_view"].key).columns)


# -- what stands before a text -----------------------------------------------------------------------------------------
def prompts_end(at):
    return set(re.findall(r"<dd><span>(.*?)</span>", words(at)))


def test_a_dot_of_the_prompt_is_no_blank(open_recorded):
    assert prompts_end(open_recorded("overview", {"prompt": "zebra a·b river"})) == {"zebra a·b river"}


def test_a_long_prompts_end_begins_with_a_word(open_recorded):
    at = open_recorded("overview", {"prompt": "zebra lamp orange river zebra lamp"})
    assert prompts_end(at) == {"…orange river zebra lamp"}


def test_an_answer_in_a_chat_does_not_stand_behind_the_prompt(open_recorded, monkeypatch):
    read = recorded_engine.RecordedTokenizer.read
    chat = lambda *args, **kwargs: replace(read(*args, **kwargs), template="chat")  # noqa: E731
    monkeypatch.setattr(recorded_engine.RecordedTokenizer, "read", chat)
    assert prompts_end(open_recorded("overview", {"prompt": PROMPT})) == {""}


# -- a picture that cannot be had --------------------------------------------------------------------------------------
@pytest.mark.parametrize("error", [Busy(seconds=1), Cancelled(), MemoryError()], ids=lambda error: type(error).__name__)
def test_a_card_without_its_picture_takes_nothing_else_away(open_recorded, monkeypatch, error):
    answer = recorded_engine.RecordedEngine.answer

    def failing(engine, request, *rest):
        if isinstance(request, HeadRequest):
            raise error
        return answer(engine, request, *rest)

    monkeypatch.setattr(recorded_engine.RecordedEngine, "answer", failing)
    at = open_recorded("overview", {"prompt": PROMPT})
    assert not at.exception
    assert len(at.get("plotly_chart")) == 4
    assert "ls-advice" not in words(at)
    assert TEXT("work.stopped") not in words(at)


# -- work that is long -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("kind", "name"), [(RunRequest, "run"), (GenerateRequest, "texts")])
def test_long_work_waits_for_its_button(open_recorded, monkeypatch, kind, name):
    def cost(self, request):
        return Cost(3, 60.0 if isinstance(request, kind) else 0.1)

    monkeypatch.setattr(recorded_engine.RecordedEngine, "cost", cost)
    at = open_recorded("overview", {"prompt": PROMPT})
    assert not at.exception
    assert not any(isinstance(request, kind) for request in engine().asked)
    assert TEXT(f"overview.cost_{name}", about="about a minute") in words(at)
    assert TEXT("overview.notebook") in words(at)
    at.button(key=f"overview_go_{name}").click().run()
    assert not at.exception
    assert any(isinstance(request, kind) for request in engine().asked)


def test_an_unknown_time_does_not_wait(open_recorded, monkeypatch):
    monkeypatch.setattr(recorded_engine.RecordedEngine, "cost", lambda self, request: Cost(3, math.nan))
    at = open_recorded("overview", {"prompt": PROMPT})
    assert any(isinstance(request, GenerateRequest) for request in engine().asked)
    assert "ls-texts" in words(at)


# -- the notebook ------------------------------------------------------------------------------------------------------
def test_facts_of_the_notebook_stand_in_the_table(open_recorded):
    at = open_recorded("overview", {"prompt": "something else"})
    found = words(at)
    tokens = engine().tokenizer("").read(TEXT("examples.class"), chat=False).tokens
    assert f"3 tensors, a layer each, of shape (1, 4, {len(tokens)}, {len(tokens)})" in found
    assert f"(1, {len(tokens)}, 600)" in found
    assert all(f"<small>{token.id}</small>" in found for token in tokens)


def test_a_model_with_fewer_layers_says_which_is_nearest(open_recorded):
    at = open_recorded("overview")
    assert TEXT("overview.nearest_head", layers=3, layer=2, head=0) in words(at)
    heads = [query for page, query in links(at) if page == "attention" and "attention_layer" in query]
    assert [(query["attention_layer"], query["attention_head"]) for query in heads] == [(["2"], ["0"])]


@pytest.mark.parametrize(
    "name", ["tokens", "maps", "head", "heads", "logits", "positions", "sampled", "greedy", "beams", "groups"]
)
def test_a_cells_link_opens_its_view_with_the_notebooks_prompt(open_recorded, name):
    at = open_recorded("overview")
    (cell,) = (cell for cell in notebook.cells(at.session_state["_view"]) if cell.name == name)
    params = {"prompt": TEXT(cell.prompt), **cell.params}
    assert any(page == cell.page and query == {n: [v] for n, v in params.items()} for page, query in links(at))
    opened = open_recorded(cell.page, params)
    assert not opened.exception
    assert "_link_dropped" not in opened.session_state
    assert opened.session_state["prompt"] == TEXT(cell.prompt)


def test_the_prompt_of_the_beam_sample_is_the_first_of_the_six():
    assert TEXT("overview.identity_prompt") == preset("notebook").probe().prompt(0, 0)
