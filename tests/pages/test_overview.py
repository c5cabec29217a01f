"""The Overview: settings live on the prompt without another pass, the notebook cell by cell, and what waits."""

import math
import re
from urllib.parse import parse_qs

import numpy as np
import pytest
import torch

from components.overview import notebook, settings, texts
from dashboard import cache
from dashboard.engine.api.generation import GenerateRequest
from dashboard.engine.api.model import RunRequest
from dashboard.engine.api.prediction import ProcessedRequest
from dashboard.engine.api.request import Cost
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
        assert request.settings == settings.DecodeSettings(**asked)
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
