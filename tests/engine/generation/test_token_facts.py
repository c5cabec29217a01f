"""Facts of tokens: by definition; nothing of q where nothing was drawn."""

import pytest
import torch

from dashboard.engine.generation.token_facts import SampledTokens, concatenated, log_total, rows_of, token_facts


def random_logits(rows, vocab=60):
    return 4 * torch.randn(rows, vocab, generator=torch.Generator().manual_seed(8))


def test_tokens_that_were_not_drawn_one_by_one_have_no_q():
    logits = random_logits(2)
    found = token_facts(logits, torch.tensor([4, 5]))
    assert torch.isnan(found.log_q).all()
    assert torch.isnan(found.alternative_log_q).all()
    assert float(found.log_p[1]) == pytest.approx(float(torch.log_softmax(logits[1], -1)[5]), abs=1e-5)


def test_p_rank_and_alternatives_are_those_of_the_logits():
    logits = random_logits(3)
    ids = torch.tensor([4, 5, 59])
    facts, log_p = token_facts(logits, ids), logits.double().log_softmax(-1)
    torch.testing.assert_close(facts.log_p.double(), log_p[range(3), ids], atol=1e-5, rtol=0)
    assert facts.ranks.tolist() == [1 + int((logits[i] > logits[i, token]).sum()) for i, token in enumerate(ids)]
    assert facts.alternatives.tolist() == logits.argsort(-1, descending=True)[:, :10].tolist()
    expected = log_p.gather(-1, facts.alternatives)
    torch.testing.assert_close(facts.alternative_log_p.double(), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("temperature", [1.0, 0.3, 2.5])
def test_a_total_is_that_of_the_scaled_logits_and_its_buffer_is_overwritten(temperature):
    logits = random_logits(3)
    before, buffer = logits.clone(), torch.empty_like(logits)
    expected = (logits.double() / temperature).logsumexp(-1, keepdim=True)
    torch.testing.assert_close(log_total(logits, buffer, temperature).double(), expected, atol=1e-5, rtol=0)
    assert torch.equal(logits, before)


def test_rows_are_taken_and_put_together_again_of_every_tensor():
    facts = token_facts(random_logits(5), torch.arange(5))
    again = concatenated([rows_of(facts, torch.tensor([0, 1])), rows_of(facts, torch.tensor([2, 3, 4]))])
    assert isinstance(again, SampledTokens)
    for name, tensor in vars(facts).items():
        torch.testing.assert_close(getattr(again, name), tensor, rtol=0, atol=0, equal_nan=True)
