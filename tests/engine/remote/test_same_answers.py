"""Bytes change nothing: an engine asked over the wire says what it says in one process, errors included."""

import threading

import pytest

from dashboard.engine.api.attention import HeadRequest, TilesRequest
from dashboard.engine.api.decoding import DecodeSettings
from dashboard.engine.api.generation import Column, GenerateRequest
from dashboard.engine.api.model import CallControl, RunRequest
from dashboard.engine.api.prediction import CandidatesRequest
from dashboard.engine.remote.model_list import ModelList
from dashboard.errors import (
    Cancelled,
    EngineBusy,
    EngineFailed,
    GenerationTooLong,
    ModelNotAllowed,
    ModelNotDeployed,
    PromptEmpty,
)
from tests.made.remote import MODEL, PROMPT, in_memory, same
from tests.made.requests import REQUESTS, requests_of


@pytest.fixture
def remote(tiny_settings):
    """Another engine of the same model, elsewhere: nothing is kept there yet."""
    from dashboard.engine.local import LocalEngine

    return in_memory(LocalEngine(tiny_settings))


@pytest.mark.parametrize("kind", [type(one) for one in REQUESTS], ids=lambda kind: kind.__name__)
def test_every_answer_is_equal_to_the_bit(local, remote, run, kind):
    request = next(one for one in requests_of(run) if type(one) is kind)
    assert same(local.answer(request), remote.answer(request))


def test_card_tokens_and_cost_are_the_same(local, remote, run):
    assert remote.describe(MODEL) == local.describe(MODEL)
    here, there = local.tokenizer(MODEL), remote.tokenizer(MODEL)
    assert there.read(PROMPT, chat=False) == here.read(PROMPT, chat=False)
    assert there.tokens(run.token_ids) == here.tokens(run.token_ids)
    assert (there.word_ends(), there.text_starts()) == (here.word_ends(), here.text_starts())
    cost, kept = remote.cost(RunRequest(run)), remote.kept(RunRequest(run))
    assert (cost.tokens, cost.nbytes, cost.kept, kept) == (6, local.cost(RunRequest(run)).nbytes, False, None)
    remote.answer(RunRequest(run))
    assert remote.cost(RunRequest(run)).kept


def test_what_another_asked_is_kept_there_for_all(tiny_engine, run):
    first, second = in_memory(tiny_engine), in_memory(tiny_engine)
    request = TilesRequest(run)
    answer = first.answer(request)
    assert second.kept(HeadRequest(run, 0, 0)) is None
    assert same(second.kept(request), answer)
    assert second.kept(request) is second.kept(request)


# -- errors ---------------------------------------------------------------------------------------------------------
def too_long(run):
    return GenerateRequest(run, (Column(DecodeSettings(), max_new_tokens=99_999),))


def test_errors_are_those_of_the_engine_with_their_facts(local, remote, run):
    for ask in (
        lambda engine: engine.answer(too_long(run)),
        lambda engine: engine.cost(too_long(run)),
        lambda engine: engine.describe("no/such"),
        lambda engine: engine.tokenizer(MODEL).read("", chat=False),
    ):
        with pytest.raises((GenerationTooLong, ModelNotAllowed, PromptEmpty)) as here:
            ask(local)
        with pytest.raises(type(here.value)) as there:
            ask(remote)
        assert there.value.facts == here.value.facts


def test_our_own_mistakes_stay_what_they_are(local, remote, run):
    wrong = HeadRequest(run, 999, 0)
    with pytest.raises((IndexError, KeyError, ValueError)) as here:
        local.answer(wrong)
    with pytest.raises(type(here.value)):
        remote.answer(wrong)


class Slow:
    """An engine whose answers wait until they are cancelled or let go."""

    def __init__(self):
        self.let_go, self.asked, self.cancelled = threading.Event(), threading.Semaphore(0), threading.Event()

    def answer(self, request, control=None, on_step=None):
        control.progress(0.25)
        self.asked.release()
        while not self.let_go.wait(0.01):
            if control.cancel.is_set():
                self.cancelled.set()
                raise Cancelled
        raise RuntimeError("the person's own words")

    def kept(self, request):
        return None


def test_cancelling_here_ends_the_call_there(run):
    slow, control, shares = Slow(), None, []
    control = CallControl(progress=lambda share: (shares.append(share), control.cancel.set()))
    with pytest.raises(Cancelled):
        in_memory(slow).answer(RunRequest(run), control)
    assert slow.cancelled.wait(5)
    assert shares == [0.25]


def test_one_who_leaves_cancels_the_call(run):
    slow = Slow()
    engine = in_memory(slow)

    def leave(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine.answer(RunRequest(run), CallControl(progress=leave))
    assert slow.cancelled.wait(5)


def test_too_many_calls_are_told_how_many_are_ahead(run):
    slow = Slow()
    engine = in_memory(slow, most_calls=2)
    asked = (RunRequest(run), CandidatesRequest(run, 0, 1))
    threads = [threading.Thread(target=pytest.raises, args=(EngineFailed, engine.answer, one)) for one in asked]
    for thread in threads:
        thread.start()
    assert all(slow.asked.acquire(timeout=5) for _ in threads)
    with pytest.raises(EngineBusy) as busy:
        engine.answer(CandidatesRequest(run, 1, 1))
    assert busy.value.facts == {"ahead": 2}
    slow.let_go.set()
    for thread in threads:
        thread.join()


def test_what_nobody_expected_says_its_name_alone(run):
    slow = Slow()
    slow.let_go.set()
    with pytest.raises(EngineFailed) as failed:
        in_memory(slow).answer(RunRequest(run))
    assert failed.value.facts == {"reason": "RuntimeError"}


def test_the_models_are_those_there(tiny_engine, tiny_settings):
    engine = in_memory(tiny_engine, models=ModelList(tiny_settings))
    (spec,) = engine.listed_models()
    assert (spec.id, spec.folder, spec.here) == (MODEL, None, True)
    assert engine.find_model(MODEL) == spec
    with pytest.raises(ModelNotAllowed):
        engine.find_model("gpt2")


def test_a_model_that_is_not_deployed_is_refused(tiny_engine, tiny_settings):
    engine = in_memory(tiny_engine, models=ModelList(tiny_settings, only=(MODEL,)))
    assert [spec.id for spec in engine.listed_models()] == [MODEL]
    with pytest.raises(ModelNotDeployed) as refused:
        engine.find_model("gpt2")
    assert refused.value.facts == {"model": "gpt2", "deployed": MODEL}


def test_cancelled_texts_come_as_far_as_they_are(remote, run):
    control, steps = CallControl(), []

    def on_step(step):
        steps.append(step)
        control.cancel.set()

    request = GenerateRequest(run, (Column(DecodeSettings(), max_new_tokens=400),))
    found = remote.answer(request, control, on_step)
    assert found.unfinished == "cancelled"
    assert 1 <= len(found.outputs[0].ids) < 400
    assert remote.kept(request) is None
