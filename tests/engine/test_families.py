"""The contract: for every family that the engine claims, built tiny and random, captured = eager."""

import threading

import pytest
import torch

from dashboard.engine.api.model import CallControl
from dashboard.engine.capture.capture_choice import pick_capturer
from dashboard.engine.capture.replay import LastMap
from dashboard.errors import Cancelled
from tests.made.families import FAMILIES, REPLAYED, SINKS, WITHOUT_ATTENTION, build

T = 70
IDS = tuple(3 + (i * 37) % 290 for i in range(T))
OTHER = tuple(3 + (i * 11) % 290 for i in range(T))


@pytest.fixture(scope="module", params=FAMILIES, ids=FAMILIES.keys())
def family(request):
    """(name, capturer, eager weights by shown layer, eager logits)"""
    model = FAMILIES[request.param]()
    with torch.inference_mode():
        eager = model(torch.tensor([IDS]), output_attentions=True, use_cache=False)
    weights = [layer[0] for layer in eager.attentions if layer is not None]
    return request.param, pick_capturer(model), weights, eager.logits[0]


def shown(recording):
    return [layer for layer in recording.layers if layer is not None]


def test_weights_equal_eager_attention(family):
    _, capturer, weights, _ = family
    _, recording = capturer.forward(IDS, CallControl())
    assert len(shown(recording)) == len(weights) > 0
    for layer, expected in zip(shown(recording), weights, strict=True):
        assert (layer.heads, layer.tokens) == (expected.shape[0], T)
        assert (layer.weights(None, (0, T)) - expected).abs().max() < 1e-5


def test_any_heads_and_rows_equal_the_same_part_of_the_whole(family):
    _, capturer, weights, _ = family
    _, recording = capturer.forward(IDS, CallControl())
    for layer, expected in zip(shown(recording), weights, strict=True):
        for heads, rows in (([5, 1], (0, 1)), ([7], (16, 48)), ([0, 1, 2], (69, 70))):
            part = layer.weights(heads, rows)
            assert part.shape == (len(heads), rows[1] - rows[0], T)
            assert (part - expected[heads, rows[0] : rows[1]]).abs().max() < 1e-5


def test_rows_are_causal_and_sum_to_one_or_less_with_a_sink(family):
    name, capturer, _, _ = family
    _, recording = capturer.forward(IDS, CallControl())
    for layer in shown(recording):
        weights = layer.weights(None, (0, T))
        assert torch.triu(weights, 1).abs().max() == 0
        sums = weights.sum(-1)
        assert sums.max() < 1 + 1e-5
        assert (sums.min() < 0.99) if name in SINKS else (sums.min() > 1 - 1e-5)


def test_capturing_leaves_the_logits_as_they_are(family):
    _, capturer, _, logits = family
    output, _ = capturer.forward(IDS, CallControl())
    assert (output.logits[0, -1] - logits[-1]).abs().max() < 1e-5 * max(1.0, float(logits.abs().max()))


def test_capturing_gives_the_very_logits_of_the_same_kernel_without_capturing(family):
    _, capturer, _, _ = family
    output, _ = capturer.forward(IDS, CallControl())
    with torch.inference_mode():
        # of the same positions: a product of another shape may round otherwise
        last = {"logits_to_keep": 1} if output.logits.shape[1] == 1 else {}
        plain = capturer.model(torch.tensor([IDS]), use_cache=False, **last)
    assert torch.allclose(output.logits[0, -1], plain.logits[0, -1], rtol=0, atol=1e-6)


def test_layers_without_attention_are_named_with_the_reason(family):
    name, capturer, _, _ = family
    assert tuple(layer for layer, _ in capturer.without_attention) == WITHOUT_ATTENTION.get(name, ())
    assert all(reason == "linear_attention" for _, reason in capturer.without_attention)


def test_the_kernel_is_the_one_the_family_can_use(family):
    name, capturer, _, _ = family
    assert (capturer.kernel == "replay") == (name in REPLAYED)


def test_two_threads_with_different_prompts_do_not_mix(family):
    _, capturer, _, _ = family
    alone = {ids: shown(capturer.forward(ids, CallControl())[1])[-1].weights(None, (0, T)) for ids in (IDS, OTHER)}
    together = {}

    def work(ids):
        together[ids] = shown(capturer.forward(ids, CallControl())[1])[-1].weights(None, (0, T))

    threads = [threading.Thread(target=work, args=(ids,)) for ids in (IDS, OTHER)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for ids, expected in alone.items():
        assert torch.allclose(together[ids], expected, atol=1e-6)


def test_a_replayed_layer_at_the_address_of_a_dropped_one_gives_its_own_weights():
    class Again:
        def __init__(self, value):
            self.value = value

        def run_again(self):
            return torch.tensor(self.value)

    held = LastMap()
    address = 0
    for value in range(100):  # Python gives the address of the one before to the next
        layer = Again(value)
        reused = id(layer) == address
        assert held.of(layer) == value
        address = id(layer)
        del layer
    assert reused


def test_a_map_goes_with_its_layer():
    class Layer:
        def run_again(self):
            return torch.zeros(2, 3, 3)

    held, layer = LastMap(), Layer()
    held.of(layer)
    assert held._entry is not None
    del layer
    assert held._entry is None


def test_a_prompt_of_one_token_works(family):
    _, capturer, _, _ = family
    _, recording = capturer.forward(IDS[:1], CallControl())
    for layer in shown(recording):
        assert layer.weights(None, (0, 1)).shape == (8, 1, 1)


def test_cancel_stops_between_layers_and_leaves_the_model_usable(family):
    _, capturer, weights, _ = family
    done = []
    control = CallControl(progress=done.append)
    control = CallControl(
        cancel=control.cancel, progress=lambda share: (done.append(share), share >= 0.5 and control.cancel.set())
    )
    with pytest.raises(Cancelled):
        capturer.forward(IDS, control)
    assert done == [0.0, 0.25, 0.5]
    _, recording = capturer.forward(IDS, CallControl())
    assert (shown(recording)[-1].weights(None, (0, T)) - weights[-1]).abs().max() < 1e-5


def test_a_recording_keeps_query_and_key_and_nothing_that_grows_with_t_squared():
    capturer = pick_capturer(build("llama"))
    for tokens in (64, 256):
        _, recording = capturer.forward(tuple(3 + i % 290 for i in range(tokens)), CallControl())
        assert recording.nbytes == 4 * tokens * (8 + 2) * 8 * 4  # L T (H + H_kv) d_head bytes


def test_a_thread_that_does_not_capture_records_nothing():
    capturer = pick_capturer(build("llama"))
    with torch.inference_mode():
        capturer.model(torch.tensor([IDS]))
    _, recording = capturer.forward(IDS[:5], CallControl())
    assert all(layer.tokens == 5 for layer in recording.layers)


def test_a_formula_names_the_terms_of_the_family():
    assert pick_capturer(build("llama")).weight_formula == "softmax(q·k/√8)"
    assert "tanh" in pick_capturer(build("gemma2")).weight_formula
    assert "sink" in pick_capturer(build("gpt_oss")).weight_formula
