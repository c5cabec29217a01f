"""Settings compared and continuations followed without drawing: by hand, and against plain transformers."""

import dataclasses
import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.distance import jensenshannon

from dashboard.engine.api.decoding import DecodeSettings
from dashboard.engine.api.generation import CompareRequest, TreeRequest
from dashboard.engine.api.model import CallControl, RunRequest
from dashboard.engine.generation.settings_comparison import compare
from dashboard.engine.local import LocalEngine
from dashboard.engine.prediction.decoding import process
from dashboard.errors import Cancelled, GenerationTooLong
from tests.engine.generation.test_batch import DeviceTaken, plain  # noqa: F401 - a fixture
from tests.engine.test_local import MODEL, key_of
from tests.made.samples import RUN

WAYS = (
    DecodeSettings(),
    DecodeSettings(top_k=7),
    DecodeSettings(temperature=0.7, top_p=0.8),
    DecodeSettings(do_sample=False),
    DecodeSettings(repetition_penalty=1.4, typical_p=0.6),
)


def by_hand(*settings):
    logits = torch.log(torch.tensor([0.5, 0.3, 0.2]))
    return compare(lambda _: logits, [0, 1], CompareRequest(RUN, settings, (0, 2)), CallControl())


def test_a_nucleus_of_three_tokens_by_hand():
    found = by_hand(DecodeSettings(), DecodeSettings(top_p=0.7))
    np.testing.assert_array_equal(found.kept, [[3, 3], [2, 2]])
    np.testing.assert_allclose(found.kept_mass[:, 0], [1, 0.8], atol=1e-6)
    np.testing.assert_allclose(found.own_entropy_nats[0], -sum(p * math.log(p) for p in (0.5, 0.3, 0.2)), atol=1e-6)
    np.testing.assert_allclose(found.entropy_nats[1, 0], -sum(p * math.log(p) for p in (0.625, 0.375)), atol=1e-6)
    # ½ (|.5 - .625| + |.3 - .375| + .2)
    np.testing.assert_allclose(found.total_variation[0, 1], 0.2, atol=1e-6)
    np.testing.assert_array_equal(found.total_variation[0, 1], found.total_variation[1, 0])


def test_equal_settings_have_no_distance_and_disjoint_ones_the_largest():
    found = by_hand(
        DecodeSettings(do_sample=False), DecodeSettings(do_sample=False), DecodeSettings(no_repeat_ngram_size=1)
    )
    assert found.total_variation[0, 1, 0] == 0
    assert found.js_nats[0, 1, 0] == 0
    assert found.total_variation[0, 2, 0] == pytest.approx(1)
    assert found.js_nats[0, 2, 0] == pytest.approx(math.log(2))


def test_every_number_equals_transformers_processors_and_scipy(tiny_engine, plain):  # noqa: F811
    key = key_of(tiny_engine)
    count = len(key.token_ids)
    found = tiny_engine.answer(CompareRequest(key, WAYS, (2, count)))
    with torch.inference_mode():
        logits = plain(torch.tensor([key.token_ids])).logits[0].float()
    for place, pos in enumerate(range(2, count)):
        every = list(range(logits.shape[1]))
        left = [process(logits[pos], key.token_ids[: pos + 1], way, every) for way in WAYS]
        np.testing.assert_array_equal(found.kept[:, place], [one.kept for one in left])
        np.testing.assert_allclose(found.kept_mass[:, place], [one.kept_mass for one in left], atol=1e-5)
        np.testing.assert_allclose(found.entropy_nats[:, place], [one.entropy_after_nats for one in left], atol=1e-4)
        for i, j in itertools.combinations(range(len(WAYS)), 2):
            a, b = (left[k].probs.astype(float) for k in (i, j))
            assert found.total_variation[i, j, place] == pytest.approx(np.abs(a - b).sum() / 2, abs=1e-5)
            assert found.js_nats[i, j, place] == pytest.approx(jensenshannon(a, b) ** 2, abs=1e-5)


def test_a_comparison_is_kept_with_the_run_and_can_be_stopped(tiny_engine):
    key = key_of(tiny_engine)
    request = CompareRequest(key, WAYS, (0, 5))
    tiny_engine.answer(RunRequest(key))
    control = CallControl()
    control.cancel.set()
    with pytest.raises(Cancelled):
        tiny_engine.answer(request, control)
    made = tiny_engine.answer(request)
    assert tiny_engine.answer(request) is made
    assert not made.kept.flags.writeable


# -- the probability tree ------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def every_way(tiny_settings, plain):  # noqa: F811
    """Exact probabilities of all continuations of two tokens, by plain passes."""
    from dashboard.engine.local import LocalEngine

    engine = LocalEngine(tiny_settings)
    key = key_of(engine)
    with torch.inference_mode():
        first = torch.softmax(plain(torch.tensor([key.token_ids])).logits[0, -1].double(), -1)
        vocab = len(first)
        ids = torch.cat([torch.tensor([key.token_ids]).expand(vocab, -1), torch.arange(vocab)[:, None]], 1)
        second = torch.softmax(plain(ids).logits[:, -1].double(), -1)
    return engine, key, first.numpy(), (first[:, None] * second).numpy()


def ways_of(tree):
    found = []
    for parent, token in zip(tree.parents.tolist(), tree.ids.tolist(), strict=True):
        found.append((*(found[parent] if parent >= 0 else ()), token))
    return found


def test_the_likeliest_continuations_are_found_with_their_probabilities(every_way):
    engine, key, first, second = every_way
    found = engine.answer(TreeRequest(key, depth=2, mass=1.0, nodes=120))
    assert len(found.ids) == 120
    with engine._leased(key.version.model) as ready:
        ending = ready.generator.ending
    for way, prob in zip(ways_of(found), found.probs, strict=True):
        expected = first[way[0]] if len(way) == 1 else second[way]
        assert prob == pytest.approx(expected, rel=1e-3)
    # best first: nothing that was left out is likelier than what is shown
    shown = {way for way in ways_of(found) if len(way) == 2}
    rest = [second[way] for way in np.ndindex(second.shape) if way not in shown and way[0] not in ending]
    assert max(rest) <= found.probs.min() * (1 + 1e-3)
    done = sum(p for p, state in zip(found.probs, found.states, strict=True) if state in {"depth", "end"})
    assert found.finished_mass == pytest.approx(done, rel=1e-4)


def test_a_tree_ends_when_finished_ways_hold_the_mass(every_way):
    engine, key, first, _ = every_way
    found = engine.answer(TreeRequest(key, depth=1, mass=0.3, nodes=399))
    assert found.finished_mass >= 0.3
    assert found.finished_mass - found.probs[-1] < 0.3
    np.testing.assert_allclose(found.probs, np.sort(first)[::-1][: len(found.ids)], rtol=1e-4)
    assert found.unseen_mass == pytest.approx(max(0, 1 - np.sort(first)[::-1][:399].sum()), abs=1e-5)


def test_a_tree_of_settings_has_what_they_leave(every_way):
    engine, key, first, _ = every_way
    found = engine.answer(TreeRequest(key, DecodeSettings(top_k=4), depth=1, mass=1.0, nodes=50))
    top = np.sort(first)[::-1][:4]
    np.testing.assert_allclose(found.probs, top / top.sum(), rtol=1e-4)
    assert found.finished_mass == pytest.approx(1)


def test_a_tree_can_be_stopped(every_way):
    engine, key, _, _ = every_way
    control = CallControl()
    control.cancel.set()
    with pytest.raises(Cancelled):
        engine.answer(TreeRequest(key, depth=4, nodes=300), control)


def test_a_tree_that_others_interrupt_is_right_as_far_as_it_goes_and_is_not_kept(tiny_settings):
    engine = LocalEngine(dataclasses.replace(tiny_settings, busy_seconds=0.2))
    key = key_of(engine)
    request = TreeRequest(key, depth=3, mass=1.0, nodes=60)
    others = DeviceTaken(engine)
    looks = itertools.count(1)
    control = CallControl(progress=lambda _: others.take() if next(looks) == 3 else None)
    try:
        part = engine.answer(request, control)
    finally:
        others.leave()
    assert part.unfinished == "busy"
    assert 0 < len(part.ids) < 60
    whole = engine.answer(request)
    assert whole.unfinished == ""
    np.testing.assert_array_equal(part.ids, whole.ids[: len(part.ids)])
    np.testing.assert_allclose(part.probs, whole.probs[: len(part.ids)], rtol=1e-4)


def test_a_tree_beyond_what_the_model_reads_is_refused_in_words(tiny_engine):
    context = tiny_engine.describe(MODEL).context
    key = key_of(tiny_engine, "a" * 8)
    whole = replace(key, token_ids=(key.token_ids * context)[:context])
    assert len(tiny_engine.answer(TreeRequest(whole, depth=1, nodes=5)).ids) == 5
    with pytest.raises(GenerationTooLong):
        tiny_engine.answer(TreeRequest(whole, depth=2, nodes=5))
