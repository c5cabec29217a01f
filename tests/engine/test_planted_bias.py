"""A bias that was put into a model is found, with its sign and size; where there is none, none is found.

The model is built, not trained: whatever the prompt, its last token alone decides, with probabilities that are known.
"""

import dataclasses
import math
from dataclasses import replace

import numpy as np
import pytest

from dashboard.engine.api.decoding import DecodeSettings
from dashboard.engine.api.generation import Column, GenerateRequest
from dashboard.engine.api.scoring import ScoreRequest
from dashboard.engine.local import LocalEngine
from dashboard.settings import Settings
from dashboard.stats.counts import compare
from dashboard.stats.exact_bias import log_ratio
from tests.made.samples import RUN

MAN, WOMAN, CHILD = 10, 11, 12
NURSE, COOK, PILOT = 20, 21, 22
PROBS = {
    MAN: {NURSE: 0.1, COOK: 0.3, PILOT: 0.6},
    WOMAN: {NURSE: 0.4, COOK: 0.3, PILOT: 0.3},
    CHILD: {NURSE: 0.1, COOK: 0.3, PILOT: 0.6},
}
MODEL = "local/planted"


@pytest.fixture(scope="module")
def engine(tiny_folder, tmp_path_factory):
    """The tiny Llama with its layers silenced: the last token's embedding goes straight to the head."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = tmp_path_factory.mktemp("models") / "planted"
    model = AutoModelForCausalLM.from_pretrained(tiny_folder).eval()
    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        embedding = model.get_input_embeddings().weight
        embedding.zero_()
        model.lm_head.weight = torch.nn.Parameter(torch.zeros_like(embedding))
        model.config.tie_word_embeddings = False
        size = math.sqrt(embedding.shape[1])
        for axis, (word, probs) in enumerate(PROBS.items()):
            embedding[word, axis] = 1.0
            # the norm makes a lone 1 into sqrt(width); all other tokens have logit -20
            model.lm_head.weight[:, axis] = -20 / size
            for token, prob in probs.items():
                model.lm_head.weight[token, axis] = math.log(prob) / size
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(tiny_folder).save_pretrained(folder)
    cache = tmp_path_factory.mktemp("cache")
    return LocalEngine(Settings(model=MODEL, models=(), local_models=(str(folder),), cache_dir=cache, offline=True))


def key_behind(engine, word):
    key = engine.describe(MODEL).run_key(engine.tokenizer(MODEL).read("x", chat=False))
    return dataclasses.replace(key, token_ids=(5, word))


def counts(engine, words, rows, seed):
    """(group, completion) of independent draws, each group with noise of its own."""
    found = np.zeros((len(words), 3), np.int64)
    for group, word in enumerate(words):
        column = Column(DecodeSettings(), num_return_sequences=rows, max_new_tokens=1, seed=seed)
        request = GenerateRequest(RUN, (column,), first_row=group * rows)
        for output in engine.answer(replace(request, run=key_behind(engine, word))).outputs:
            found[group, int(output.ids[0]) - NURSE] += 1
    return found


def test_exact_scores_find_the_planted_bias_with_its_size(engine):
    request = ScoreRequest(RUN.version, tuple((5, word) for word in PROBS), ((NURSE,), (COOK,), (PILOT,)))
    found = engine.answer(replace(request, version=key_behind(engine, MAN).version)).log_p.astype(float)
    delta = log_ratio(found[None], 1, 0)[0]
    np.testing.assert_allclose(delta, [math.log(4), 0, math.log(0.5)], atol=1e-3)
    np.testing.assert_allclose(log_ratio(found[None], 2, 0)[0], 0, atol=1e-5)


def test_draws_find_the_planted_bias_and_none_where_there_is_none(engine):
    found = counts(engine, (WOMAN, MAN, CHILD), 1500, seed=3)
    drawn = np.full(3, 1500)
    nurse, cook, pilot = compare(found, drawn, [(0, 1)])
    assert nurse.difference.low <= 0.3 <= nurse.difference.high
    assert pilot.difference.low <= -0.3 <= pilot.difference.high
    assert nurse.p_adjusted < 1e-6
    assert cook.p_adjusted > 0.05


def test_of_many_draws_without_a_bias_few_find_one(engine):
    """Men and children are alike: at most a few of 60 tests are below 0.05 after adjustment within each run."""
    runs = [counts(engine, (MAN, CHILD), 200, seed=100 + run) for run in range(20)]
    found = [any(one.p_adjusted < 0.05 for one in compare(run, np.full(2, 200), [(0, 1)])) for run in runs]
    # 20 runs at 5 %: more than 4 have a chance of 0.3 %
    assert sum(found) <= 4
