"""What the Attention page's first sentence and a head's line say, of scores worked out by hand."""

from types import SimpleNamespace

import pandas as pd
import pytest

from components.attention.findings import head_finding, opening_head, page_finding
from dashboard.engine.api.attention import METRICS
from dashboard.i18n import Catalogue

NAN = float("nan")


def scores(**columns):
    """Four heads of two layers; scores that are not named are 0."""
    pairs = {"layer": [0, 0, 1, 1], "head": [0, 1, 0, 1]}
    return pd.DataFrame(pairs | {name: columns.get(name, [0.0] * 4) for name in METRICS})


def view(language="en", without_attention=()):
    card = SimpleNamespace(all_heads=4, layers=2, without_attention=without_attention)
    return SimpleNamespace(text=Catalogue(language), card=card)


def test_the_strongest_induction_head_is_named_with_its_score_and_how_many_do_the_same():
    metrics = scores(induction=[0.1, 0.62, 0.4, NAN])
    assert opening_head(metrics) == (0, 1)
    sentence = page_finding(view(), metrics)
    assert "induction head here is layer 0, head 1" in sentence
    assert "0.62 of the weight" in sentence
    assert "Heads with 0.4 or more: 2 of 4." in sentence


def test_a_score_below_the_threshold_is_not_called_an_induction_head():
    sentence = page_finding(view("es"), scores(induction=[0.1, 0.396, 0.2, 0.0]))
    assert sentence.startswith("Aquí no hay cabezas de inducción")
    assert "0,396 (capa 0, cabeza 1); cuenta desde 0,4" in sentence


@pytest.mark.parametrize(("score", "begins"), [(0.9, "The head that looks most"), (0.3, "No previous-token head here")])
def test_where_no_token_repeats_the_look_back_is_named_and_why(score, begins):
    metrics = scores(induction=[NAN] * 4, previous_token=[0.0, 0.1, score, 0.2])
    assert opening_head(metrics) == (1, 0)
    sentence = page_finding(view(), metrics)
    assert sentence.startswith(begins)
    assert f"{score:.2f}" in sentence
    assert "No token repeats" in sentence


def test_a_single_token_leaves_nothing_to_compare():
    metrics = scores(induction=[NAN] * 4, previous_token=[NAN] * 4)
    assert opening_head(metrics) == (0, 0)
    assert "4 heads can look at that token only" in page_finding(view(), metrics)
    assert head_finding(view(), metrics, 0, 0) == ""


def test_a_model_without_a_map_is_not_said_to_have_one_token():
    nothing = scores(induction=[NAN] * 4, previous_token=[NAN] * 4)
    without = view(without_attention=((0, "linear_attention"), (1, "linear_attention")))
    assert page_finding(without, nothing) == without.text("attention.no_map")
    some = view(without_attention=((0, "linear_attention"),))
    assert page_finding(some, nothing) == some.text("attention.found_nothing", heads=4)


@pytest.mark.parametrize(("score", "shown"), [(0.3996, "0.399"), (0.39999999, "0.399"), (0.289, "0.289")])
def test_a_score_below_the_threshold_is_not_written_as_the_threshold(score, shown):
    assert f" is {shown} (" in page_finding(view(), scores(induction=[0.1, score, 0.2, 0.0]))


def test_the_opened_head_says_why_and_another_what_it_does():
    metrics = scores(induction=[0.7, 0.0, 0.0, NAN], first_token=[0.95, 0.95, 0.89, NAN])
    assert head_finding(view(), metrics, 0, 0).startswith("Opened first because its induction score")
    assert head_finding(view(), metrics, 0, 1) == (
        "Attention sink: mean weight 0.95 on the first token (0.9 or more counts as one)."
    )
    assert head_finding(view(), metrics, 1, 0) == ""
    assert head_finding(view(), metrics, 1, 1) == ""
