"""Next tokens and the position table against plain transformers, for every family."""

import numpy as np
import pytest
import torch

from dashboard.engine.api.model import CallControl
from dashboard.engine.capture.capture_choice import pick_capturer
from dashboard.engine.capture.head import ResidualHook, exact_head
from dashboard.engine.prediction import candidates
from dashboard.errors import Cancelled
from dashboard.tokens import Token
from tests.made.families import FAMILIES

IDS = tuple(3 + (i * 37) % 290 for i in range(70))


def token(i: int) -> Token:
    return Token(i, str(i), str(i), str(i).encode(), special=False)


@pytest.mark.parametrize("family", FAMILIES)
def test_logits_remade_from_the_residual_are_the_models_own(family):
    model = FAMILIES[family]()
    with torch.inference_mode():
        expected = model(torch.tensor([IDS]), use_cache=False).logits[0]
    capturer, hook = pick_capturer(model), ResidualHook(model)
    head = exact_head(capturer, hook)
    assert head is not None
    (output, _), residual = hook.during(lambda: capturer.forward(IDS, CallControl()))
    with torch.inference_mode():
        found = head.logits(residual)
    scale = max(1.0, float(expected.abs().max()))
    assert (found - expected).abs().max() < 2e-5 * scale
    assert (output.logits[0, -1] - expected[-1]).abs().max() < 2e-5 * scale


def test_candidates_are_the_likeliest_with_their_probabilities():
    logits = torch.tensor([1.0, 3.0, 2.0, -4.0])
    found = candidates.candidates(logits, 5, 3, token)
    probs = np.exp([3.0, 2.0, 1.0]) / np.exp([1.0, 3.0, 2.0, -4.0]).sum()
    assert found.ids.tolist() == [1, 2, 0]
    np.testing.assert_allclose(found.probs, probs, rtol=1e-6)
    whole = np.exp(logits.numpy()) / np.exp(logits.numpy()).sum()
    assert found.entropy_nats == pytest.approx(-(whole * np.log(whole)).sum(), rel=1e-6)


def test_pinned_tokens_stand_below_with_their_own_rank_and_once():
    logits = torch.tensor([1.0, 3.0, 2.0, -4.0, 1.0])
    found = candidates.candidates(logits, 5, 2, token, (3, 1, 4, 3))
    assert found.ids.tolist() == [1, 2, 3, 4]
    assert found.ranks.tolist() == [1, 2, 5, 3]
    np.testing.assert_allclose(found.probs, torch.softmax(logits, -1)[[1, 2, 3, 4]], rtol=1e-6)


def test_more_candidates_than_the_vocabulary_has_gives_the_vocabulary():
    assert len(candidates.candidates(torch.zeros(4), 0, 100, token).ids) == 4


def test_candidates_survive_logits_without_probability():
    found = candidates.candidates(torch.tensor([0.0, -torch.inf]), 0, 2, token)
    assert found.entropy_nats == 0
    assert found.probs.tolist() == [1, 0]


@pytest.mark.parametrize("count", [1, 2, 64, 65, 150])
def test_the_table_of_positions_equals_the_log_softmax_of_all_logits(count):
    torch.manual_seed(0)
    logits = torch.randn(count, 50) * 3
    ids = [int(i) for i in torch.randint(0, 50, (count,))]
    found = candidates.position_table(lambda start, stop: logits[start:stop], ids, token, CallControl())
    log_p = torch.log_softmax(logits, -1)
    assert [t.id for t in found.predicted] == logits.argmax(-1).tolist()
    for i in range(count - 1):
        assert found.actual_log_prob[i] == pytest.approx(float(log_p[i, ids[i + 1]]), rel=1e-5)
        assert found.actual_rank[i] == 1 + int((logits[i] > logits[i, ids[i + 1]]).sum())
    np.testing.assert_allclose(found.predicted_prob, log_p.max(-1).values.exp(), rtol=1e-5)
    assert np.isnan(found.actual_log_prob[-1])
    np.testing.assert_allclose(found.entropy_nats, -(log_p.exp() * log_p).sum(-1), rtol=1e-5)
    assert found.actual_rank[-1] == 0


def test_the_table_stops_when_cancelled():
    control = CallControl()
    control.cancel.set()
    with pytest.raises(Cancelled):
        candidates.position_table(lambda start, stop: torch.zeros(stop - start, 5), [1, 2], token, control)
