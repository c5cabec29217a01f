"""Draws: what settings leave is what transformers leaves, noise is the row's own, frequencies are right."""

import math
import random

import numpy as np
import pytest
import torch
from scipy.stats import binom

from dashboard.engine.api.decoding import DecodeSettings
from dashboard.engine.generation.noise import gumbel, row_keys
from dashboard.engine.generation.sampler import CANDIDATES, Sampler
from dashboard.engine.prediction.decoding import process
from tests.engine.prediction.test_decoding import random_settings

VOCAB = 1000


def peaked_logits(rows, seed, *, scale=4.0, vocab=VOCAB):
    return torch.randn(rows, vocab, generator=torch.Generator().manual_seed(seed)) * scale


@pytest.mark.parametrize("seed", range(120))
def test_what_is_left_is_what_transformers_leaves(seed):
    """Beyond the likeliest 256 of 1,000 too: thresholds that cannot be told from sums are left to transformers."""
    draw = random.Random(seed)
    settings = random_settings(draw)
    logits = peaked_logits(3, seed, scale=draw.choice([0.3, 2.0, 6.0]))
    ids = torch.randint(0, VOCAB, (3, 9), generator=torch.Generator().manual_seed(seed))
    chooser = Sampler(settings, row_keys(seed, 0, 3))
    drawn = chooser.draw(logits, ids, step=2)
    log_q = chooser.distribution(logits, ids)
    for row in range(3):
        shown = [*drawn.alternatives[row].tolist(), int(drawn.ids[row])]
        wanted = process(logits[row], ids[row].tolist(), settings, shown)
        found = drawn.alternative_log_q[row].exp().numpy()
        np.testing.assert_allclose(found, wanted.probs[:-1], atol=2e-5)
        names = ["" if cut == 0 else chooser.names[cut - 1] for cut in drawn.alternative_cut_by[row].tolist()]
        assert names == list(wanted.cut_by[:-1])
        assert math.exp(drawn.log_q[row]) == pytest.approx(wanted.probs[-1], abs=2e-5)
        assert wanted.probs[-1] > 0
        assert int(torch.isfinite(log_q[row]).sum()) == wanted.kept


def test_p_and_rank_are_of_the_raw_logits():
    logits = peaked_logits(4, 1)
    drawn = Sampler(DecodeSettings(temperature=3.0), row_keys(5, 0, 4)).draw(logits, torch.zeros(4, 1).long(), 0)
    log_p = torch.log_softmax(logits.double(), -1)
    for row, token in enumerate(drawn.ids.tolist()):
        assert float(drawn.log_p[row]) == pytest.approx(float(log_p[row, token]), abs=1e-5)
        assert int(drawn.ranks[row]) == 1 + int((logits[row] > logits[row, token]).sum())
    np.testing.assert_array_equal(drawn.alternatives, logits.topk(10).indices)


PROBS = np.array([0.5, 0.25, 0.15, 0.07, 0.03])
WAYS = {
    "pure": (DecodeSettings(), PROBS),
    "temperature": (DecodeSettings(temperature=2.0), np.sqrt(PROBS)),
    "top_k": (DecodeSettings(top_k=3), PROBS * [1, 1, 1, 0, 0]),
    "top_p": (DecodeSettings(top_p=0.7), PROBS * [1, 1, 0, 0, 0]),
    "min_p": (DecodeSettings(min_p=0.2), PROBS * [1, 1, 1, 0, 0]),
    # entropy 1.26 nats; |-ln p - H|: .57, .13, .63, 1.40, 2.24: the second, then the first, reach .6
    "typical_p": (DecodeSettings(typical_p=0.6), PROBS * [1, 1, 0, 0, 0]),
    # token 0 was seen: its logit, ln .5 - ln .5 = 0 here, would not move, so logits are shifted by 2
    "repetition_penalty": (DecodeSettings(repetition_penalty=2.0), PROBS * [math.exp(-1), 1, 1, 1, 1]),
    "no_repeat_ngram_size": (DecodeSettings(no_repeat_ngram_size=1), PROBS * [0, 1, 1, 1, 1]),
}


@pytest.mark.parametrize("vocab", [5, 400], ids=["small vocabulary", "beyond the candidates"])
@pytest.mark.parametrize("way", WAYS)
def test_frequencies_of_twenty_thousand_draws_lie_in_their_bounds(way, vocab):
    settings, weights = WAYS[way]
    expected = weights / weights.sum()
    rows = 20_000
    logits = torch.full((rows, vocab), -40.0)
    logits[:, :5] = torch.from_numpy(np.log(PROBS) - math.log(0.5) + 2).float()
    drawn = Sampler(settings, row_keys(11, 0, rows)).draw(logits, torch.zeros(rows, 1).long(), 0)
    counts = np.bincount(drawn.ids.numpy(), minlength=vocab)
    for token, share in enumerate(expected):
        low, high = binom.ppf([0.0005, 0.9995], rows, share)
        assert low <= counts[token] <= high, (token, counts[:5])
    assert counts[5:].sum() == 0


def test_a_row_draws_the_same_beside_others_and_in_parts_of_its_vocabulary():
    logits = peaked_logits(6, 4)
    ids = torch.zeros(6, 1).long()
    for settings in (DecodeSettings(), DecodeSettings(top_p=0.8), DecodeSettings(temperature=1.5, top_p=0.97)):
        together = Sampler(settings, row_keys(9, 0, 6)).draw(logits, ids, 4)
        for row in range(6):
            alone = Sampler(settings, row_keys(9, row, 1)).draw(logits[row : row + 1], ids[:1], 4)
            assert int(alone.ids[0]) == int(together.ids[row])


def test_equal_support_and_the_same_noise_keep_equal_choices():
    """Common random numbers: cutting tokens that were not drawn changes nothing."""
    logits, ids = peaked_logits(200, 7), torch.zeros(200, 1).long()
    free, cut = (
        Sampler(settings, row_keys(1, 0, 200)).draw(logits, ids, 0)
        for settings in (DecodeSettings(), DecodeSettings(top_k=20))
    )
    stays = free.ranks <= 20
    assert 50 < int(stays.sum()) < 200
    assert torch.equal(free.ids[stays], cut.ids[stays])


def test_a_draw_says_by_how_much_it_was_won():
    logits = torch.log(torch.tensor([[0.6, 0.4]]))
    drawn = Sampler(DecodeSettings(), row_keys(2, 0, 1)).draw(logits, torch.zeros(1, 1).long(), 0)
    race = torch.log_softmax(logits, -1).double() + gumbel(row_keys(2, 0, 1), 0, torch.arange(2))
    assert float(drawn.margins[0]) == pytest.approx(float((race[0, 0] - race[0, 1]).abs()), abs=1e-6)


def test_a_given_token_is_told_and_not_drawn():
    logits, ids = peaked_logits(1, 3), torch.zeros(1, 1).long()
    for settings in (DecodeSettings(top_k=5), DecodeSettings(do_sample=False)):
        worst = int(logits.argmin())
        drawn = Sampler(settings, row_keys(0, 0, 1)).draw(logits, ids, 0, forced=torch.tensor([worst]))
        assert int(drawn.ids[0]) == worst
        assert int(drawn.ranks[0]) == VOCAB
        assert float(drawn.log_q[0]) == -math.inf
        assert math.isnan(drawn.margins[0])


def test_equal_scores_at_the_edge_are_left_to_transformers_sort():
    logits = torch.full((1, VOCAB), -20.0)
    logits[0, 10:20] = 1.0
    settings = DecodeSettings(top_p=0.55)
    drawn = Sampler(settings, row_keys(0, 0, 1)).draw(logits, torch.zeros(1, 1).long(), 0)
    wanted = process(logits[0], [0], settings, list(range(VOCAB)))
    kept = {int(i) for i in np.flatnonzero(np.array(wanted.probs) > 0)}
    found = set(drawn.alternatives[0][torch.isfinite(drawn.alternative_log_q[0])].tolist())
    assert found == kept & set(drawn.alternatives[0].tolist())
    assert int(drawn.ids[0]) in kept


@pytest.mark.parametrize("settings", [DecodeSettings(top_p=0.9), DecodeSettings(top_k=700, min_p=1e-3)])
def test_rows_that_few_candidates_do_not_settle_look_at_more_and_draw_the_same(settings, monkeypatch):
    """Rows from steep to flat: some are settled by 256 of 6,000 tokens, some by 4,096, some only by all."""
    logits = torch.cat([peaked_logits(2, seed, scale=scale, vocab=6000) for seed, scale in enumerate((8, 2.5, 0.05))])
    ids, keys = torch.zeros(6, 1).long(), row_keys(4, 0, 6)
    looked, whole = [], []
    candidates, everything = Sampler._cut, Sampler._warped
    monkeypatch.setattr(Sampler, "_cut", lambda self, *given: looked.append(given[-1]) or candidates(self, *given))
    monkeypatch.setattr(
        Sampler, "_warped", lambda self, *given: whole.append(len(given[0].logits)) or everything(self, *given)
    )
    drawn = Sampler(settings, keys).draw(logits, ids, 3)
    assert looked == [count for count in CANDIDATES if count > settings.top_k]
    assert whole == ([2] if settings.top_p < 1 else [])
    slow = Sampler(settings, keys)
    slow._sorts = False
    wanted = slow.draw(logits, ids, 3)
    assert torch.equal(drawn.ids, wanted.ids)
    assert torch.equal(drawn.ranks, wanted.ranks)
    assert torch.equal(drawn.alternative_cut_by, wanted.alternative_cut_by)
    np.testing.assert_allclose(drawn.log_q, wanted.log_q, atol=2e-5)
    np.testing.assert_allclose(drawn.margins, wanted.margins, atol=1e-4)
