"""The in-process engine: exact against plain transformers, one pass a run, bounded, shared by threads."""

import dataclasses
import shutil
import threading
import time

import numpy as np
import pytest
import torch

from dashboard.engine import local
from dashboard.engine.api.attention import CombineRequest, HeadRequest, QueryRowsRequest, RolloutRequest, TilesRequest
from dashboard.engine.api.decoding import DecodeSettings
from dashboard.engine.api.generation import Column, GenerateRequest
from dashboard.engine.api.lens import AttributionRequest, LensRequest
from dashboard.engine.api.model import CallControl, RunRequest
from dashboard.engine.api.prediction import CandidatesRequest, PositionTableRequest, ProcessedRequest
from dashboard.engine.device.device_lock import DeviceLock
from dashboard.engine.local import LocalEngine
from dashboard.errors import (
    Busy,
    Cancelled,
    ModelNotAllowed,
    PromptEmpty,
    PromptTooLarge,
    PromptTooLong,
    RunTooLarge,
    StreamRefused,
)
from dashboard.frames.next_token import prompt_score
from dashboard.settings import BUNDLED
from dashboard.tokens import visible

MODEL = "local/tiny"
PROMPT = "zebra lamp river zebra lamp river 👩‍👩‍👧 <|end|> <b>x</b>"


def key_of(engine, prompt=PROMPT, *, chat=False):
    return engine.describe(MODEL).run_key(engine.tokenizer(MODEL).read(prompt, chat=chat))


@pytest.fixture(scope="module")
def plain(tiny_folder):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(tiny_folder, attn_implementation="eager").eval()
    return model, AutoTokenizer.from_pretrained(tiny_folder)


def test_the_card_says_what_is_loaded(tiny_engine):
    card = tiny_engine.describe(MODEL)
    assert (card.layers, card.heads, card.kv_heads, card.head_dim) == (3, 4, 2, 8)
    assert (card.architecture, card.dtype, card.device, card.kernel) == ("LlamaForCausalLM", "float32", "cpu", "sdpa")
    assert card.weight_formula == "softmax(q·k/√8)"
    assert card.chat
    assert card.context == 4096


def test_everything_equals_plain_transformers(tiny_engine, plain):
    model, tokenizer = plain
    ids = tokenizer(PROMPT, return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        expected = model(ids, output_attentions=True)
    key = key_of(tiny_engine)
    assert list(key.token_ids) == ids[0].tolist()
    for layer in range(3):
        for head in range(4):
            found = tiny_engine.answer(HeadRequest(key, layer, head)).weights
            np.testing.assert_allclose(np.nan_to_num(found), expected.attentions[layer][0, head], atol=1e-5)
    top = torch.topk(torch.softmax(expected.logits[0, 4], -1), 6)
    candidates = tiny_engine.answer(CandidatesRequest(key, 4, 6))
    assert candidates.ids.tolist() == top.indices.tolist()
    np.testing.assert_allclose(candidates.probs, top.values, rtol=1e-4)
    table = tiny_engine.answer(PositionTableRequest(key))
    assert [token.id for token in table.predicted] == expected.logits[0].argmax(-1).tolist()
    assert tiny_engine.answer(RunRequest(key)).logits_error < 1e-4


def test_the_lens_needs_no_pass_and_its_half_steps_and_attribution_one_between_them(tiny_settings):
    engine = LocalEngine(tiny_settings)
    key = key_of(engine)
    engine.answer(RunRequest(key))
    before = engine.health()["forward_passes"]
    found = engine.answer(LensRequest(key, (0, 3), pins=(7,)))
    assert found.error < 1e-4
    assert found.top_ids.shape == (4, 2, 5)
    assert engine.health()["forward_passes"] == before
    whole = engine.answer(LensRequest(key, (0, 3), half_steps=True, pins=(7,)))
    np.testing.assert_allclose(whole.pin_probs[:, [0, 2, 4, 6]], found.pin_probs, atol=1e-6)
    moved = engine.answer(AttributionRequest(key, 3, 7))
    assert moved.heads.shape == (3, 4)
    assert abs(moved.error) < 1e-3
    assert engine.health()["forward_passes"] == before + 1
    candidates = engine.answer(CandidatesRequest(key, 3, 5, (7,)))
    assert moved.logit == pytest.approx(candidates.logits[candidates.ids.tolist().index(7)], abs=1e-4)


def test_how_long_the_lens_takes_grows_with_its_positions(tiny_settings):
    engine = LocalEngine(tiny_settings)
    key = key_of(engine)
    few, many = (engine.cost(LensRequest(key, tuple(range(count)))).seconds for count in (1, 100))
    assert 0 < few < many


@pytest.fixture
def learning(tiny_settings, monkeypatch):
    """An engine with its model, and what is told to the model's pace from then on."""
    engine, learned = LocalEngine(tiny_settings), []
    key = key_of(engine)
    monkeypatch.setattr(engine._paces[MODEL], "add", lambda work, seconds: learned.append((work, seconds)))
    return engine, key, learned


def test_every_kind_of_work_is_learned_from_once(learning):
    engine, key, learned = learning
    texts = GenerateRequest(key, (Column(DecodeSettings(), 2, 3), Column(DecodeSettings(), 3, 4, num_beams=3)))
    for request in (texts, PositionTableRequest(key), PositionTableRequest(key), LensRequest(key, (1, 2), True)):
        engine.answer(request)
    works = [work for work, _ in learned]
    assert [work.kind for work in works] == ["beams", "pass", "position table", "pass", "lens"]
    count = len(key.token_ids)
    assert [work.rows for work in works] == [2 * 3 + 3 * 4, 1, count, 1, 2 * (2 * 3 + 1)]
    assert works[0].passes == 1 + 3 + 4
    assert works[1].tokens == count
    assert all(seconds > 0 for _, seconds in learned)


def test_texts_that_ended_early_were_less_work_and_cancelled_ones_are_no_evidence(learning):
    engine, key, learned = learning
    ended = engine.answer(GenerateRequest(key, (Column(DecodeSettings(), 1, 30, stop_strings=tuple("aeiou ")),)))
    steps = len(ended.outputs[0].ids)
    assert learned[0][0].rows == steps < 30
    control = CallControl()
    engine.answer(GenerateRequest(key, (Column(DecodeSettings(), 1, 9),)), control, lambda _: control.cancel.set())
    assert len(learned) == 1


def test_waiting_for_others_is_not_learned(learning, monkeypatch):
    engine, key, learned = learning
    monkeypatch.setattr(DeviceLock, "give_way", lambda *_: time.sleep(0.2))
    answer = engine.answer(GenerateRequest(key, (Column(DecodeSettings(), 1, 4),)))
    assert answer.seconds > 0.6
    assert learned[0][1] < answer.seconds - 0.6


def test_the_pass_for_heads_values_is_in_the_cost_until_it_was_made(learning):
    """No measurement changes the estimates here, so that the costs differ by that pass alone."""
    engine, key, _ = learning
    request = AttributionRequest(key, 3, 7)
    passed, before = engine.cost(RunRequest(key)).seconds, engine.cost(request).seconds
    engine.answer(RunRequest(key))
    assert engine.cost(request).seconds == before
    engine.answer(request)
    for same in (request, AttributionRequest(key, 3, 8), AttributionRequest(key, 4, 7)):
        assert engine.cost(same).seconds == pytest.approx(before - passed)


def test_a_pass_counts_until_the_device_has_ended_it(learning, monkeypatch):
    engine, key, learned = learning
    engine.answer(RunRequest(key))
    devices = []
    monkeypatch.setattr(local, "synchronize", lambda device: (devices.append(device), time.sleep(0.3)))
    engine.answer(AttributionRequest(key, 3, 7))
    assert devices == ["cpu"]
    ((_, seconds),) = [each for each in learned[1:] if each[0].kind == "pass"]
    assert seconds > 0.3


def test_the_pace_of_an_evicted_model_is_forgotten_and_its_runs_still_answer(tiny_settings, tiny_folder, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(tiny_folder, other)
    folders = (str(tiny_folder), str(other))
    engine = LocalEngine(dataclasses.replace(tiny_settings, local_models=folders, max_models=1))
    key = key_of(engine)
    engine.answer(RunRequest(key))
    assert list(engine._paces) == [MODEL]
    engine.describe("local/other")
    assert list(engine._paces) == ["local/other"]
    assert engine.answer(HeadRequest(key, 1, 1)).weights.shape[0] == len(key.token_ids)


def test_what_a_family_cannot_show_is_refused_with_the_reason(tiny_settings):
    engine = LocalEngine(tiny_settings)
    key = key_of(engine)
    with engine._leased(MODEL) as ready:
        where = dataclasses.replace(ready.card.stream, why_no_half_steps="parallel", why_no_attribution="not_linear")
        ready.card = dataclasses.replace(ready.card, stream=where)
    engine.answer(LensRequest(key, (0,)))
    with pytest.raises(StreamRefused, match="parallel"):
        engine.answer(LensRequest(key, (0,), half_steps=True))
    with pytest.raises(StreamRefused, match="not_linear"):
        engine.answer(AttributionRequest(key, 0, 1))


def test_surprisal_is_the_cross_entropy_with_shifted_labels(tiny_engine, plain):
    key = key_of(tiny_engine)
    ids = torch.tensor(key.token_ids)
    with torch.inference_mode():
        logits = plain[0](ids[None]).logits[0]
    expected = torch.nn.functional.cross_entropy(logits[:-1], ids[1:], reduction="none")
    found = tiny_engine.answer(PositionTableRequest(key))
    np.testing.assert_allclose(-found.actual_log_prob[:-1], expected, atol=1e-5)
    score = prompt_score(found, tiny_engine.tokenizer(MODEL).read(PROMPT, chat=False).tokens)
    assert score.perplexity == pytest.approx(float(expected.mean().exp()), rel=1e-5)


def test_the_chat_template_is_the_tokenizers_own(tiny_engine, plain):
    _, tokenizer = plain
    expected = tokenizer.apply_chat_template([{"role": "user", "content": "hi"}], add_generation_prompt=True)[
        "input_ids"
    ]
    key = key_of(tiny_engine, "hi", chat=True)
    assert list(key.token_ids) == list(expected)
    assert key.template == "chat"
    assert key.digest != key_of(tiny_engine, "hi").digest


def test_looking_makes_no_forward_pass(tiny_engine):
    key = key_of(tiny_engine)
    tiny_engine.answer(RunRequest(key))
    tiny_engine.answer(TilesRequest(key))
    tiny_engine.answer(HeadRequest(key, 1, 1))
    tiny_engine.answer(CombineRequest(key, ((0, 0), (2, 3)), "mean"))
    tiny_engine.answer(RolloutRequest(key))
    tiny_engine.answer(QueryRowsRequest(key, 3))
    tiny_engine.answer(CandidatesRequest(key, 3, 5))
    tiny_engine.answer(PositionTableRequest(key))
    assert tiny_engine.health()["forward_passes"] == 1


def test_many_threads_asking_for_the_same_run_make_one_pass(tiny_engine):
    key = key_of(tiny_engine)
    threads = [threading.Thread(target=tiny_engine.answer, args=(TilesRequest(key),)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tiny_engine.health()["forward_passes"] == 1


def test_threads_with_different_prompts_get_their_own_numbers(tiny_engine):
    prompts = [f"{word} lamp river" for word in ("zebra", "Mary", "store", "drink")]
    alone = {prompt: tiny_engine.answer(HeadRequest(key_of(tiny_engine, prompt), 2, 3)).weights for prompt in prompts}
    engine = LocalEngine(tiny_engine._settings)
    found = {}

    def work(prompt):
        found[prompt] = engine.answer(HeadRequest(key_of(engine, prompt), 2, 3)).weights

    threads = [threading.Thread(target=work, args=(prompt,)) for prompt in prompts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for prompt, expected in alone.items():
        np.testing.assert_allclose(found[prompt], expected, atol=1e-6)


def test_an_evicted_run_is_computed_again_with_the_same_numbers(tiny_settings):
    engine = LocalEngine(dataclasses.replace(tiny_settings, run_bytes=100_000))
    key = key_of(engine)
    before = engine.answer(HeadRequest(key, 1, 2)).weights
    for i in range(6):
        engine.answer(RunRequest(key_of(engine, f"other prompt number {i}, long enough to take some room in memory")))
    assert engine.health()["run_bytes"] <= 100_000
    np.testing.assert_allclose(engine.answer(HeadRequest(key, 1, 2)).weights, before, atol=1e-6)
    assert engine.health()["forward_passes"] == 8


def test_results_are_kept_within_their_memory_and_counted(tiny_settings):
    engine = LocalEngine(dataclasses.replace(tiny_settings, result_bytes=30_000))
    key = key_of(engine)
    for seed in range(6):
        engine.answer(GenerateRequest(key, (Column(DecodeSettings(), max_new_tokens=30, seed=seed),)))
    health = engine.health()
    assert 0 < health["result_bytes"] <= 30_000
    assert health["results"] == 2  # 15,000 bytes each


def test_a_run_beyond_the_memory_for_runs_is_refused_before_it_is_made(tiny_settings):
    engine = LocalEngine(dataclasses.replace(tiny_settings, run_bytes=1000))
    with pytest.raises(RunTooLarge) as error:
        engine.answer(RunRequest(key_of(engine)))
    assert error.value.facts["limit"] == 0  # MB
    assert engine.health()["forward_passes"] == 0


def test_the_estimate_is_what_the_run_then_takes(tiny_engine):
    key = key_of(tiny_engine)
    before = tiny_engine.cost(RunRequest(key))
    summary = tiny_engine.answer(RunRequest(key))
    after = tiny_engine.cost(RunRequest(key))
    assert before.nbytes == pytest.approx(summary.nbytes, rel=0.05)
    assert before.seconds > 0
    assert (before.kept, after.kept) == (False, True)


def test_settings_and_pins_act_without_another_pass(tiny_engine):
    key = key_of(tiny_engine)
    found = tiny_engine.answer(CandidatesRequest(key, 2, 5, pins=(9, 300)))
    passes = tiny_engine.health()["forward_passes"]
    ids = tuple(found.ids.tolist())
    for top_k in (1, 3, 50):
        left = tiny_engine.answer(ProcessedRequest(key, 2, ids, DecodeSettings(top_k=top_k, temperature=0.5)))
        assert left.kept == top_k
    assert tiny_engine.health()["forward_passes"] == passes


def test_tokens_are_found_by_what_they_are_and_by_what_they_hold(tiny_engine):
    found = [token.text for token in tiny_engine.tokenizer("local/tiny").search("Mary", 10)]
    assert found[:1] in (["Mary"], [" Mary"])
    assert all("Mary" in text or text in "Mary" for text in found)
    pieces = tiny_engine.tokenizer("local/tiny").search("zebrastore", 3)
    assert "".join(token.text for token in pieces)[:5] == "zebra"[:5]
    assert tiny_engine.tokenizer("local/tiny").search("", 10) == ()
    assert tiny_engine.tokenizer("local/tiny").search("<script>" * 50, 10)
    ids = tuple(token.id for token in pieces)
    assert tiny_engine.tokenizer("local/tiny").tokens(ids) == pieces


@pytest.mark.parametrize(("typed", "text"), [(" ", " "), ("·", " "), ("⏎", "\n"), ("·Mary", " Mary")])
def test_tokens_that_cannot_be_typed_are_found_as_they_are_shown(tiny_engine, typed, text):
    wanted = [i for i in range(tiny_engine.describe("local/tiny").vocab) if text_of(tiny_engine, i) == text]
    assert len(wanted) == 1
    assert wanted[0] in [token.id for token in tiny_engine.tokenizer("local/tiny").search(typed, 3)]


def test_a_token_of_broken_bytes_is_found_by_their_numbers(tiny_engine):
    broken = next(i for i in range(600) if text_of(tiny_engine, i) is None)
    shown = visible(tiny_engine.tokenizer("local/tiny").tokens((broken,))[0])
    assert tiny_engine.tokenizer("local/tiny").search(shown, 1)[0].id == broken


def text_of(engine, token_id):
    return engine.tokenizer("local/tiny").tokens((token_id,))[0].text


def test_a_prompt_that_cannot_be_read_gets_its_own_error(tiny_settings):
    engine = LocalEngine(dataclasses.replace(tiny_settings, max_tokens=8))
    with pytest.raises(PromptEmpty):
        engine.tokenizer(MODEL).read("", chat=False)
    with pytest.raises(PromptTooLong) as error:
        engine.tokenizer(MODEL).read("zebra lamp " * 10, chat=False)
    assert error.value.facts["limit"] == 8
    with pytest.raises(PromptTooLarge):
        engine.tokenizer(MODEL).read("x" * 1_000_000, chat=False)


def test_a_model_that_is_not_allowed_is_refused_and_the_other_still_works(tiny_engine):
    with pytest.raises(ModelNotAllowed):
        tiny_engine.describe("../../etc/passwd")
    assert tiny_engine.describe(MODEL).model == MODEL


def test_a_cancelled_run_leaves_nothing_and_can_be_asked_for_again(tiny_engine):
    key = key_of(tiny_engine)
    control = CallControl()
    control.cancel.set()
    with pytest.raises(Cancelled):
        tiny_engine.answer(RunRequest(key), control)
    assert tiny_engine.health()["runs"] == 0
    assert tiny_engine.answer(RunRequest(key)).tokens == len(key.token_ids)


def test_waiting_for_a_busy_device_ends_with_an_explanation_or_on_cancel(tiny_settings):
    engine = LocalEngine(dataclasses.replace(tiny_settings, busy_seconds=0.3))
    key = key_of(engine)
    held, free = threading.Event(), threading.Event()

    def hold():
        with engine._device.held(CallControl()):
            held.set()
            free.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(10)
    try:
        with pytest.raises(Busy):
            engine.answer(RunRequest(key))
        control = CallControl()
        control.cancel.set()
        with pytest.raises(Cancelled):
            engine.answer(RunRequest(key), control)
    finally:
        free.set()
        thread.join()
    assert engine.answer(RunRequest(key)).tokens == len(key.token_ids)


@pytest.mark.model
def test_the_bundled_model_equals_plain_transformers(bundled_engine):
    from transformers import AutoModelForCausalLM

    from dashboard.engine.models.bundled import converted_model

    folder, revision = converted_model(bundled_engine._settings)
    model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager").eval()
    prompt = bundled_engine.tokenizer(BUNDLED).read(
        "When Mary and John went to the store, John gave a drink to", chat=False
    )
    key = bundled_engine.describe(BUNDLED).run_key(prompt)
    assert key.version.revision == revision
    with torch.inference_mode():
        expected = model(torch.tensor([prompt.ids]), output_attentions=True)
    for layer in range(30):
        for head in range(9):
            found = bundled_engine.answer(HeadRequest(key, layer, head)).weights
            assert np.abs(np.nan_to_num(found) - expected.attentions[layer][0, head].numpy()).max() < 1e-5
    last = bundled_engine.answer(CandidatesRequest(key, len(prompt.ids) - 1, 1))
    assert last.ids[0] == int(expected.logits[0, -1].argmax())
    assert last.logits[0] == pytest.approx(float(expected.logits[0, -1].max()), abs=1e-3)


@pytest.mark.model
def test_gpt2s_table_of_the_source_notebook_where_its_weights_are_here(tmp_path):
    from dashboard.errors import ModelUnreachable
    from dashboard.settings import Settings

    engine = LocalEngine(dataclasses.replace(Settings(), models=("gpt2",), offline=True))
    try:
        engine.describe("gpt2")
    except ModelUnreachable:
        pytest.skip("GPT-2's weights are not on this machine")
    prompt = engine.tokenizer("gpt2").read("This class is really interesting. It is about language models.", chat=False)
    found = engine.answer(HeadRequest(engine.describe("gpt2").run_key(prompt), 9, 0)).weights
    expected = [[1.0], [0.891, 0.109], [0.344, 0.516, 0.14], [0.411, 0.253, 0.316, 0.02]]
    for row, values in enumerate(expected):
        np.testing.assert_allclose(found[row, : row + 1], values, atol=6e-4)
