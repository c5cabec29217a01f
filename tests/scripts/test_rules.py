"""Code of charts of a model whose generation config has rules of its own: what a script makes is the page's."""

import dataclasses
import json
import runpy
import shutil

import numpy as np
import pytest

from dashboard.engine.api.decoding import PURE, DecodeSettings
from dashboard.engine.api.generation import Column, CompareRequest, GenerateRequest, TreeRequest
from dashboard.engine.api.prediction import CandidatesRequest, ProcessedRequest
from dashboard.frames.next_token import candidates_frame
from dashboard.frames.sampling import comparison_frame
from dashboard.scripts import sampling as scripts
from dashboard.scripts.prediction import candidates_script
from tests.made.samples import RUN
from tests.scripts.test_sampling import same_texts

RULES = {
    **{"suppress_tokens": [121, 5, 6], "begin_suppress_tokens": [259], "bad_words_ids": [[40], [41, 42]]},
    **{"sequence_bias": [[[70], 2.5], [[8, 9], -3.0]], "min_new_tokens": 3, "forced_eos_token_id": 11, "top_h": 0.95},
    **{"exponential_decay_length_penalty": [4, 1.3], "encoder_repetition_penalty": 1.2, "epsilon_cutoff": 1e-4},
    **{"encoder_no_repeat_ngram_size": 2, "eta_cutoff": 1e-4, "stop_strings": ["zz"]},
    **{"renormalize_logits": True, "early_stopping": True, "eos_token_id": [0, 11], "guidance_scale": 2.0},
}
REQUEST = GenerateRequest(
    RUN,
    (
        Column(DecodeSettings(do_sample=False), 1, 8),
        Column(DecodeSettings(temperature=2.0, top_k=100), 3, 8, seed=3),
        Column(DecodeSettings(temperature=2.0, repetition_penalty=1.3), 2, 8, seed=4),
        Column(dataclasses.replace(PURE, temperature=2.0), 2, 8, seed=4),
        Column(DecodeSettings(do_sample=False), 3, 8, num_beams=3),
        Column(DecodeSettings(temperature=3.0), 2, 8, num_beams=3, seed=5),
        Column(dataclasses.replace(PURE, do_sample=False), 2, 8, num_beams=3),
    ),
)


@pytest.fixture(scope="module")
def ruled_folder(tiny_folder, tmp_path_factory):
    """The tiny model with a generation config of its own."""
    folder = tmp_path_factory.mktemp("ruled") / "tiny"
    shutil.copytree(tiny_folder, folder)
    (folder / "generation_config.json").write_text(json.dumps(RULES))
    return folder


@pytest.fixture(scope="module")
def ruled(ruled_folder, tiny_settings):
    from dashboard.engine.local import LocalEngine

    engine = LocalEngine(dataclasses.replace(tiny_settings, local_models=(str(ruled_folder),)))
    prompt = engine.tokenizer("local/tiny").read("zebra lamp river zebra lamp", chat=False)
    return engine, engine.describe("local/tiny"), engine.describe("local/tiny").run_key(prompt), prompt.tokens


@pytest.fixture
def run_ruled(ruled_folder, tmp_path, monkeypatch):
    """Run a chart's script where ``tiny`` is that model's folder; gives its variables."""

    def ran(source):
        (tmp_path / "chart.py").write_text(source, encoding="utf-8")
        monkeypatch.chdir(ruled_folder.parent)
        return runpy.run_path(str(tmp_path / "chart.py"), run_name="script")

    return ran


def test_texts_of_drawn_greedy_and_beam_columns_are_the_engines(ruled, run_ruled):
    engine, card, key, _ = ruled
    assert len(card.rules.values) == len(RULES) - 2
    assert card.rules.left_out == (("guidance_scale", "second_pass"),)
    found = same_texts(engine, key, REQUEST, run_ruled(scripts.texts_script(card, key, REQUEST))["numbers"])
    of_column = {column: [one for one in found.outputs if one.column == column] for column in range(7)}
    for column in (0, 1, 2, 4, 5):
        assert all(one.ids[-1] in (0, 11) or one.stopped == "stop" for one in of_column[column])
        assert not any({121, 5, 6, 40} & set(one.ids.tolist()) for one in of_column[column])
    assert any(one.ids[-1] != 11 for one in of_column[3])


def test_bars_comparison_and_tree_are_the_engines(ruled, run_ruled):
    engine, card, key, tokens = ruled
    settings = DecodeSettings(temperature=1.5, top_p=0.99)
    found = engine.answer(CandidatesRequest(key, 3, 12))
    processed = engine.answer(ProcessedRequest(key, 3, tuple(found.ids.tolist()), settings))
    again = run_ruled(candidates_script(card, key, 3, 12, settings=settings))["numbers"]
    shown = candidates_frame(found, processed)
    np.testing.assert_allclose(again["q"], shown["q"], atol=1e-5)
    assert again["cut_by"].tolist() == shown["cut_by"].tolist()
    assert {"suppress_tokens"} < set(processed.names)
    request = CompareRequest(key, (settings, PURE), (2, 6))
    exact = comparison_frame(engine.answer(request), ("a", "b"), tokens, 2)
    again = run_ruled(scripts.settings_script(card, key, request, "settings_lines"))["numbers"]
    assert again["kept"].tolist() == exact["kept"].tolist()
    np.testing.assert_allclose(again["kept_mass"], exact["kept_mass"], atol=1e-5)
    tree_request = TreeRequest(key, DecodeSettings(top_k=4), depth=3, mass=0.9, nodes=40, limit=3)
    tree = engine.answer(tree_request)
    again = run_ruled(scripts.probability_tree_script(card, key, tree_request))["numbers"]
    own = again[(again["node"] >= 0) & again["id"].notna()]
    assert own["id"].tolist() == tree.ids.tolist()
    np.testing.assert_allclose(own["prob"], tree.probs, rtol=1e-4)


def test_a_search_is_the_engines(ruled, run_ruled):
    engine, card, key, _ = ruled
    column = REQUEST.columns[4]
    again = run_ruled(scripts.beam_tree_script(card, key, column))["numbers"]
    tree = engine.answer(GenerateRequest(key, (column,))).beams[0]
    assert again["id"].tolist() == tree.ids.tolist()
    np.testing.assert_allclose(again["score"], tree.scores, atol=1e-4)


def test_models_that_differ_in_rules_alone_have_other_revisions(ruled, tiny_engine):
    """So that no result of one is taken for the other's."""
    _, card, key, _ = ruled
    plain = tiny_engine.describe("local/tiny")
    assert plain.revision != card.revision
    assert plain.rules.values == ()
    other = tiny_engine.describe("local/tiny").run_key(
        tiny_engine.tokenizer("local/tiny").read("zebra lamp river zebra lamp", chat=False)
    )
    assert other.token_ids == key.token_ids
    assert other.digest != key.digest
