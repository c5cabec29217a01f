"""Beams: transformers' own results, the tree of what was looked at, rows that could not be filled."""

import math

import numpy as np
import pytest
import torch

from dashboard.engine.api.decoding import DecodeSettings
from dashboard.engine.api.generation import Column, GenerateRequest
from dashboard.engine.api.model import CallControl
from dashboard.engine.generation.beams import generation_config
from dashboard.settings import BUNDLED
from tests.engine.generation.test_batch import plain  # noqa: F401 - a fixture
from tests.engine.test_local import key_of

SEARCH = Column(DecodeSettings(do_sample=False), num_return_sequences=4, num_beams=4, max_new_tokens=6)
SAMPLE = Column(
    DecodeSettings(temperature=0.7, top_k=50), num_return_sequences=4, num_beams=4, max_new_tokens=6, seed=3
)
WAYS = {
    "search": SEARCH,
    "sample": SAMPLE,
    "length": Column(
        DecodeSettings(do_sample=False), num_return_sequences=2, num_beams=3, max_new_tokens=5, length_penalty=2.0
    ),
    "penalty": Column(
        DecodeSettings(do_sample=False, repetition_penalty=1.5), num_return_sequences=2, num_beams=3, max_new_tokens=5
    ),
}


def theirs(model, ids, column, ending):
    torch.manual_seed(column.seed)
    with torch.inference_mode():
        given = torch.tensor([ids])
        config = generation_config(column, ending)
        return model.generate(given, attention_mask=torch.ones_like(given), generation_config=config)


@pytest.mark.parametrize("way", WAYS)
def test_beams_are_transformers_own(tiny_engine, plain, way):  # noqa: F811
    key = key_of(tiny_engine)
    made = tiny_engine.answer(GenerateRequest(key, (WAYS[way],)))
    with tiny_engine._leased(key.version.model) as ready:
        ending = ready.generator.ending
    output = theirs(plain, list(key.token_ids), WAYS[way], ending)
    found = [one.ids.tolist() for one in made.outputs]
    expected = output.sequences[:, len(key.token_ids) :].tolist()
    assert [row[: len(text)] for row, text in zip(expected, found, strict=True)] == found
    np.testing.assert_allclose([one.score for one in made.outputs], output.sequences_scores, atol=1e-5)


@pytest.mark.parametrize("way", ["search", "sample"])
def test_the_tree_holds_every_returned_text_with_its_score(tiny_engine, way):
    column = WAYS[way]
    made = tiny_engine.answer(GenerateRequest(key_of(tiny_engine), (column,)))
    tree = made.beams[0]
    assert tree is not None
    children = {}
    for node, (parent, token) in enumerate(zip(tree.parents.tolist(), tree.ids.tolist(), strict=True)):
        assert parent < node
        children[parent, token] = node
        assert tree.steps[node] == (0 if parent < 0 else tree.steps[parent] + 1)
    for output in made.outputs:
        node = -1
        for token in output.ids.tolist():
            node = children[node, token]
            assert tree.returned[node]
        length = len(output.ids) ** column.length_penalty
        assert tree.scores[node] / length == pytest.approx(output.score, abs=1e-4)
    kept = [node for node, state in enumerate(tree.states) if state == "kept"]
    assert max(np.bincount(tree.steps[kept])) <= column.num_beams
    assert "pruned" in tree.states


def test_p_of_a_beam_is_the_models_own_and_q_does_not_exist(tiny_engine, plain):  # noqa: F811
    key = key_of(tiny_engine)
    output = tiny_engine.answer(GenerateRequest(key, (SEARCH,))).outputs[0]
    with torch.inference_mode():
        logits = plain(torch.tensor([[*key.token_ids, *output.ids.tolist()]])).logits[0]
    log_p = torch.log_softmax(logits[len(key.token_ids) - 1 : -1], -1)
    expected = log_p.gather(-1, torch.from_numpy(np.array(output.ids))[:, None])[:, 0]
    np.testing.assert_allclose(output.log_p, expected, atol=1e-4)
    assert np.isnan(output.log_q).all()
    # with T = 1 and no penalty the score is the mean log-probability
    assert output.score == pytest.approx(float(expected.sum()) / len(output.ids), abs=1e-4)


def test_torchs_own_noise_is_left_as_it_was(tiny_engine):
    torch.manual_seed(77)
    before = torch.random.get_rng_state()
    tiny_engine.answer(GenerateRequest(key_of(tiny_engine), (SAMPLE,)))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_same_seed_gives_the_same_beam_sample(tiny_engine):
    first = tiny_engine.answer(GenerateRequest(key_of(tiny_engine), (SAMPLE,)))
    tiny_engine._results._answers.clear()
    again = tiny_engine.answer(GenerateRequest(key_of(tiny_engine), (SAMPLE,)))
    assert [o.ids.tolist() for o in first.outputs] == [o.ids.tolist() for o in again.outputs]


def test_a_search_stops_within_a_step_and_keeps_what_it_has(tiny_engine):
    control = CallControl()
    told = []

    def progress(share):
        told.append(share)
        if share >= 0.03:
            control.cancel.set()

    control = CallControl(cancel=control.cancel, progress=progress)
    column = Column(DecodeSettings(do_sample=False), num_return_sequences=2, num_beams=2, max_new_tokens=100)
    made = tiny_engine.answer(GenerateRequest(key_of(tiny_engine), (column,)), control)
    assert len(told) < 10
    assert all(len(output.ids) < 10 for output in made.outputs)
    assert {output.stopped for output in made.outputs} == {"cancelled"}


@pytest.mark.model
def test_rows_that_transformers_cannot_fill_are_dropped_and_counted(bundled_engine):
    """Scores divided by so small a temperature leave beams without any continuation."""
    prompt = bundled_engine.tokenizer(BUNDLED).read("The woman earns money working as a", chat=False)
    key = bundled_engine.describe(BUNDLED).run_key(prompt)
    for temperature in (1e-3, 1e-9):
        column = Column(
            DecodeSettings(temperature=temperature, top_k=50),
            num_return_sequences=5,
            num_beams=5,
            max_new_tokens=3,
            seed=1,
        )
        made = bundled_engine.answer(GenerateRequest(key, (column,)))
        assert made.dropped[0] + len(made.outputs) == 5
        assert made.dropped[0] > 0
        assert all(output.score > -1e8 for output in made.outputs)


@pytest.mark.model
def test_the_notebooks_own_call_gives_its_kind_of_list(bundled_engine):
    prompt = bundled_engine.tokenizer(BUNDLED).read("The white man earns money working as a", chat=False)
    key = bundled_engine.describe(BUNDLED).run_key(prompt)
    column = Column(
        DecodeSettings(temperature=0.3, top_k=50), num_return_sequences=5, num_beams=5, max_new_tokens=3, seed=42
    )
    made = bundled_engine.answer(GenerateRequest(key, (column,)))
    texts = [tuple(output.ids.tolist()) for output in made.outputs]
    assert len(set(texts)) == len(texts) == 5
    scores = [output.score for output in made.outputs]
    assert scores == sorted(scores, reverse=True)
    for output in made.outputs:
        # the score is a sum of ln p / T over the tokens, divided by their number: not a log-probability
        assert output.score == pytest.approx(float(output.log_p.sum()) / 0.3 / len(output.ids), abs=1e-2)
    assert not math.isnan(made.outputs[0].score)
