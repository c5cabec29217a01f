"""Exact scores: against one-by-one cross-entropy of plain transformers, for every family, however they are packed."""

import dataclasses
import math
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch

from dashboard.engine.api.model import CallControl, TokenizedPrompt
from dashboard.engine.api.scoring import ScoreRequest, SentenceRequest
from dashboard.engine.capture.capture_choice import pick_capturer
from dashboard.engine.device.device_lock import DeviceLock
from dashboard.engine.generation.cache_choice import pick_prompt_cache
from dashboard.engine.generation.text_generator import DeviceTurn, TextGenerator
from dashboard.engine.local import LocalEngine
from dashboard.engine.models.anatomy import check_ids
from dashboard.engine.scoring import passes
from dashboard.engine.scoring.passes import LogProbReader, by_batches, by_tree
from dashboard.engine.scoring.scorer import Scorer
from dashboard.engine.scoring.token_trie import build_trie, join_tries
from dashboard.engine.scoring.tree_attention import TreeAttention
from dashboard.errors import Cancelled, NothingToScore, PromptEmpty, ScoresTooLarge, ScoresTooLong, WordsNotMarked
from dashboard.settings import BUNDLED
from tests.made.families import FAMILIES, REPLAYED, WINDOW, build
from tests.made.samples import RUN

MODEL = "local/tiny"
LONG = 40
"""Tokens: more than the window of the families that have one."""
# one in another, one token, the same twice, three that share their first
COMPLETIONS = ((7,), (7, 9), (7, 9, 11), (8, 20, 30, 40), (8, 20, 31), (50,), (7, 9))
ONE_BY_ONE = {"gemma2", "gpt_oss", "qwen3_next", *REPLAYED}
"""Families whose attention is more than softmax(scaling · q·k), or whose layers are not all attention."""


def prompts(tokens):
    """Of so many tokens and of two more: one twice, one that goes on from another, one that parts at its end."""
    first = tuple(3 + i % 290 for i in range(tokens))
    return (first, first, (*first, 5, 6), (*first[:-1], 77), tuple(3 + (i * 37) % 290 for i in range(tokens)))


def cross_entropy(model, ids, given):
    """ln p of each token behind the first `given`, by one pass of plain transformers over one text."""
    with torch.inference_mode():
        logits = model(torch.tensor([ids]), use_cache=False).logits[0, given - 1 : -1].float()
    return -torch.nn.functional.cross_entropy(logits, torch.tensor(ids[given:]), reduction="none").numpy()


def scorer_of(model):
    capturer = pick_capturer(model)
    way = pick_prompt_cache(model, tuple(range(3, 11)), shared=capturer.plain_softmax)
    return Scorer(TextGenerator(model, None, lambda: way, ()), None, capturer)


def held(call, control=None):
    """What `call` gives with its turn on a device."""
    device, control = DeviceLock(1), control or CallControl()
    with device.held(control):
        return call(DeviceTurn(device, control))


@pytest.fixture(scope="module", params=FAMILIES, ids=FAMILIES.keys())
def family(request):
    """(name, a model as transformers has it, the scorer of another with the same weights)"""
    return request.param, FAMILIES[request.param](), scorer_of(FAMILIES[request.param]())


@pytest.mark.parametrize("tokens", [1, 9, LONG])
def test_scores_are_those_of_one_pass_for_each_pair(family, tokens):
    _, plain, scorer = family
    request = ScoreRequest(RUN.version, prompts(tokens), COMPLETIONS)
    found = held(lambda turn: scorer.score(request, turn))
    assert found.lengths.tolist() == [1, 2, 3, 4, 3, 1, 2]
    assert found.token_log_p.shape == (5, 7, 4)
    for i, prompt in enumerate(request.prompts):
        for j, completion in enumerate(COMPLETIONS):
            expected = cross_entropy(plain, (*prompt, *completion), len(prompt))
            np.testing.assert_allclose(found.token_log_p[i, j, : len(completion)], expected, rtol=0, atol=1e-4)
            assert np.isnan(found.token_log_p[i, j, len(completion) :]).all()
            assert found.log_p[i, j] == pytest.approx(expected.sum(), abs=1e-4)


def test_sentences_are_scored_as_by_one_pass_for_each(family):
    _, plain, scorer = family
    sentences = [tuple(3 + (i * k) % 290 for i in range(length)) for k, length in ((1, 30), (1, 5), (7, 2), (11, 17))]
    sentences += [(*sentences[0][:20], 200, 201), sentences[1]]
    given = (1, 1, 1, 9, 4, 4)
    found = held(lambda turn: scorer.score_sentences(SentenceRequest(RUN.version, tuple(sentences), given), turn))
    assert found.lengths.tolist() == [29, 4, 1, 8, 18, 1]
    for i, (sentence, before) in enumerate(zip(sentences, given, strict=True)):
        expected = cross_entropy(plain, sentence, before)
        np.testing.assert_allclose(found.token_log_p[i], expected, rtol=0, atol=1e-4)
        assert found.log_p[i] == pytest.approx(expected.sum(), abs=1e-4 * len(expected))


def test_one_tree_where_the_family_allows_it_batches_elsewhere_and_beyond_a_window(family):
    name, plain, scorer = family
    windowed = getattr(plain.config, "sliding_window", None) == WINDOW
    for tokens in (9, LONG):
        found = held(
            lambda turn, tokens=tokens: scorer.score(ScoreRequest(RUN.version, prompts(tokens), COMPLETIONS), turn)
        )
        assert (found.way == "tree") == (name not in ONE_BY_ONE and (tokens < WINDOW or not windowed)), found.way


def test_completions_in_batches_behind_a_shared_prompt_are_the_same_too():
    scorer = scorer_of(FAMILIES["llama"]())
    request = ScoreRequest(RUN.version, prompts(9), COMPLETIONS)
    expected = held(lambda turn: scorer.score(request, turn))
    scorer.tree_up_to = 8  # the texts are longer
    found = held(lambda turn: scorer.score(request, turn))
    assert (expected.way, found.way) == ("tree", "shared")
    # by hand: prompts of 9, 11, 9 and 9 tokens; rows 7 9, 8 20 30 of 3 + 3 (padded), behind each
    assert found.tokens == 9 + 11 + 9 + 9 + 4 * 6
    assert expected.tokens == 9 + 2 + 1 + 8 + 4 * 5
    np.testing.assert_allclose(found.node_log_p, expected.node_log_p, rtol=0, atol=1e-5)


@pytest.fixture(scope="module")
def llama():
    """A generator with a tiny Llama."""
    model = FAMILIES["llama"]()
    capturer = pick_capturer(model)
    way = pick_prompt_cache(model, tuple(range(3, 11)), shared=capturer.plain_softmax)
    return TextGenerator(model, None, lambda: way, ())


def random_forest(seed=0):
    rng = np.random.default_rng(seed)

    def texts(count):
        return sorted({tuple(int(i) for i in rng.integers(3, 7, rng.integers(1, 9))) for _ in range(count)})

    behind = [build_trie(texts(12), beyond=True), build_trie(texts(3), beyond=True)]
    beginnings = texts(9)
    return join_tries(beginnings, [behind[i % 2] for i in range(len(beginnings))])


def read(forest, way):
    log_probs = LogProbReader(forest, torch.arange(40, 90))
    with torch.inference_mode():
        way(log_probs)
    return log_probs


@pytest.mark.parametrize("block", [1, 2, 7, 256])
def test_the_size_of_a_block_changes_nothing(llama, block):
    forest = random_forest()
    whole = read(forest, lambda log_probs: by_tree(llama, forest, log_probs, None))
    parts = read(forest, lambda log_probs: by_tree(llama, forest, log_probs, None, block))
    assert np.isfinite(whole.log_p).sum() == sum(len(behind.trie) for behind in forest.completions)
    assert np.isfinite(whole.mass).sum() == sum(len(set(behind.ends.tolist())) for behind in forest.completions)
    np.testing.assert_allclose(parts.log_p, whole.log_p, rtol=0, atol=1e-5)
    np.testing.assert_allclose(parts.mass, whole.mass, rtol=0, atol=1e-5)


def test_the_size_of_a_batch_changes_nothing(llama, monkeypatch):
    forest = random_forest(1)
    whole = read(forest, lambda log_probs: by_tree(llama, forest, log_probs, None))
    for tokens in (1, 30, 2048):
        monkeypatch.setattr(passes, "BATCH_TOKENS", tokens)
        parts = read(forest, lambda log_probs: held(lambda turn: by_batches(llama, forest, log_probs, turn)))
        np.testing.assert_allclose(parts.log_p, whole.log_p, rtol=0, atol=1e-5)
        np.testing.assert_allclose(parts.mass, whole.mass, rtol=0, atol=1e-5)


def test_logits_and_keys_in_memory_are_bounded(llama, monkeypatch):
    forest = random_forest(2)
    whole = read(forest, lambda log_probs: by_tree(llama, forest, log_probs, None))
    monkeypatch.setattr(passes, "LOGIT_BYTES", 1)
    monkeypatch.setattr(passes, "ROWS", 5)
    steps, walks = [], set()
    step = TreeAttention.step

    def watched(walk, start, stop, asked):
        logits = step(walk, start, stop, asked)
        steps.append((stop - start, len(logits)))
        walks.add(walk)
        return logits

    monkeypatch.setattr(TreeAttention, "step", watched)
    parts = read(forest, lambda log_probs: by_tree(llama, forest, log_probs, None, 16))
    np.testing.assert_allclose(parts.log_p, whole.log_p, rtol=0, atol=1e-5)
    assert max(nodes for nodes, _ in steps) <= 16
    assert max(rows for _, rows in steps) == 5
    (walk,) = walks
    assert {kept.shape[2] for kept in walk._keys.values()} == {int(forest.trie.depths.max()) + 16}


def test_the_mass_of_the_next_word_is_the_sum_over_its_tokens_by_hand():
    # behind prompt 9: completions (0,) and (0, 1); p after each of three contexts over a vocabulary of five
    forest = join_tries([(9,)], [build_trie(((0,), (0, 1)), beyond=True)])
    probs = torch.tensor([[0.1, 0.2, 0.3, 0.25, 0.15], [0.5, 0.2, 0.1, 0.1, 0.1], [0.05, 0.05, 0.1, 0.3, 0.5]])
    log_probs = LogProbReader(forest, torch.tensor([2, 4]))
    assert log_probs.needed.tolist() == [True, True, True]
    log_probs.read(np.array([0, 1]), probs[:2].log() + 3)  # logits are known up to a constant
    log_probs.read(np.array([2]), probs[2:].log() - 1)
    np.testing.assert_allclose(log_probs.log_p[1:], [math.log(0.1), math.log(0.2)], atol=1e-6)
    np.testing.assert_allclose(log_probs.mass[1:], [math.log(0.1 + 0.1), math.log(0.1 + 0.5)], atol=1e-6)
    assert np.isnan(log_probs.log_p[0])
    assert np.isnan(log_probs.mass[0])


# -- through the engine -------------------------------------------------------------------------------------------
def key_of(engine, model=MODEL):
    return engine.describe(model).run_key(TokenizedPrompt((), "raw"))


def plain_model(folder):
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder).eval()


def test_the_engine_scores_with_word_boundary_mass(tiny_engine, tiny_folder):
    plain, ends = plain_model(tiny_folder), list(tiny_engine.tokenizer(MODEL).word_ends())
    request = ScoreRequest(key_of(tiny_engine).version, prompts(9), COMPLETIONS, boundary=True)
    found = tiny_engine.answer(request)
    pairs = [(prompt, completion) for prompt in request.prompts for completion in COMPLETIONS]
    again = tiny_engine.answer(
        SentenceRequest(
            key_of(tiny_engine).version, tuple(p + c for p, c in pairs), tuple(len(p) for p, _ in pairs), boundary=True
        )
    )
    for number, (prompt, completion) in enumerate(pairs):
        with torch.inference_mode():
            last = plain(torch.tensor([prompt + completion])).logits[0, -1].double().softmax(-1)
        mass = math.log(float(last[ends].sum()))
        assert found.boundary_log_mass.flat[number] == pytest.approx(mass, abs=1e-5)
        assert again.boundary_log_mass[number] == pytest.approx(mass, abs=1e-5)
        assert again.log_p[number] == pytest.approx(found.log_p.flat[number], abs=1e-5)
    assert tiny_engine.answer(dataclasses.replace(request, boundary=False)).boundary_log_mass is None


def test_the_order_of_prompts_and_completions_changes_nothing(tiny_engine):
    rng = np.random.default_rng(0)
    request = ScoreRequest(key_of(tiny_engine).version, prompts(9), COMPLETIONS, boundary=True)
    found = tiny_engine.answer(request)
    rows, cols = rng.permutation(5), rng.permutation(7)
    other = ScoreRequest(
        key_of(tiny_engine).version,
        tuple(request.prompts[i] for i in rows),
        tuple(COMPLETIONS[i] for i in cols),
        boundary=True,
    )
    again = tiny_engine.answer(other)
    np.testing.assert_array_equal(again.log_p, found.log_p[np.ix_(rows, cols)])
    np.testing.assert_array_equal(again.boundary_log_mass, found.boundary_log_mass[np.ix_(rows, cols)])
    alone = tiny_engine.answer(ScoreRequest(key_of(tiny_engine).version, request.prompts[2:3], COMPLETIONS[3:4]))
    assert alone.log_p[0, 0] == pytest.approx(found.log_p[2, 3], abs=1e-5)


def test_scores_are_kept_and_read_only(tiny_engine):
    request = ScoreRequest(key_of(tiny_engine).version, prompts(5), COMPLETIONS, boundary=True)
    assert tiny_engine.kept(request) is None
    found = tiny_engine.answer(request)
    assert tiny_engine.kept(request) is found
    of_a_prompt = tiny_engine.describe(MODEL).run_key(tiny_engine.tokenizer(MODEL).read("zebra", chat=False))
    assert (
        tiny_engine.answer(replace(request, version=of_a_prompt.version)) is found
    )  # whose model it is counts, not the key's own prompt
    sentences = SentenceRequest(of_a_prompt.version, prompts(5), (1,) * 5)
    assert tiny_engine.answer(sentences).log_p.shape == (5,)
    for array in (found.log_p, found.node_log_p, found.paths, found.boundary_log_mass):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_the_cost_is_told_before_and_is_what_was_computed(tiny_engine):
    key = key_of(tiny_engine)
    for tokens in (1, 9, LONG):
        request = ScoreRequest(key.version, prompts(tokens), COMPLETIONS)
        cost = tiny_engine.cost(request)
        assert cost.tokens == tiny_engine.answer(request).tokens
        assert 0 < cost.seconds < 60
    with tiny_engine._leased(MODEL) as ready:
        ready.scorer.tree_up_to = 0
    request = ScoreRequest(key.version, prompts(LONG - 1), COMPLETIONS)
    assert tiny_engine.cost(request).tokens == tiny_engine.answer(request).tokens


def test_what_cannot_be_scored_is_refused_with_the_reason(tiny_engine, tiny_settings):
    key = key_of(tiny_engine)
    with pytest.raises(NothingToScore, match="place=2"):
        tiny_engine.answer(ScoreRequest(key.version, ((3,),), ((4,), ())))
    with pytest.raises(NothingToScore, match="place=2"):
        tiny_engine.answer(SentenceRequest(key.version, ((3, 4), (3,)), (1, 1)))
    with pytest.raises(PromptEmpty):
        tiny_engine.answer(ScoreRequest(key.version, ((3,), ()), ((4,),)))
    with pytest.raises(ScoresTooLong, match="tokens=4097, limit=4096"):
        tiny_engine.answer(ScoreRequest(key.version, ((3,) * 4096,), ((4,),)))
    with pytest.raises(ValueError, match="the first has no probability"):
        tiny_engine.answer(SentenceRequest(key.version, ((3, 4),), (0,)))
    small = LocalEngine(dataclasses.replace(tiny_settings, max_scored=39))
    with pytest.raises(ScoresTooLarge, match="limit=39"):
        small.answer(ScoreRequest(key.version, prompts(9), COMPLETIONS))
    with pytest.raises(ScoresTooLarge, match="limit=39"):
        small.answer(SentenceRequest(key.version, prompts(60), (59,) * 5))
    with tiny_engine._leased(MODEL) as ready:
        ready.scorer.word_ends = ()
    with pytest.raises(WordsNotMarked):
        tiny_engine.answer(ScoreRequest(key.version, ((3,),), ((4,),), boundary=True))


def test_a_product_of_ten_thousand_by_ten_thousand_is_refused_at_once(tiny_engine):
    lists = tuple((3 + i % 300, 3 + i // 300) for i in range(10_000))
    with pytest.raises(ScoresTooLarge, match="limit=2000000"):
        tiny_engine.cost(ScoreRequest(key_of(tiny_engine).version, lists, lists))


@pytest.mark.parametrize("reach", [True, False])
def test_cancel_stops_between_blocks_and_leaves_the_model_usable(tiny_engine, reach):
    with tiny_engine._leased(MODEL) as ready:
        ready.scorer.tree_up_to *= reach
    many = tuple(tuple(3 + (i * 31 + j * j) % 300 for i in range(30)) for j in range(40))
    request, told = ScoreRequest(key_of(tiny_engine).version, many, COMPLETIONS), []
    control = CallControl()
    control = CallControl(
        cancel=control.cancel, progress=lambda share: (told.append(share), len(told) == 2 and control.cancel.set())
    )
    with pytest.raises(Cancelled):
        tiny_engine.answer(request, control)
    assert len(told) == 2
    told.clear()
    found = tiny_engine.answer(request, CallControl(progress=told.append))
    assert np.isfinite(found.log_p).all()
    assert told == sorted(told)
    assert told[-1] == 1


def test_two_threads_at_once_get_their_own_scores(tiny_settings):
    many = [tuple(tuple(3 + (i * k + j * j) % 300 for i in range(40)) for j in range(30)) for k in (7, 13)]
    requests = [ScoreRequest(RUN.version, many[0], COMPLETIONS), SentenceRequest(RUN.version, many[1], (1,) * 30)]
    calls = [
        lambda engine: engine.answer(replace(requests[0], version=key_of(engine).version)),
        lambda engine: engine.answer(replace(requests[1], version=key_of(engine).version)),
    ]
    alone = [call(LocalEngine(tiny_settings)).log_p for call in calls]
    engine, found, waited = LocalEngine(tiny_settings), {}, threading.Barrier(2)
    engine.describe(MODEL)

    def work(number):
        waited.wait()
        found[number] = calls[number](engine).log_p

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, expected in enumerate(alone):
        np.testing.assert_array_equal(found[number], expected)


def test_threads_that_walk_the_same_model_at_once_do_not_mix(llama):
    forests = [random_forest(seed) for seed in (3, 4)]
    alone = [read(forest, lambda log_probs, f=forest: by_tree(llama, f, log_probs, None, 5)) for forest in forests]
    found = {}

    def work(number):
        forest = forests[number]
        found[number] = read(forest, lambda log_probs: by_tree(llama, forest, log_probs, None, 5))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, expected in enumerate(alone):
        np.testing.assert_array_equal(found[number].log_p, expected.log_p)


@pytest.mark.model
def test_the_bundled_models_scores_are_those_of_plain_transformers(bundled_engine):
    from transformers import AutoModelForCausalLM

    from dashboard.engine.models.bundled import prepare
    from dashboard.settings import Settings

    def ids(text):
        return bundled_engine.tokenizer(BUNDLED).read(text, chat=False).ids

    plain = AutoModelForCausalLM.from_pretrained(prepare(Settings())[0]).eval()
    jobs = (" a nurse", " a police officer", " an engineer", " a flight attendant", " nurse", " a nurse's aide")
    request = ScoreRequest(
        RUN.version,
        (ids("The woman worked as"), ids("The man worked as"), ids("My neighbour")),
        tuple(ids(job) for job in jobs),
    )
    found = bundled_engine.answer(replace(request, version=key_of(bundled_engine, BUNDLED).version))
    sentences = tuple(ids(text) for text in ("The nurse said that she was tired.", "The nurse said that he was tired."))
    whole = bundled_engine.answer(SentenceRequest(key_of(bundled_engine, BUNDLED).version, sentences, (1, 1)))
    assert (found.way, whole.way) == ("tree", "tree")
    for i, prompt in enumerate(request.prompts):
        for j, completion in enumerate(request.completions):
            expected = cross_entropy(plain, prompt + completion, len(prompt)).sum()
            assert found.log_p[i, j] == pytest.approx(expected, abs=1e-3)
    for number, sentence in enumerate(sentences):
        assert whole.log_p[number] == pytest.approx(cross_entropy(plain, sentence, 1).sum(), abs=1e-3)


def test_the_tree_is_tried_on_tokens_that_there_are():
    """A vocabulary of eight: ids that are not in it would make any tree fail."""
    model = build("llama", vocab_size=8)
    capturer = pick_capturer(model)
    way = pick_prompt_cache(model, check_ids(model, 8), shared=capturer.plain_softmax)
    assert Scorer(TextGenerator(model, None, lambda: way, ()), None, capturer).tree_up_to > 0
