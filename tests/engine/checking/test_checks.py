"""Answers compared with plain transformers: right ones are within every bound, any wrong number is found."""

import dataclasses
import threading
from types import SimpleNamespace

import numpy as np
import pytest

from dashboard.engine.api.attention import CombineRequest, HeadRequest, RolloutRequest, TilesRequest
from dashboard.engine.api.decoding import DecodeSettings
from dashboard.engine.api.generation import FLOAT_NOISE, Column, CompareRequest, GenerateRequest, TreeRequest
from dashboard.engine.api.lens import AttributionRequest, LensRequest
from dashboard.engine.api.model import CallControl, RunRequest
from dashboard.engine.api.prediction import CandidatesRequest, PositionTableRequest
from dashboard.engine.api.scoring import ScoreRequest
from dashboard.engine.api.verification import CheckRequest, VerifyRequest
from dashboard.engine.checking import attention
from dashboard.engine.checking.checks import CHECKS, passes
from dashboard.engine.checking.plain_model import PlainModel
from dashboard.engine.local import LocalEngine
from dashboard.errors import Cancelled, RunTooLarge, ScoresTooLarge
from tests.engine.test_conformance import asked
from tests.made import plain
from tests.made.families import build
from tests.made.requests import request_types
from tests.made.tiny_model import save_tiny_model

MODEL = "local/tiny"
DRAWN = DecodeSettings(temperature=0.8, top_k=30, top_p=0.9, repetition_penalty=1.2)
COLUMNS = (
    Column(DecodeSettings(do_sample=False), max_new_tokens=5),
    Column(DRAWN, num_return_sequences=2, max_new_tokens=5, seed=3),
    Column(DecodeSettings(do_sample=False), num_beams=3, num_return_sequences=2, max_new_tokens=4),
)


@pytest.fixture
def run(tiny_engine):
    card = tiny_engine.describe(MODEL)
    return card.run_key(tiny_engine.tokenizer(MODEL).read("zebra lamp river zebra lamp zebra", chat=False))


def more(run):
    """Requests with what those of the conformance tests lack."""
    return (
        HeadRequest(run, 1, 2, side=2),
        CombineRequest(run, ((0, 1), (2, 1)), "max"),
        RolloutRequest(run),
        LensRequest(run, (1, 3), half_steps=True),
        GenerateRequest(run, COLUMNS, first_row=0),
        GenerateRequest(run, COLUMNS[1:2], forced=(5,), first_row=7),
        TreeRequest(run, settings=DRAWN, depth=3, nodes=20),
        TreeRequest(run, settings=DecodeSettings(do_sample=False), depth=2, nodes=5),
        CompareRequest(run, (DecodeSettings(), DRAWN), (0, 3)),
    )


def test_every_type_of_request_that_has_numbers_is_checked():
    assert set(CHECKS) == set(request_types()) - {RunRequest, VerifyRequest, CheckRequest}


def test_right_answers_of_every_type_are_within_their_bounds(tiny_engine, run):
    requests = tuple(each for each in (*asked(tiny_engine, MODEL), *more(run)) if type(each) in CHECKS)
    assert {type(each) for each in requests} == set(CHECKS)
    for request in requests:
        checked = tiny_engine.answer(CheckRequest((request,)))
        assert checked.rows, request
        assert checked.ok, (request, checked.rows)
        assert all(row.numbers > 0 for row in checked.rows)


def test_a_comparison_of_no_numbers_is_none(tiny_engine):
    """Nothing follows the only token of a prompt."""
    run = tiny_engine.describe(MODEL).run_key(tiny_engine.tokenizer(MODEL).read("a", chat=False))
    assert len(run.token_ids) == 1
    checked = tiny_engine.answer(CheckRequest((PositionTableRequest(run),)))
    assert {row.name for row in checked.rows} == {"entropy"}


def wrong(value):
    """The same answer with one number off: the first of the array."""
    if isinstance(value, float):
        return value + 0.05
    changed = value.copy()
    place = tuple(np.argwhere(np.isfinite(changed))[0])
    changed[place] = changed[place] + 1 if changed.dtype.kind in "iu" else changed[place] + 0.05
    return changed


WRONG = {
    "HeadRequest": ("weights", "weights"),
    "CombineRequest": ("weights", "weights"),
    "RolloutRequest": ("weights", "weights"),
    "QueryRowsRequest": ("weights", "weights"),
    "CandidatesRequest": ("probs", "probs"),
    "ProcessedRequest": ("probs", "settings"),
    "PositionTableRequest": ("actual_log_prob", "log_p"),
    "LensRequest": ("top_probs", "lens_steps"),
    "AttributionRequest": ("constant", "attribution"),
    "CompareRequest": ("kept_mass", "mass"),
    "TreeRequest": ("probs", "settings"),
    "ScoreRequest": ("log_p", "scores"),
    "SentenceRequest": ("log_p", "scores"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_one_wrong_number_is_found(tiny_engine, monkeypatch, kind):
    field, quantity = WRONG[kind]
    request = next(each for each in asked(tiny_engine, MODEL) if type(each).__name__ == kind)
    answer = tiny_engine.answer
    off = dataclasses.replace(answer(request), **{field: wrong(getattr(answer(request), field))})
    monkeypatch.setattr(tiny_engine, "answer", lambda each, *given: off if each == request else answer(each, *given))
    rows = tiny_engine.answer(CheckRequest((request,))).rows
    assert [row.name for row in rows if not row.ok] == [quantity]


def test_two_texts_of_a_beam_search_in_each_others_place_are_found(tiny_engine, run, monkeypatch):
    search = Column(DecodeSettings(do_sample=False), num_beams=4, num_return_sequences=4, max_new_tokens=3)
    request, answer = GenerateRequest(run, (search,)), tiny_engine.answer
    right = answer(request)
    rows = {each.name: each.ok for each in tiny_engine.answer(CheckRequest((request,))).rows}
    assert rows == {"text_log_p": True, "beam_scores": True, "beams": True}
    first, *between, last = right.outputs
    assert first.score - last.score > 10 * FLOAT_NOISE
    swapped = (dataclasses.replace(last, row=0), *between, dataclasses.replace(first, row=3))
    off = dataclasses.replace(right, outputs=swapped)
    other = GenerateRequest(run, (search,), first_row=1)
    monkeypatch.setattr(tiny_engine, "answer", lambda each, *given: off if each == other else answer(each, *given))
    rows = {each.name: each.ok for each in tiny_engine.answer(CheckRequest((other,))).rows}
    assert rows == {"text_log_p": True, "beam_scores": False, "beams": False}


@pytest.mark.parametrize("change", ["one too few", "one cut short"])
def test_a_text_of_a_beam_search_that_is_not_all_there_is_found(tiny_engine, run, monkeypatch, change):
    search = Column(DecodeSettings(do_sample=False), num_beams=4, num_return_sequences=4, max_new_tokens=3)
    request, answer = GenerateRequest(run, (search,)), tiny_engine.answer
    *before, last = answer(request).outputs
    names = ("ids", "log_p", "log_q") if len(last.log_q) else ("ids", "log_p")
    cut = dataclasses.replace(last, **{name: getattr(last, name)[:-1] for name in names})
    outputs = tuple(before) if change == "one too few" else (*before, cut)
    off = dataclasses.replace(answer(request), outputs=outputs)
    monkeypatch.setattr(tiny_engine, "answer", lambda each, *given: off if each == request else answer(each, *given))
    rows = {each.name: each.ok for each in tiny_engine.answer(CheckRequest((request,))).rows}
    assert rows == {"text_log_p": True, "beam_scores": True, "beams": False}


@pytest.mark.parametrize(("field", "row"), [("attention", 1), ("mlp", 2), ("heads", 1)])
def test_one_wrong_part_of_a_logit_is_found_though_the_sum_is_right(tiny_engine, run, monkeypatch, field, row):
    request, answer = AttributionRequest(run, 3, 7), tiny_engine.answer
    right = answer(request)
    parts = getattr(right, field).copy()
    parts.flat[row] += 0.05
    parts.flat[0] -= 0.05
    off = dataclasses.replace(right, **{field: parts})
    monkeypatch.setattr(tiny_engine, "answer", lambda each, *given: off if each == request else answer(each, *given))
    rows = {each.name: each.ok for each in tiny_engine.answer(CheckRequest((request,))).rows}
    assert rows == {"parts": False, "attribution": True}


def test_one_wrong_half_step_is_found(tiny_engine, run, monkeypatch):
    request, answer = LensRequest(run, (1, 3), half_steps=True), tiny_engine.answer
    right = answer(request)
    probs = right.top_probs.copy()
    probs[right.steps.index((1, "attention")), 0, 0] += 0.05
    off = dataclasses.replace(right, top_probs=probs)
    monkeypatch.setattr(tiny_engine, "answer", lambda each, *given: off if each == request else answer(each, *given))
    rows = {each.name: each.ok for each in tiny_engine.answer(CheckRequest((request,))).rows}
    assert rows == {"half_steps": False, "lens_steps": True, "lens": True}


def test_one_wrong_mass_of_word_ends_is_found(tiny_engine, run, monkeypatch):
    ids, answer = run.token_ids, tiny_engine.answer
    request = ScoreRequest(run.version, (ids[:2], ids[:3]), ((5,), (6, 7)), boundary=True)
    right = answer(request)
    off = dataclasses.replace(right, boundary_log_mass=wrong(right.boundary_log_mass))
    assert {each.name: each.ok for each in answer(CheckRequest((request,))).rows} == {"scores": True, "word_ends": True}
    tiny_engine_answer = lambda each, *given: off if each == request else answer(each, *given)  # noqa: E731
    monkeypatch.setattr(tiny_engine, "answer", tiny_engine_answer)
    other = CheckRequest((request, dataclasses.replace(request, prompts=(ids[:2],))))
    assert [each.ok for each in tiny_engine.answer(other).rows] == [True, False, True, True]


@pytest.mark.parametrize(("field", "quantity"), [("ids", "draws"), ("log_q", "log_q"), ("log_p", "text_log_p")])
def test_a_wrong_token_and_a_wrong_probability_of_a_text_are_found(tiny_engine, run, monkeypatch, field, quantity):
    request, answer = GenerateRequest(run, COLUMNS), tiny_engine.answer
    right = answer(request)
    texts = list(right.outputs)
    texts[1] = dataclasses.replace(texts[1], **{field: wrong(getattr(texts[1], field))})
    off = dataclasses.replace(right, outputs=tuple(texts))
    monkeypatch.setattr(tiny_engine, "answer", lambda each, *given: off if each == request else answer(each, *given))
    rows = {row.name: row for row in tiny_engine.answer(CheckRequest((request,))).rows}
    assert not rows[quantity].ok


def test_one_wrong_score_of_one_head_is_found(tiny_engine, run, monkeypatch):
    request, answer = TilesRequest(run), tiny_engine.answer
    right = answer(request)
    off = dataclasses.replace(right, metrics={**right.metrics, "self": wrong(right.metrics["self"])})
    monkeypatch.setattr(tiny_engine, "answer", lambda each, *given: off if each == request else answer(each, *given))
    rows = {row.name: row for row in tiny_engine.answer(CheckRequest((request,))).rows}
    assert (rows["metrics"].ok, rows["tiles"].ok) == (False, True)


def test_a_number_that_one_has_and_the_other_lacks_is_no_small_difference(tiny_engine, run, monkeypatch):
    request, answer = HeadRequest(run, 0, 0), tiny_engine.answer
    lacking = answer(request).weights.copy()
    lacking[2, 1] = np.nan
    off = dataclasses.replace(answer(request), weights=lacking)
    monkeypatch.setattr(tiny_engine, "answer", lambda each, *given: off if each == request else answer(each, *given))
    assert not tiny_engine.answer(CheckRequest((request,))).ok


def test_several_answers_of_a_chart_share_one_plain_model(tiny_engine, run, monkeypatch):
    from dashboard.engine.models import registry

    loads, load = [], registry.load
    monkeypatch.setattr(registry, "load", lambda *given: loads.append(1) or load(*given))
    request = CheckRequest((CandidatesRequest(run, 2, 5), HeadRequest(run, 0, 0)))
    done = []
    checked = tiny_engine.answer(request, CallControl(progress=done.append))
    assert {row.name for row in checked.rows} == {"logits", "probs", "entropy", "weights"}
    assert len(loads) == 1
    assert done[-1] == 1
    assert tiny_engine.kept(request) is checked
    assert tiny_engine.cost(request).kept


def test_pooled_maps_and_rollouts_are_those_of_their_definitions():
    rng = np.random.default_rng(1)
    maps = np.tril(rng.random((2, 3, 7, 7))) + np.eye(7) * 0.1
    maps /= maps.sum(-1, keepdims=True)
    assert attention._rollout(dict(enumerate(maps))) == pytest.approx(plain.rollout(maps))
    for block in (1, 2, 3):
        whole = plain.causal(maps[0, 0])
        assert attention.pooled(whole, block) == pytest.approx(plain.pooled(whole, block), nan_ok=True)


def test_what_is_too_large_is_refused_with_numbers(tiny_settings, run):
    small = LocalEngine(dataclasses.replace(tiny_settings, max_scored=20))
    small.describe(MODEL)
    scores = CheckRequest((ScoreRequest(run.version, ((1, 2), (3,)), ((4, 5, 6, 7), (5, 6, 7, 8))),))
    assert sum(passes(scores.of[0])) == 22
    with pytest.raises(ScoresTooLarge):
        small.cost(scores)
    with pytest.raises(ScoresTooLarge):
        small.answer(scores)


def test_maps_that_do_not_fit_into_memory_are_refused_with_numbers(tiny_engine, run, monkeypatch):
    from dashboard.engine.handlers import verification

    make = verification.PlainModel
    monkeypatch.setattr(verification, "PlainModel", lambda *given, **more: make(*given, **more | {"most_bytes": 100}))
    with pytest.raises(RunTooLarge):
        tiny_engine.answer(CheckRequest((HeadRequest(run, 0, 0),)))


def test_it_can_be_stopped(tiny_engine, run):
    control = CallControl(cancel=threading.Event())
    control.cancel.set()
    with pytest.raises(Cancelled):
        tiny_engine.answer(CheckRequest((CandidatesRequest(run, 0, 3),)), control)


def test_two_checks_of_other_answers_have_other_names(run):
    requests = (HeadRequest(run, 0, 0), HeadRequest(run, 0, 1), CombineRequest(run, ((0, 0),), "max"))
    assert len({CheckRequest((each,)).digest for each in requests}) == 3
    assert CheckRequest(requests[:2]).digest != CheckRequest(requests[1::-1]).digest
    assert CheckRequest(requests[:1]).provenance()["request"].startswith("CheckRequest(HeadRequest(")


@pytest.mark.parametrize("name", ["bloom", "gemma2", "gpt_oss", "gpt_neox", "granite", "qwen3_next", "openai-gpt"])
def test_families_of_every_kernel_are_within_their_bounds(name, tmp_path, tiny_settings):
    folder = save_tiny_model(tmp_path / "family")
    model = build(name, vocab_size=512)
    model.save_pretrained(folder)
    engine = LocalEngine(dataclasses.replace(tiny_settings, local_models=(str(folder),)))
    card = engine.describe("local/family")
    run = card.run_key(engine.tokenizer("local/family").read("zebra lamp river zebra lamp", chat=False))
    layer = next(layer for layer in range(card.layers) if layer not in dict(card.without_attention))
    requests = [HeadRequest(run, layer, 0), TilesRequest(run), CandidatesRequest(run, 3, 5)]
    requests += [GenerateRequest(run, COLUMNS[1:2]), ScoreRequest(run.version, ((1, 2), (3,)), ((4,), (5, 6)))]
    requests += [] if card.stream.why_no_lens else [LensRequest(run, (1, 4))]
    requests += [] if card.stream.why_no_half_steps else [LensRequest(run, (1, 4), half_steps=True)]
    requests += [] if card.stream.why_no_attribution else [AttributionRequest(run, 3, 7)]
    for request in requests:
        checked = engine.answer(CheckRequest((request,)))
        assert checked.ok, (request, checked.rows)
        names = {row.name for row in checked.rows}
        assert "half_steps" in names or not getattr(request, "half_steps", False)
        assert "parts" in names or not isinstance(request, AttributionRequest)


def test_a_logit_of_minus_infinity_hides_no_difference_of_the_others():
    card = SimpleNamespace(dtype="float32")
    checked = PlainModel(None, SimpleNamespace(card=card), None, None, 0)
    row = checked.deviation("logits", 1, [5.0, -np.inf], [9.0, -np.inf], relative=True)
    assert row.error == pytest.approx(4 / 9)
    assert not row.ok
