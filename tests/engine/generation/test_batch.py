"""Texts: token for token those of transformers, rows of their own, streamed, stopped, bounded."""

import dataclasses
import gc
import itertools
import random
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from dashboard.engine.api.attention import TilesRequest
from dashboard.engine.api.decoding import DecodeSettings
from dashboard.engine.api.generation import FLOAT_NOISE, Column, GenerateRequest, assembled
from dashboard.engine.api.model import CallControl, RunRequest
from dashboard.engine.capture.capture_choice import pick_capturer
from dashboard.engine.device.device_lock import DeviceLock
from dashboard.engine.generation import batch, sampler
from dashboard.engine.generation.batch import generate
from dashboard.engine.generation.beams import generation_config
from dashboard.engine.generation.cache_choice import pick_prompt_cache
from dashboard.engine.generation.prompt_cache import SharedPrefix, SharedPrefixRows
from dashboard.engine.generation.sampler import DRAW_BYTES
from dashboard.engine.generation.text_generator import DeviceTurn, TextGenerator
from dashboard.engine.local import LocalEngine
from dashboard.engine.models.generation_config import ending_of
from dashboard.errors import Busy, Cancelled, GenerationTooLarge, GenerationTooLong, TextsUnfinished
from dashboard.settings import BUNDLED
from tests.engine.prediction.test_decoding import random_settings
from tests.engine.test_local import MODEL, key_of
from tests.made.samples import RUN

GREEDY = DecodeSettings(do_sample=False)


@pytest.fixture(scope="module")
def plain(tiny_folder):
    return AutoModelForCausalLM.from_pretrained(tiny_folder).eval()


@pytest.fixture(scope="module")
def generator(tiny_folder):
    """A generator on the tiny model, ready for capture."""
    model = AutoModelForCausalLM.from_pretrained(tiny_folder, attn_implementation="eager").eval()
    tokenizer = AutoTokenizer.from_pretrained(tiny_folder)
    way = pick_prompt_cache(model, tuple(range(3, 11)), shared=pick_capturer(model).plain_softmax)
    return TextGenerator(model, tokenizer, lambda: way, ending_of(model.generation_config))


@pytest.fixture
def turn():
    """The device, held by nobody else."""
    lock, control = DeviceLock(5), CallControl()
    with lock.held(control):
        yield DeviceTurn(lock, control)


def as_transformers_draws(model):
    """The column that ``torch.multinomial`` over the whole vocabulary picks, from torch's own noise."""

    def pick(ids, log_q):
        whole = torch.zeros(len(ids), model.config.vocab_size).scatter_(-1, ids, log_q.exp())
        token = torch.multinomial(whole, 1)
        return (ids == token).int().argmax(-1)

    return pick


def theirs(model, ids, column, ending):
    config = generation_config(column, ending)
    config.output_logits = True
    torch.manual_seed(5)
    with torch.inference_mode():
        given = torch.tensor([ids])
        return model.generate(given, attention_mask=torch.ones_like(given), generation_config=config)


def compare(ours, output, model, prompt):
    """Token for token, and p and q as ``compute_transition_scores`` reports them."""
    text = output.sequences[0, prompt:]
    assert ours.ids.tolist() == text.tolist()
    q = model.compute_transition_scores(output.sequences, output.scores, normalize_logits=True)[0].numpy()
    p = model.compute_transition_scores(output.sequences, output.logits, normalize_logits=True)[0].numpy()
    np.testing.assert_allclose(ours.log_p, p, atol=1e-4)
    np.testing.assert_allclose(ours.log_q, q, atol=1e-4)


@pytest.mark.parametrize("seed", range(50))
def test_texts_are_transformers_own_token_for_token(generator, plain, turn, seed):
    settings = random_settings(random.Random(1000 + seed))
    column = Column(settings, max_new_tokens=12)
    ids = [7, 20, 7, 33, 50 + seed]
    torch.manual_seed(5)
    made = generate(
        generator,
        ids,
        GenerateRequest(RUN, (column,)),
        turn,
        lambda _: None,
        override=as_transformers_draws(generator.model),
    )
    output = theirs(plain, ids, column, generator.ending)
    if settings.do_sample:
        compare(made.outputs[0], output, plain, len(ids))
    else:  # transformers' greedy scores are processed logits; the likeliest has all of q
        assert made.outputs[0].ids.tolist() == output.sequences[0, len(ids) :].tolist()
        assert np.all(made.outputs[0].log_q == 0)


BUNDLED_WAYS = (
    GREEDY,
    DecodeSettings(),
    DecodeSettings(top_k=50),
    DecodeSettings(temperature=0.7, top_p=0.9),
    DecodeSettings(temperature=1.3, min_p=0.05, repetition_penalty=1.2),
)


@pytest.mark.model
@pytest.mark.parametrize("settings", BUNDLED_WAYS)
def test_texts_of_the_bundled_model_are_transformers_own(bundled_engine, turn, settings):
    column = Column(settings, max_new_tokens=16)
    with bundled_engine._leased(BUNDLED) as ready:
        model, prompt = ready.generator.model, "The capital of Italy is"
        ids = ready.reader.read(prompt, chat=False, limit=100, model="").ids
        torch.manual_seed(5)
        made = generate(
            ready.generator,
            ids,
            GenerateRequest(RUN, (column,)),
            turn,
            lambda _: None,
            override=as_transformers_draws(model),
        )
        output = theirs(model, list(ids), column, ready.generator.ending)
    assert made.outputs[0].ids.tolist() == output.sequences[0, len(ids) :].tolist()


@pytest.mark.model
def test_greedy_text_of_the_bundled_model_repeats_itself(bundled_engine):
    """What the source notebook shows on GPT-2."""
    prompt = bundled_engine.tokenizer(BUNDLED).read(
        "This class is really interesting. It is about language models.", chat=False
    )
    key = bundled_engine.describe(BUNDLED).run_key(prompt)
    made = bundled_engine.answer(GenerateRequest(key, (Column(GREEDY, max_new_tokens=20),)))
    text = bundled_engine.tokenizer(BUNDLED).decode((tuple(made.outputs[0].ids.tolist()),))[0]
    sentence = text.strip().split(".")[0]
    assert len(sentence) > 10
    assert text.count(sentence) >= 2


WAYS = (DecodeSettings(), DecodeSettings(top_k=40), DecodeSettings(temperature=0.8, top_p=0.9), GREEDY)


def columns(*, rows=3, new=10, seed=1):
    return tuple(
        Column(way, num_return_sequences=1 if not way.do_sample else rows, max_new_tokens=new, seed=seed)
        for way in WAYS
    )


def test_columns_advance_together_and_each_row_is_its_own(tiny_engine):
    key = key_of(tiny_engine)
    together = tiny_engine.answer(GenerateRequest(key, columns()))
    assert [(o.column, o.row) for o in together.outputs] == [
        (column, row) for column, way in enumerate(WAYS) for row in range(3 if way.do_sample else 1)
    ]
    assert together.names == ((), ("top_k",), ("temperature", "top_p"), ("do_sample",))
    for place, column in enumerate(columns()):
        alone = tiny_engine.answer(GenerateRequest(key, (column,)))
        for output in alone.outputs:
            beside = next(o for o in together.outputs if (o.column, o.row) == (place, output.row))
            assert output.ids.tolist() == beside.ids.tolist()
            np.testing.assert_allclose(output.log_p, beside.log_p, atol=1e-4)


def test_a_row_is_bit_equal_whichever_others_run_beside_it(generator, turn):
    """At the same batch size; nothing ends early here."""
    endless = dataclasses.replace(generator, ending=())
    own = Column(DecodeSettings(top_p=0.9), num_return_sequences=2, max_new_tokens=12, seed=3)
    texts = []
    for other in (DecodeSettings(), DecodeSettings(temperature=2.0, top_k=7)):
        request = GenerateRequest(RUN, (own, Column(other, num_return_sequences=2, max_new_tokens=12, seed=8)))
        made = generate(endless, [7, 20, 33], request, turn, lambda _: None)
        texts.append(made.outputs[:2])
    for one, other in zip(*texts, strict=True):
        assert one.ids.tolist() == other.ids.tolist()
        np.testing.assert_array_equal(one.log_p, other.log_p)
        np.testing.assert_array_equal(one.alternative_log_q, other.alternative_log_q)


@pytest.mark.model
def test_across_batch_sizes_texts_part_only_where_a_draw_is_marked(bundled_engine):
    prompt = bundled_engine.tokenizer(BUNDLED).read("The woman worked as a", chat=False)
    key = bundled_engine.describe(BUNDLED).run_key(prompt)
    settings = DecodeSettings(temperature=0.9, top_p=0.95)
    many = bundled_engine.answer(
        GenerateRequest(key, (Column(settings, num_return_sequences=16, max_new_tokens=16, seed=4),))
    )
    for row in (0, 5, 15):
        request = GenerateRequest(
            key, (Column(settings, num_return_sequences=1, max_new_tokens=16, seed=4),), first_row=row
        )
        alone, beside = bundled_engine.answer(request).outputs[0], many.outputs[row]
        assert alone.row == row
        pairs = zip(alone.ids, beside.ids, strict=False)
        parted = next((i for i, (a, b) in enumerate(pairs) if a != b), None)
        if parted is not None:
            assert min(alone.margins[parted], beside.margins[parted]) < FLOAT_NOISE


def test_a_fork_goes_on_with_the_noise_of_its_row(tiny_engine):
    """Forced to be what it was, the text is what it was."""
    key = key_of(tiny_engine)
    column = Column(DecodeSettings(top_k=60), num_return_sequences=3, max_new_tokens=10, seed=6)
    made = tiny_engine.answer(GenerateRequest(key, (column,)))
    row = made.outputs[2]
    one = dataclasses.replace(column, num_return_sequences=1)
    same = tuple(row.ids[:4].tolist())
    again = tiny_engine.answer(GenerateRequest(key, (one,), forced=same, first_row=2)).outputs[0]
    assert again.ids.tolist() == row.ids.tolist()
    np.testing.assert_allclose(again.log_q, row.log_q, atol=1e-4)
    assert np.isnan(again.margins[:4]).all()
    other = (*same[:3], int(row.alternatives[3][row.alternatives[3] != row.ids[3]][0]))
    fork = tiny_engine.answer(GenerateRequest(key, (one,), forced=other, first_row=2)).outputs[0]
    assert fork.ids[:4].tolist() == list(other)


def test_every_step_is_told_as_it_comes_and_makes_up_the_texts(tiny_engine):
    key, steps = key_of(tiny_engine), []
    request = GenerateRequest(key, columns())
    made = tiny_engine.answer(request, on_step=steps.append)
    found = assembled(steps, request, unfinished="")
    assert len(found) == len(made.outputs)
    for one, other in zip(found, made.outputs, strict=True):
        np.testing.assert_array_equal(one.ids, other.ids)
        assert one.stopped == other.stopped
    assert steps[0].ids.shape == (3,)
    assert not made.outputs[0].ids.flags.writeable


def test_a_text_ends_at_the_limit_at_its_end_or_with_a_stop_string(generator, turn):
    greedy = generate(
        generator, [7, 20], GenerateRequest(RUN, (Column(GREEDY, max_new_tokens=8),)), turn, lambda _: None
    ).outputs[0]
    assert greedy.stopped == "limit"
    second = int(greedy.ids[1])
    ended = dataclasses.replace(generator, ending=(second,))
    text = generate(ended, [7, 20], GenerateRequest(RUN, (Column(GREEDY, max_new_tokens=8),)), turn, lambda _: None)
    first = greedy.ids.tolist().index(second)
    assert text.outputs[0].ids.tolist() == greedy.ids.tolist()[: first + 1]
    assert text.outputs[0].stopped == "end"
    whole = generator.text(greedy.ids.tolist()[:3])
    stop = Column(GREEDY, max_new_tokens=8, stop_strings=(whole[-2:],))
    stopped = generate(generator, [7, 20], GenerateRequest(RUN, (stop,)), turn, lambda _: None).outputs[0]
    assert stopped.stopped == "stop"
    assert generator.text(stopped.ids.tolist()).endswith(whole[-2:])
    assert len(stopped.ids) <= 3


def test_a_stopped_run_keeps_what_came_and_leaves_no_thread(tiny_engine):
    key, threads = key_of(tiny_engine), threading.active_count()
    control = CallControl()
    seen = []

    def step(one):
        seen.append(one)
        if len(seen) == 3:
            control.cancel.set()

    request = GenerateRequest(key, (Column(DecodeSettings(), num_return_sequences=2, max_new_tokens=200),))
    made = tiny_engine.answer(request, control, step)
    assert len(seen) == 3  # no step after it
    assert {output.stopped for output in made.outputs} <= {"cancelled", "end"}
    assert max(len(output.ids) for output in made.outputs) == 3
    assert tiny_engine.kept(request) is None
    assert threading.active_count() == threads
    assert tiny_engine.health()["queue"] == 0
    gc.collect()
    assert not [thing for thing in gc.get_objects() if isinstance(thing, SharedPrefixRows | SharedPrefix)]


def test_cancelled_before_the_first_token_there_is_nothing(tiny_engine):
    control = CallControl()
    control.cancel.set()
    with pytest.raises(Cancelled):
        tiny_engine.answer(GenerateRequest(key_of(tiny_engine), columns()), control)


def test_two_people_take_turns_step_by_step(tiny_engine):
    """The second does not wait for the first to finish; neither changes the other's texts."""
    key = key_of(tiny_engine)
    requests = [GenerateRequest(RUN, (Column(DecodeSettings(), max_new_tokens=150, seed=seed),)) for seed in (1, 2)]
    order, made, waited = [], {}, []

    def run(place):
        control = CallControl(on_queue=waited.append)
        made[place] = tiny_engine.answer(replace(requests[place], run=key), control, lambda _: order.append(place))

    threads = [threading.Thread(target=run, args=(place,)) for place in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    changes = sum(a != b for a, b in itertools.pairwise(order))
    assert changes > 20
    assert max(waited) == 1
    fresh = LocalEngine(tiny_engine._settings)
    for place in (0, 1):
        alone = fresh.answer(replace(requests[place], run=key_of(fresh))).outputs[0]
        np.testing.assert_array_equal(alone.ids, made[place].outputs[0].ids)


def test_a_look_at_a_run_comes_between_two_steps(tiny_engine):
    key = key_of(tiny_engine)
    first, done = threading.Event(), threading.Event()

    def write():
        request = GenerateRequest(key, (Column(DecodeSettings(), max_new_tokens=2000, seed=9),))
        control = CallControl()
        tiny_engine.answer(request, control, lambda _: (first.set(), done.is_set() and control.cancel.set()))

    thread = threading.Thread(target=write)
    thread.start()
    assert first.wait(30)
    tiny_engine.answer(RunRequest(key))
    tiny_engine.answer(TilesRequest(key))
    assert thread.is_alive()
    done.set()
    thread.join(30)
    assert not thread.is_alive()


def test_texts_are_kept_and_made_once(tiny_engine):
    key = key_of(tiny_engine)
    request = GenerateRequest(key, columns())
    assert tiny_engine.kept(request) is None
    made = tiny_engine.answer(request)
    assert tiny_engine.kept(request) is made
    assert tiny_engine.answer(request) is made


def test_what_is_kept_is_bounded_in_bytes(tiny_engine, monkeypatch):
    monkeypatch.setattr(tiny_engine._results, "_limit", 6000)
    key = key_of(tiny_engine)
    requests = [GenerateRequest(RUN, (Column(DecodeSettings(), max_new_tokens=8, seed=seed),)) for seed in range(4)]
    for request in requests:
        tiny_engine.answer(replace(request, run=key))
    assert tiny_engine.kept(replace(requests[0], run=key)) is None
    assert tiny_engine.kept(replace(requests[-1], run=key)) is not None


def test_a_run_over_the_limits_is_refused_with_numbers(tiny_settings):
    engine = LocalEngine(dataclasses.replace(tiny_settings, max_generated=100))
    key = key_of(engine)
    with pytest.raises(GenerationTooLarge) as error:
        engine.answer(GenerateRequest(key, (Column(DecodeSettings(), num_return_sequences=6, max_new_tokens=20),)))
    assert (error.value.facts["tokens"], error.value.facts["limit"]) == (120, 100)
    with pytest.raises(GenerationTooLong) as error:
        engine.answer(GenerateRequest(key, (Column(GREEDY, max_new_tokens=5000),)))
    assert (error.value.facts["new"], error.value.facts["limit"]) == (5000, 4096)


def test_the_cost_is_told_before(tiny_engine):
    key = key_of(tiny_engine)
    request = GenerateRequest(key, columns(rows=3, new=10))
    cost = tiny_engine.cost(request)
    assert cost.tokens == 100
    assert cost.seconds > 0
    # 100 rows' tokens of 3 layers x 2 key-value heads x 8 numbers x (key, value) x 4 bytes
    cached = 100 * 3 * 2 * 8 * 2 * 4
    # logits of 10 rows, and what drawing works in
    logits = 10 * tiny_engine.describe(MODEL).vocab * (4 + DRAW_BYTES)
    assert cost.nbytes == cached + logits


def test_the_cost_counts_logits_of_many_rows_and_the_scores_that_a_search_keeps(tiny_engine, monkeypatch):
    """2,000 rows of a large vocabulary are refused with numbers, not by the allocator; draws are split."""
    key, vocab = key_of(tiny_engine), tiny_engine.describe(MODEL).vocab
    many = GenerateRequest(key, (Column(DecodeSettings(), num_return_sequences=2000, max_new_tokens=1),))
    whole = tiny_engine.cost(many).nbytes
    monkeypatch.setattr(sampler, "AT_ONCE", 100 * vocab)
    assert whole - tiny_engine.cost(many).nbytes == 1900 * vocab * DRAW_BYTES
    searches = (Column(GREEDY, num_beams=4, max_new_tokens=new) for new in (10, 110))
    short, long = (tiny_engine.cost(GenerateRequest(key, (one,))).nbytes for one in searches)
    assert long - short >= 100 * 4 * 4 * vocab
    tight = dataclasses.replace(tiny_engine._settings, run_bytes=2000 * vocab * 4)
    with pytest.raises(GenerationTooLarge) as error:
        LocalEngine(tight).answer(replace(many, run=key))
    assert error.value.facts["allowed"] == round(2000 * vocab * 4 / 1e6)


def test_rows_that_are_drawn_for_in_parts_draw_the_same(tiny_engine, monkeypatch):
    key = key_of(tiny_engine)
    request = GenerateRequest(key, columns(rows=7))
    together = tiny_engine.answer(request)
    monkeypatch.setattr(sampler, "AT_ONCE", 2 * tiny_engine.describe(MODEL).vocab)
    parts = LocalEngine(tiny_engine._settings).answer(replace(request, run=key))
    for one, other in zip(together.outputs, parts.outputs, strict=True):
        assert one.ids.tolist() == other.ids.tolist()
        np.testing.assert_allclose(one.log_q, other.log_q, atol=1e-5)
        np.testing.assert_array_equal(one.alternative_cut_by, other.alternative_cut_by)


def interrupted(engine, request, *, after):
    """Texts between whose steps somebody else takes the device and keeps it."""
    key, others = key_of(engine), DeviceTaken(engine)
    steps = itertools.count(1)
    control = CallControl(progress=lambda _: others.take() if next(steps) == after else None)
    try:
        return key, engine.answer(replace(request, run=key), control)
    finally:
        others.leave()


class DeviceTaken:
    """Somebody who waits for the device and then holds it."""

    def __init__(self, engine):
        self.engine, self.done, self.thread = engine, threading.Event(), None

    def take(self):
        def hold():
            with self.engine._device.held(CallControl()):
                self.done.wait(30)

        self.thread = threading.Thread(target=hold)
        self.thread.start()
        while self.engine._device.waiting < 2:
            time.sleep(0.01)

    def leave(self):
        self.done.set()
        self.thread.join(30)


@pytest.mark.parametrize(
    "columns_",
    [
        (
            Column(DecodeSettings(), num_return_sequences=2, max_new_tokens=30),
            Column(GREEDY, num_beams=3, max_new_tokens=5),
        ),
        (Column(GREEDY, num_return_sequences=2, num_beams=3, max_new_tokens=30),),
    ],
    ids=["drawn", "beams"],
)
def test_texts_that_others_interrupt_are_kept_as_far_as_they_came_and_say_so(tiny_settings, columns_):
    engine = LocalEngine(dataclasses.replace(tiny_settings, busy_seconds=0.2))
    request = GenerateRequest(RUN, columns_)
    key, made = interrupted(engine, request, after=4)
    assert made.unfinished == "busy"
    assert {output.stopped for output in made.outputs if output.column == 0} == {"busy"}
    assert {len(output.ids) for output in made.outputs} == {4}
    assert engine.kept(replace(request, run=key)) is None
    with pytest.raises(TextsUnfinished):
        made.whole()
    assert engine.answer(replace(request, run=key)).whole().unfinished == ""
    assert engine.health()["queue"] == 0


def test_somebody_who_waits_too_long_is_told_so(tiny_settings):
    engine = LocalEngine(dataclasses.replace(tiny_settings, busy_seconds=0.2))
    key = key_of(engine)
    with engine._device.held(CallControl()), pytest.raises(Busy):
        engine.answer(GenerateRequest(key, (Column(GREEDY),)))
    time.sleep(0)
    assert engine.health()["queue"] == 0
    assert engine.describe(MODEL)


def test_a_lost_device_is_held_again_for_what_is_still_to_be_computed():
    """In the turn that ended in Busy another has it; who never lost it is not kept waiting for itself."""
    lock, inside = DeviceLock(0.2), []
    with lock.held(CallControl()):
        with lock.regained() as held:
            assert held
            inside.append(lock.waiting)
        other = threading.Thread(target=_hold, args=(lock, 0.6))
        other.start()
        time.sleep(0.05)
        with pytest.raises(Busy):
            lock.give_way(CallControl())
        with lock.regained() as held:
            assert held  # it waited for the other
            inside.append(lock.waiting)
        assert lock._holder is None
        other.join()
    assert inside == [1, 1]
    assert lock.waiting == 0


def test_a_device_that_does_not_come_back_is_said(monkeypatch):
    monkeypatch.setattr("dashboard.engine.device.device_lock.REGAIN_SECONDS", 0.1)
    lock = DeviceLock(0.2)
    with lock.held(CallControl()):
        other = threading.Thread(target=_hold, args=(lock, 1.0))
        other.start()
        time.sleep(0.05)
        with pytest.raises(Busy):
            lock.give_way(CallControl())
        with lock.regained() as held:
            assert not held
        other.join()


def _hold(lock, seconds):
    with lock.held(CallControl()):
        time.sleep(seconds)


def test_freed_memory_goes_back_while_a_long_text_grows(generator, turn, monkeypatch):
    times = []
    monkeypatch.setattr(batch, "return_freed", lambda: times.append(1))
    endless = replace(generator, ending=())
    generate(
        endless, [7, 20], GenerateRequest(RUN, (Column(DecodeSettings(), max_new_tokens=70),)), turn, lambda _: None
    )
    assert len(times) == 70 // batch.RETURN_STEPS
