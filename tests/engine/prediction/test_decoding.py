"""What decode settings leave of a distribution, against transformers' own ``generate`` and by hand."""

import math
import random

import numpy as np
import pytest
import torch
from transformers import GenerationConfig

from dashboard.engine.api.decoding import DecodeSettings
from dashboard.engine.prediction.decoding import process, processors
from tests.made.families import FAMILIES

IDS = (5, 9, 5, 7, 211, 9)


def random_settings(draw: random.Random) -> DecodeSettings:
    """Each setting is off half of the time."""

    def either(off, value):
        return off if draw.random() < 0.5 else value

    return DecodeSettings(
        do_sample=draw.random() < 0.9,
        temperature=either(1.0, draw.uniform(0.05, 3)),
        top_k=either(0, draw.randint(1, 60)),
        top_p=either(1.0, draw.uniform(0.05, 0.99)),
        min_p=either(0.0, draw.uniform(0.01, 0.9)),
        typical_p=either(1.0, draw.uniform(0.05, 0.99)),
        repetition_penalty=either(1.0, draw.uniform(0.5, 2)),
        no_repeat_ngram_size=either(0, draw.randint(1, 3)),
    )


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(1)
    found = FAMILIES["llama"]()
    found.lm_head.weight.data.mul_(8)  # random weights alone give an almost flat distribution
    return found


@pytest.mark.parametrize("seed", range(20))
def test_q_is_what_generate_draws_from(model, seed):
    draw = random.Random(seed)
    for _ in range(10):
        settings = random_settings(draw)
        given = {name: getattr(settings, name) for name in ("top_k", "top_p", "typical_p", "temperature")}
        sampled = given | {"min_p": settings.min_p or None} if settings.do_sample else {"top_k": None, "top_p": None}
        config = GenerationConfig(
            do_sample=settings.do_sample,
            repetition_penalty=settings.repetition_penalty,
            no_repeat_ngram_size=settings.no_repeat_ngram_size,
            max_new_tokens=1,
            output_scores=True,
            output_logits=True,
            return_dict_in_generate=True,
            pad_token_id=0,
            **sampled,
        )
        output = model.generate(torch.tensor([IDS]), generation_config=config)
        logits = output.logits[0][0].float()
        found = process(logits, IDS, settings, range(len(logits)))
        if settings.do_sample:
            expected = torch.log_softmax(output.scores[0][0].double(), -1).exp().numpy()
        else:
            expected = np.eye(len(logits))[int(output.sequences[0, -1])]
        np.testing.assert_array_equal(found.probs, expected, err_msg=str(settings))
        assert found.kept == int((expected > 0).sum())


def four(**settings) -> tuple[DecodeSettings, torch.Tensor]:
    return DecodeSettings(**settings), torch.log(torch.tensor([0.5, 0.3, 0.2, 1e-9]))


def test_the_nucleus_keeps_the_token_that_crosses_top_p():
    settings, logits = four(top_p=0.7)
    found = process(logits, (0,), settings, range(4))
    assert found.kept == 2
    assert found.cut_by == ("", "", "top_p", "top_p")
    np.testing.assert_allclose(found.probs, [0.625, 0.375, 0, 0], rtol=1e-6)
    assert found.kept_mass == pytest.approx(0.8, rel=1e-6)
    assert found.kl_nats == pytest.approx(-math.log(0.8), rel=1e-5)


@pytest.mark.parametrize("setting", [{"top_p": 0.0}, {"min_p": 1.0}, {"top_k": 1}])
def test_a_setting_at_its_end_keeps_the_likeliest_alone(setting):
    settings, logits = four(**setting)
    found = process(logits, (0,), settings, range(4))
    assert found.probs.tolist() == [1, 0, 0, 0]
    assert set(found.cut_by[1:]) == set(setting)
    assert found.kl_nats == pytest.approx(math.log(2), rel=1e-6)


def test_the_first_setting_that_removed_a_token_is_named():
    settings, logits = four(top_k=3, top_p=0.6)
    found = process(logits, (0,), settings, (3, 2, 1, 0))
    assert found.names == ("top_k", "top_p")
    assert found.cut_by == ("top_k", "top_p", "", "")


def test_temperature_changes_q_and_cuts_nothing():
    settings, logits = four(temperature=0.5)
    found = process(logits, (0,), settings, range(4))
    squares = np.array([0.25, 0.09, 0.04, 1e-18])
    np.testing.assert_allclose(found.probs, squares / squares.sum(), rtol=1e-5)
    assert set(found.cut_by) == {""}
    assert found.entropy_after_nats < found.entropy_before_nats


def test_without_drawing_only_the_likeliest_is_left_after_the_repetition_penalty():
    settings, logits = four(do_sample=False, top_k=2, repetition_penalty=5.0)
    found = process(logits, (0,), settings, range(4))
    assert found.names == ("repetition_penalty", "do_sample")
    assert found.probs.tolist() == [0, 1, 0, 0]
    assert found.cut_by == ("do_sample", "", "do_sample", "do_sample")
    assert str(found.entropy_after_nats) == "0.0"


def test_settings_that_are_off_have_no_processor():
    assert processors(DecodeSettings()) == []
    settings, logits = four()
    found = process(logits, (0,), settings, range(4))
    assert (found.kept, found.names) == (4, ())
    assert found.kl_nats == pytest.approx(0, abs=1e-12)
    assert found.kept_mass == pytest.approx(1)
