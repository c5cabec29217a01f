"""The rules of a model's own generation config on the pages: named where they act, and turned off."""

import dataclasses
import json
import shutil

import pytest

from dashboard.engine.api.generation import GenerateRequest
from dashboard.engine.local import LocalEngine
from dashboard.i18n import Catalogue
from dashboard.sampling.columns import ColumnSpec, read, written
from tests.pages.test_pages import words
from tests.pages.test_sampling import PROMPT, SHORT, has_texts, table, unfolded, waited

RULES = {"suppress_tokens": list(range(100, 300)), "stop_strings": ["<**b**>"], "guidance_scale": 2.0}
GREEDY = ColumnSpec(do_sample=False, max_new_tokens=4)
BEAMS = dataclasses.replace(GREEDY, num_beams=3)


@pytest.fixture
def open_ruled(open_page, tiny_folder, tmp_path, monkeypatch):
    """`open_page` with a model that has rules of its own."""
    folder = tmp_path / "ruled" / "tiny"
    shutil.copytree(tiny_folder, folder)
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": 0, **RULES}))
    monkeypatch.setenv("LOGITSCOPE_LOCAL_MODELS", str(folder))
    return open_page


@pytest.mark.parametrize(("locale", "language"), [("en-US", "en"), ("es-ES", "es")])
def test_columns_name_the_models_rules_and_what_is_not_applied(open_ruled, locale, language):
    text = Catalogue(language)
    at = open_ruled("sampling", {"prompt": PROMPT, "sampling_columns": written((GREEDY, BEAMS))}, locale=locale)
    assert not at.exception
    shown = words(at)
    assert shown.count(text("rules.from_model", names="suppress_tokens, stop_strings")) >= 2
    assert text("sampling.order", names="suppress_tokens") in shown
    assert "suppress_tokens = " in shown
    assert '"<**b**>"' in shown
    assert f"guidance_scale ({text('rules.why.second_pass')})" in shown


def test_greedy_and_beams_obey_them_alike_until_they_are_turned_off(open_ruled):
    at = open_ruled("sampling", {"prompt": PROMPT, "sampling_columns": written((GREEDY, BEAMS))})
    waited(at, has_texts)
    with_rules = list(table(at)["text"])
    unfolded(at, 0, more=True).toggle(key="sampling_0_model_rules").set_value(False).run()
    assert [spec.model_rules for spec in read(at.query_params["sampling_columns"])] == [False, True]
    assert Catalogue("en")("rules.off", names="suppress_tokens, stop_strings") in words(at)
    waited(at, has_texts)
    without = list(table(at)["text"])
    assert without[0] != with_rules[0]
    assert without[1] == with_rules[1]


def test_the_bars_obey_them_and_name_them_until_they_are_turned_off(open_ruled):
    text = Catalogue("en")
    at = open_ruled("next_token", {"prompt": PROMPT})
    assert not at.exception
    assert "Left to draw from: 105 of 305" in words(at)
    assert text("rules.from_model", names="suppress_tokens") in words(at)
    assert "guidance_scale" in words(at)
    at.toggle(key="next_token_without_rules").set_value(True).run()
    assert "Left to draw from" not in words(at)
    assert text("rules.off", names="suppress_tokens") in words(at)
    at.toggle(key="next_token_without_rules").set_value(False).run()
    assert "Left to draw from: 105 of 305" in words(at)
    at.button(key="settings_off").click().run()
    assert "Left to draw from" not in words(at)
    linked = open_ruled("next_token", {"prompt": PROMPT, "next_token_without_rules": "true"})
    assert "Left to draw from" not in words(linked)


def test_rules_that_leave_no_token_are_told_where_the_bars_would_be_and_the_rest_stands(open_ruled, tmp_path):
    every = {"suppress_tokens": list(range(305))}
    (tmp_path / "ruled" / "tiny" / "generation_config.json").write_text(json.dumps(every))
    at = open_ruled("next_token", {"prompt": PROMPT})
    assert not at.exception
    text = Catalogue("en")
    assert text("error.NothingLeft", names="suppress_tokens") in words(at)
    assert text("next_token.table") in words(at)
    at.toggle(key="next_token_without_rules").set_value(True).run()
    assert "error.NothingLeft" not in words(at)
    assert len(at.get("plotly_chart")) == 1


def test_a_model_without_rules_shows_none_of_it(open_page):
    for slug in ("sampling", "next_token"):
        at = open_page(slug, {"prompt": PROMPT})
        assert not at.exception
        assert "model_rules" not in [toggle.label for toggle in at.toggle]
        assert Catalogue("en")("rules.without") not in [toggle.label for toggle in at.toggle]
        assert "from the model" not in words(at)


@pytest.mark.parametrize("language", ["en", "es"])
def test_texts_that_others_interrupted_are_shown_with_the_reason(open_page, monkeypatch, language):
    answer = LocalEngine.answer

    def interrupted(engine, request, *rest):
        made = answer(engine, request, *rest)
        if not isinstance(request, GenerateRequest):
            return made
        outputs = tuple(dataclasses.replace(output, stopped="busy") for output in made.outputs)
        return dataclasses.replace(made, outputs=outputs, unfinished="busy")

    monkeypatch.setattr(LocalEngine, "answer", interrupted)
    monkeypatch.setattr(LocalEngine, "kept", lambda *_: None)
    text = Catalogue(language)
    at = open_page("sampling", {"prompt": PROMPT, "sampling_columns": SHORT}, locale=f"{language}-XX")
    waited(at, lambda page: text("sampling.table") in words(page))
    assert text("sampling.stopped_busy") in words(at)
    assert set(table(at)["stopped"]) == {text("sampling.ended.busy")}
