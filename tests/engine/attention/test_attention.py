"""Tiles, metrics and maps of the engine against plain loops over the full maps of plain transformers."""

import numpy as np
import pytest
import torch

from dashboard.engine.api.attention import METRICS, CombineRequest, HeadRequest, RolloutRequest
from dashboard.engine.api.model import CallControl
from dashboard.engine.attention import tiles, weight_maps
from dashboard.engine.capture.capture_choice import pick_capturer
from dashboard.errors import Cancelled, LayerHasFewerHeads, LayerHasNoAttention
from dashboard.frames.attention import metric_frame
from tests.made import plain
from tests.made.families import build
from tests.made.samples import RUN

LENGTHS = (1, 2, 63, 64, 65, 130, 300)


class Given:
    """A layer of known weights."""

    def __init__(self, weights):
        self.maps = torch.as_tensor(np.asarray(weights, dtype=np.float32))
        self.heads, self.tokens = self.maps.shape[:2]

    device = torch.device("cpu")

    def weights(self, chosen, rows, keys=None):
        part = self.maps if chosen is None else self.maps[list(chosen)]
        return part[:, rows[0] : rows[1], :keys].clone()

    def storages(self):
        return {}


def captured(family: str, tokens: int, seed: int = 0):
    """(layers, ids, (layer, head, T, T) eager maps) of a random prompt with repeated tokens."""
    model = build(family)
    ids = [int(i) for i in np.random.default_rng(seed).integers(3, 60, tokens)]
    with torch.inference_mode():
        given = model(torch.tensor([ids]), output_attentions=True, use_cache=False).attentions
    maps = np.stack([layer[0].numpy() for layer in given if layer is not None])
    capturer = pick_capturer(model)
    return capturer.forward(tuple(ids), CallControl())[1].layers, ids, maps, dict(capturer.without_attention)


# token ids 7 8 7: position 2 repeats position 0
THREE = [[[1, 0, 0], [0.25, 0.75, 0], [0.5, 0.3, 0.2]]]
BY_HAND = {
    "entropy_nats": (0.5623351446 + 1.0296530140) / 2,
    "first_token": (0.25 + 0.5) / 2,
    "previous_token": (0.25 + 0.3) / 2,
    "self": (0.75 + 0.2) / 2,
    "duplicate_token": 0.5,
    "induction": 0.3,
    "distance_tokens": (0.25 + (0.5 * 2 + 0.3)) / 2,
}


@pytest.mark.parametrize(("name", "expected"), BY_HAND.items())
def test_a_metric_of_three_tokens_is_what_one_computes_by_hand(name, expected):
    found = tiles.sweep([Given(THREE)], (7, 8, 7), 1, CallControl())
    assert found.metrics[name][0, 0] == pytest.approx(expected, abs=1e-6)


def test_the_token_before_its_repetition_is_no_induction():
    found = tiles.sweep([Given([[[1, 0], [0.4, 0.6]]])], (7, 7), 1, CallControl())
    assert found.metrics["induction"][0, 0] == 0
    assert found.metrics["duplicate_token"][0, 0] == pytest.approx(0.4)


def test_scores_of_repeated_tokens_do_not_exist_where_no_token_repeats():
    found = tiles.sweep([Given(THREE)], (7, 8, 9), 1, CallControl())
    assert np.isnan(found.metrics["induction"][0, 0])
    assert np.isnan(found.metrics["duplicate_token"][0, 0])
    assert not np.isnan(found.metrics["self"][0, 0])


@pytest.mark.parametrize("tokens", LENGTHS)
@pytest.mark.parametrize("family", ["llama", "mistral", "gpt_oss", "bloom"])
def test_tiles_and_metrics_equal_those_of_the_full_map(family, tokens):
    layers, ids, maps, _ = captured(family, tokens)
    found = tiles.sweep(layers, ids, 8, CallControl())
    assert found.block == -(-tokens // 64)
    for layer in range(4):
        for head in (0, 3, 7):
            expected = plain.pooled(maps[layer, head], found.block)
            assert np.abs(found.tiles[layer, head] / 255 - expected).max() <= 0.5 / 255 + 1e-5
            hidden = maps[layer, head].copy()
            hidden[:, 0] = 0
            first = plain.pooled(hidden, found.block)[:, 0]
            assert np.abs(found.tiles_without_first[layer, head] / 255 - first).max() <= 0.5 / 255 + 1e-5
            for name, value in plain.metrics(maps[layer, head], ids).items():
                assert found.metrics[name][layer, head] == pytest.approx(value, abs=2e-5, nan_ok=True), name
    assert found.row_sum_error == pytest.approx(np.abs(maps.sum(-1) - 1).max(), abs=1e-5)


def test_a_layer_without_attention_has_empty_tiles_and_no_metrics():
    layers, ids, _, reasons = captured("qwen3_next", 20)
    found = tiles.sweep(layers, ids, 8, CallControl())
    assert found.tiles[0].max() == 0
    assert all(np.isnan(found.metrics[name][0]).all() for name in METRICS)
    with pytest.raises(LayerHasNoAttention) as error:
        weight_maps.weight_map(layers, HeadRequest(RUN, 1, 0), reasons, CallControl())
    assert error.value.facts == {"layer": 1, "reason": "linear_attention"}


@pytest.mark.parametrize("tokens", LENGTHS)
@pytest.mark.parametrize(
    ("rows", "cols", "side"), [(None, None, 512), (None, None, 32), ((0, 1), None, 512), ((5, 40), (3, 20), 8)]
)
def test_a_head_map_is_the_eager_map_whole_in_part_or_pooled(tokens, rows, cols, side):
    if rows and rows[1] > tokens:
        rows, cols = (0, tokens), (0, tokens)
    layers, _, maps, reasons = captured("llama", tokens)
    found = weight_maps.weight_map(layers, HeadRequest(RUN, 2, 5, rows, cols, side), reasons, CallControl())
    rows, cols = rows or (0, tokens), cols or (0, tokens)
    expected = plain.pooled(plain.causal(maps[2, 5])[rows[0] : rows[1], cols[0] : cols[1]], found.block)
    assert found.weights.shape == expected.shape
    assert max(found.weights.shape) <= side
    np.testing.assert_allclose(found.weights, expected, atol=1e-5)
    assert found.row_sum_error < 1e-5


def test_mean_and_max_over_heads_are_those_of_the_full_maps():
    layers, _, maps, reasons = captured("llama", 90)
    pairs = ((0, 1), (0, 5), (3, 2))
    stack = np.stack([maps[pair] for pair in pairs])
    for how, expected in (("mean", stack.mean(0)), ("max", stack.max(0))):
        found = weight_maps.weight_map(layers, CombineRequest(RUN, pairs, how), reasons, CallControl())
        np.testing.assert_allclose(found.weights, plain.causal(expected), atol=1e-5)


@pytest.mark.parametrize("rows", [None, (40, 60), (89, 90)])
def test_rollout_is_the_product_of_the_mixed_maps(rows):
    layers, _, maps, reasons = captured("llama", 90)
    found = weight_maps.weight_map(layers, RolloutRequest(RUN, rows), reasons, CallControl())
    start, stop = rows or (0, 90)
    np.testing.assert_allclose(found.weights, plain.causal(plain.rollout(maps))[start:stop], atol=1e-5)
    assert found.row_sum_error < 1e-5


def test_rollout_of_a_model_with_sinks_renormalises_its_rows():
    layers, _, maps, reasons = captured("gpt_oss", 40)
    found = weight_maps.weight_map(layers, RolloutRequest(RUN), reasons, CallControl())
    np.testing.assert_allclose(found.weights, plain.causal(plain.rollout(maps)), atol=1e-5)


def test_one_querys_rows_are_those_of_the_full_map():
    layers, _, maps, reasons = captured("llama", 300)
    np.testing.assert_allclose(
        weight_maps.query_rows(layers, reasons, 123, 8).weights, maps[:, :, 123, :124], atol=1e-5
    )


def test_a_sweep_and_a_map_stop_when_cancelled():
    layers, ids, _, reasons = captured("llama", 20)
    control = CallControl()
    control.cancel.set()
    with pytest.raises(Cancelled):
        tiles.sweep(layers, ids, 8, control)
    with pytest.raises(Cancelled):
        weight_maps.weight_map(layers, RolloutRequest(RUN), reasons, control)


def test_what_is_given_out_cannot_be_changed():
    layers, ids, _, reasons = captured("llama", 20)
    found = weight_maps.weight_map(layers, HeadRequest(RUN, 0, 0), reasons, CallControl())
    with pytest.raises(ValueError, match="read-only"):
        found.weights[0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        tiles.sweep(layers, ids, 8, CallControl()).tiles[0, 0, 0, 0] = 1


ONE, TWO = THREE, [THREE[0], [[1, 0, 0], [0.5, 0.5, 0], [0.2, 0.2, 0.6]]]


def test_where_layers_differ_in_heads_what_one_lacks_is_empty_and_has_no_row():
    layers = [Given(ONE), None, Given(TWO)]
    found = tiles.sweep(layers, (7, 8, 7), 2, CallControl())
    alone = [tiles.sweep([layers[i]], (7, 8, 7), count, CallControl()) for i, count in ((0, 1), (2, 2))]
    for name in METRICS:
        assert np.isnan(found.metrics[name][0, 1]) and np.isnan(found.metrics[name][1]).all()
        np.testing.assert_array_equal(found.metrics[name][0, :1], alone[0].metrics[name][0])
        np.testing.assert_array_equal(found.metrics[name][2], alone[1].metrics[name][0])
    assert found.tiles[0, 1].max() == 0 and found.lacking == {(0, 1)}
    assert list(zip(*(metric_frame(found)[name] for name in ("layer", "head")), strict=True)) == [
        (0, 0),
        (1, 0),
        (1, 1),
        (2, 0),
        (2, 1),
    ]
    rows = weight_maps.query_rows(layers, {}, 2, 2).weights
    assert np.isnan(rows[0, 1]).all() and np.isnan(rows[1]).all()
    np.testing.assert_allclose(rows[2, 1], TWO[1][2])


@pytest.mark.parametrize("request_", [HeadRequest(RUN, 0, 1), CombineRequest(RUN, ((2, 0), (0, 1)), "mean")])
def test_a_head_that_a_layer_lacks_is_refused_in_words_and_one_that_none_has_is_our_mistake(request_):
    layers = [Given(ONE), None, Given(TWO)]
    with pytest.raises(LayerHasFewerHeads) as error:
        weight_maps.weight_map(layers, request_, {}, CallControl())
    assert error.value.facts == {"layer": 0, "head": 1, "heads": 1}
    with pytest.raises(IndexError):
        weight_maps.weight_map(layers, HeadRequest(RUN, 0, 2), {}, CallControl())


@pytest.mark.parametrize(
    "request_", [HeadRequest(RUN, 0, 0), CombineRequest(RUN, ((0, 0),), "max"), RolloutRequest(RUN)]
)
def test_of_a_model_without_any_map_every_map_is_refused_with_the_reason(request_):
    layers, reasons = [None, None], {0: "linear_attention", 1: "linear_attention"}
    asked = [
        lambda: weight_maps.weight_map(layers, request_, reasons, CallControl()),
        lambda: weight_maps.query_rows(layers, reasons, 0, 4),
    ]
    for ask in asked:
        with pytest.raises(LayerHasNoAttention) as error:
            ask()
        assert error.value.facts == {"layer": 0, "reason": "linear_attention"}
    assert np.isnan(tiles.sweep(layers, (7, 8), 4, CallControl()).metrics["self"]).all()
