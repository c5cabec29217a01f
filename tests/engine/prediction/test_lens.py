"""The lens and direct logit attribution against plain transformers, for every family, and by hand."""

import contextlib
import math
from itertools import chain

import numpy as np
import pytest
import torch
from torch import nn

from dashboard.engine.api.lens import AttributionRequest, LensRequest
from dashboard.engine.api.model import CallControl
from dashboard.engine.capture import kernels
from dashboard.engine.capture.capture import record_head_values
from dashboard.engine.capture.capture_choice import pick_capturer
from dashboard.engine.capture.head import ResidualHook, exact_head
from dashboard.engine.capture.residual_stream import FinalModules, find_residual_stream
from dashboard.engine.models.anatomy import check_ids, decoder_blocks
from dashboard.engine.prediction import attribution as attributions
from dashboard.engine.prediction import lens as lenses
from dashboard.errors import Cancelled
from tests.made.families import FAMILIES, build
from tests.made.samples import RUN

IDS = tuple(3 + (i * 37) % 290 for i in range(20))
PARALLEL = {"gpt_neox", "phi", "cohere", "cohere-scaled", "cohere2", "falcon-alibi", "falcon-rope", "gptj", "codegen"}
NOT_ADDED = {"openai-gpt"}
"""Families that normalise the sum itself."""
MORE = {
    "granite-residual": lambda: build("granite", residual_multiplier=0.22, embedding_multiplier=12.0),
    "gemma2-capped": lambda: build("gemma2", final_logit_softcapping=5.0),
    "cohere-scaled": lambda: build("cohere", logit_scale=0.25),
    "gpt_neox-sequential": lambda: build("gpt_neox", use_parallel_residual=False),
    "opt-350m": lambda: build("opt", do_layer_norm_before=False, word_embed_proj_dim=32),
}
ALL = {**FAMILIES, **MORE}


class Opened:
    """A model made ready, and one pass over IDS."""

    def __init__(self, model):
        self.model = model
        self.capturer, hook = pick_capturer(model), ResidualHook(model)
        self.stream = find_residual_stream(
            model, decoder_blocks(model), check_ids(model, 6), exact_head(self.capturer, hook)
        )
        for addition in self.stream.attention_writes:
            addition.output_projection.register_forward_pre_hook(record_head_values)
        _, recording = self.capturer.forward(IDS, CallControl())
        self.residual = recording.stream
        self.values = self.capturer.head_values(IDS, CallControl())
        with torch.inference_mode():
            self.logits = model(torch.tensor([IDS]), use_cache=False).logits[0].float()
        self.scale = max(1.0, float(self.logits.abs().max()))

    def lens(self, request):
        with torch.inference_mode():
            rows = lenses.residuals(request, self.residual, self.values, self.stream.attention_writes)
            own = self.logits[request.positions[-1]]
            return lenses.lens(request, rows, self.stream.final_modules, own, CallControl()), rows

    def attribution(self, **request):
        request = AttributionRequest(RUN, **request)
        return attributions.attribution(request, self.stream, self.residual, self.values, self.capturer.heads)


def opened(name):
    return Opened(ALL[name]())


@pytest.mark.parametrize("family", ALL)
def test_every_row_of_the_lens_is_what_the_model_would_say_if_it_ended_there(family):
    one = opened(family)
    found, rows = one.lens(LensRequest(RUN, tuple(range(len(IDS)))))
    assert found.error < 1e-4 * one.scale
    shorter_model = ALL[family]()
    blocks = decoder_blocks(shorter_model)
    kept = next(m for m in shorter_model.modules() if isinstance(m, nn.ModuleList) and list(m) == blocks)
    for layer in reversed(range(len(blocks))):
        del kept[layer + 1 :]
        shorter_model.config.get_text_config().num_hidden_layers = layer + 1
        with torch.inference_mode():
            shorter = shorter_model(torch.tensor([IDS]), use_cache=False).logits[0].float()
            own = one.stream.final_modules.logits(rows[layer + 1])
        assert (own - shorter).abs().max() < 1e-4 * one.scale
        p = torch.softmax(shorter.double(), -1)
        np.testing.assert_allclose(found.top_probs[layer + 1, :, 0], p.max(-1).values, atol=1e-4)
        np.testing.assert_allclose(found.entropy_nats[layer + 1], -(p * p.log()).sum(-1), atol=1e-3)


@pytest.mark.parametrize("family", ALL)
def test_the_parts_of_a_logit_sum_to_it_and_the_heads_to_their_layer(family):
    one = opened(family)
    where = one.stream.module_map
    if family in NOT_ADDED | {"opt-350m"}:
        assert where.why_no_attribution == where.why_no_half_steps == "not_added"
        return
    assert where.why_no_half_steps == ("parallel" if family in PARALLEL else "")
    for pos, chosen in ((len(IDS) - 1, 7), (5, 250)):
        found = one.attribution(pos=pos, token=chosen)
        logit = float(one.logits[pos, chosen])
        capped = where.softcap * math.tanh(found.logit / where.softcap) if where.softcap else found.logit
        assert capped == pytest.approx(logit, abs=1e-4 * one.scale)
        assert abs(found.error) < 1e-3
        total = found.embedding + found.attention.sum() + found.mlp.sum() + found.constant
        assert total == pytest.approx(found.logit, abs=1e-3)
        np.testing.assert_allclose(np.nansum(found.heads, -1) + found.heads_rest, found.attention, atol=1e-3)


def test_a_norm_after_attention_belongs_to_what_attention_adds():
    assert opened("gemma2").stream.module_map.after_projection[0] == ("post_attention_layernorm",)
    assert opened("llama").stream.module_map.after_projection[0] == ()


def test_a_scaled_residual_is_found():
    assert set(opened("granite-residual").stream.module_map.scale) == {0.22}


@pytest.mark.parametrize(("family", "norm"), [("llama", "post_attention_layernorm"), ("gpt2", "ln_2")])
def test_a_half_step_is_what_the_mlps_norm_is_given(family, norm):
    one = opened(family)
    _, rows = one.lens(LensRequest(RUN, (3, 19), half_steps=True))
    given = []
    for block in decoder_blocks(one.model):
        getattr(block, norm).register_forward_pre_hook(lambda _m, args: given.append(args[0][0]))
    with torch.inference_mode():
        one.model(torch.tensor([IDS]), use_cache=False)
    for row, middle in zip(rows[1::2], given, strict=True):
        assert (row - middle[[3, 19]]).abs().max() < 1e-4


def test_what_a_head_moves_is_its_weights_times_its_values_through_projection_norm_and_head():
    one = opened("llama")
    layer, pos, chosen, kv = 2, 17, 40, 4
    block, final = one.model.model.layers[layer], one.model.model.norm
    with torch.inference_mode():
        value = block.self_attn.v_proj(block.input_layernorm(one.residual[layer])).view(len(IDS), 2, -1)
        weights = one.capturer.forward(IDS, CallControl())[1].layers[layer].weights(None, (0, len(IDS)))
        end = one.residual[-1][pos]
        direction = (
            one.model.lm_head.weight[chosen] * final.weight / (end.pow(2).mean() + final.variance_epsilon).sqrt()
        )
        expected = []
        for head in range(8):
            mixed = weights[head, pos] @ value[:, head // kv]
            expected.append(float(block.self_attn.o_proj.weight[:, head * 8 : head * 8 + 8] @ mixed @ direction))
    found = one.attribution(pos=pos, token=chosen)
    np.testing.assert_allclose(found.heads[layer], expected, atol=1e-4)


# -- by hand ------------------------------------------------------------------------------------------------------
class Given:
    """A head that gives the residual itself: logits by hand."""

    def logits(self, residual):
        return residual.clone()


def by_hand(rows, **request):
    rows = [torch.tensor(row).log() for row in rows]
    asked = LensRequest(RUN, tuple(range(len(rows[0]))), **request)
    return lenses.lens(asked, rows, FinalModules((), Given()), rows[-1][-1], CallControl())


def test_a_vocabulary_of_four_by_hand():
    final, middle = [0.5, 0.25, 0.125, 0.125], [0.25, 0.25, 0.25, 0.25]
    found = by_hand([[middle], [[0.125, 0.5, 0.25, 0.125]], [final]], pins=(2,))
    assert found.top_ids[2, 0, :4].tolist()[:2] == [0, 1]
    np.testing.assert_allclose(found.top_probs[2, 0, :4], final)
    np.testing.assert_allclose(
        found.entropy_nats[:, 0], [math.log(4), 1.75 * math.log(2), 1.75 * math.log(2)], rtol=1e-6
    )
    # Σ p_f ln(p_f / p): against 1/4 each it is ln 4 - H(p_f); against the second, .5 ln 4 - .25 ln 2 - .125 ln 2
    np.testing.assert_allclose(found.kl_nats[:, 0], [0.25 * math.log(2), 0.625 * math.log(2), 0], atol=1e-6)
    np.testing.assert_allclose(found.pin_probs[0, :, 0], [0.25, 0.25, 0.125])
    assert found.pin_ranks[0, :, 0].tolist() == [1, 2, 3]
    assert found.steps == ((-1, "embedding"), (0, "output"), (1, "output"))
    assert found.error == 0


def test_settled_at_is_the_first_layer_from_which_the_final_token_stays_on_top():
    a, b = [0.7, 0.1, 0.1, 0.1], [0.1, 0.7, 0.1, 0.1]
    found = by_hand([[a, a, b], [b, a, b], [a, a, b], [a, a, a]])
    assert found.settled.tolist() == [2, 0, 3]


def test_half_steps_do_not_count_for_settling():
    a, b = [0.7, 0.1, 0.1, 0.1], [0.1, 0.7, 0.1, 0.1]
    found = by_hand([[b], [b], [a], [b], [a]], half_steps=True)
    assert found.steps[3] == (1, "attention")
    assert found.settled.tolist() == [2]


@pytest.mark.parametrize("vocab", [3, 300, 2570, 50_257])
def test_the_largest_are_those_of_topk(vocab):
    torch.manual_seed(vocab)
    scores = torch.randn(7, vocab)
    scores[0, vocab // 2 :] = -torch.inf
    scores[1, -3:] += 10
    found = lenses.largest(scores, 5)
    expected = scores.topk(min(5, vocab), -1)
    assert torch.equal(scores.gather(-1, found), expected.values)


def test_the_lens_stops_when_cancelled():
    control = CallControl()
    control.cancel.set()
    with pytest.raises(Cancelled):
        lenses.lens(LensRequest(RUN, (0,)), [torch.zeros(1, 4)], FinalModules((), Given()), torch.zeros(4), control)


def test_the_heads_values_keep_no_kernel_inputs_and_no_stream(monkeypatch):
    """They would stay alive until the pass ends: 1.3 GB at 8,192 tokens of the bundled model, in no estimate."""
    records = []
    recording = kernels.recording

    @contextlib.contextmanager
    def watched(control, **options):
        with recording(control, **options) as record:
            records.append(record)
            yield record

    one = opened("llama")
    monkeypatch.setattr(kernels, "recording", watched)
    values = one.capturer.head_values(IDS, CallControl())
    assert [torch.equal(now, before) for now, before in zip(values, one.values, strict=True)] == [True] * len(values)
    assert [(list(chain(*record.inputs.values())), record.stream) for record in records] == [([], [])]
