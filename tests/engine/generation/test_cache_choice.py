"""Texts go on with the model's own logits beyond every length at which its family changes."""

import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import Phi3Config

from dashboard.engine.api.decoding import DecodeSettings
from dashboard.engine.api.generation import Column, GenerateRequest
from dashboard.engine.api.model import CallControl
from dashboard.engine.api.scoring import ScoreRequest, SentenceRequest
from dashboard.engine.capture.capture_choice import pick_capturer
from dashboard.engine.capture.limits import Limit, Proof, last_logits
from dashboard.engine.device.device_lock import DeviceLock
from dashboard.engine.generation.batch import generate
from dashboard.engine.generation.cache_choice import PromptCache, limit_prompt_cache, pick_prompt_cache
from dashboard.engine.generation.prompt_cache import CopiedCache, NoCache, SharedPrefix
from dashboard.engine.generation.text_generator import DeviceTurn, TextGenerator
from dashboard.engine.scoring.scorer import Scorer
from tests.engine.capture.test_limits import LONGROPE, WINDOWED, longrope, text_ids, windowed
from tests.made.families import build
from tests.made.samples import RUN

AT = 24
"""The limit of the models here: texts cross it. Small enough to cross, larger than the copy's."""


def longrope_with_window():
    """A tiny random Phi-3 with both: rotary factors that change, and a window."""
    config = Phi3Config(
        **{"vocab_size": 300, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2}
        | {"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 512, "pad_token_id": 0},
        original_max_position_embeddings=AT,
        rope_parameters=LONGROPE | {"original_max_position_embeddings": AT},
        sliding_window=AT + 6,
    )
    from transformers import AutoModelForCausalLM

    torch.manual_seed(2)
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
    for name, parameter in model.named_parameters():
        if parameter.ndim >= 2 and "embed" not in name:
            parameter.data.mul_(6)
    return model


KINDS = {name: lambda name=name: windowed(name, AT) for name in WINDOWED} | {
    "longrope": lambda: longrope(AT),
    "longrope-window": longrope_with_window,
    "llama": lambda: build("llama"),
}


def ready(make):
    """(the model as plain transformers has it, a generator and a scorer of another with the same weights)"""
    plain, model = make(), make()
    proof = Proof.of(model, 512)
    capturer = pick_capturer(model, proof)
    way = limit_prompt_cache(pick_prompt_cache(model, text_ids(8), shared=capturer.plain_softmax), proof, model)
    generator = TextGenerator(model, None, lambda: way, ())
    return plain, generator, Scorer(generator, None, capturer)


@pytest.fixture(scope="module", params=KINDS, ids=KINDS)
def kind(request):
    return (request.param, *ready(KINDS[request.param]))


@pytest.fixture
def turn():
    lock, control = DeviceLock(5), CallControl()
    with lock.held(control):
        yield DeviceTurn(lock, control)


def log_p(model, ids, new):
    """(new,) ln p of the last tokens, by one pass of plain transformers over the whole text."""
    logits = last_logits(model, ids, new + 1)[:-1]
    return logits.log_softmax(-1).gather(-1, torch.tensor(ids[-new:])[:, None])[:, 0].numpy()


@pytest.mark.parametrize("tokens", [4, AT - 4, AT, AT + 1, AT + 9])
def test_rows_have_the_logits_of_a_whole_pass_at_every_step(kind, tokens):
    """Prompts below, at and beyond the limit; steps of one token, and of several at once."""
    _, plain, generator, _ = kind
    ids = text_ids(tokens + 8)
    prompt, rest = torch.tensor(ids[:tokens]), torch.tensor([ids[tokens:], ids[tokens:][::-1]])
    with torch.inference_mode():
        computed = generator.prompt_cache.prompt(generator.model, prompt)
        rows = computed.begin(2)
        assert torch.allclose(computed.logits, last_logits(plain, ids[:tokens])[0], atol=1e-3)
        done = 0
        for count in (1, 1, 1, 1, 1, 3):
            logits = rows.step(rest[:, done : done + count])[:, -1]
            done += count
            wholes = [last_logits(plain, [*ids[:tokens], *row[:done]])[0] for row in rest.tolist()]
            assert (logits - torch.stack(wholes)).abs().max() < 1e-3, done


@pytest.mark.parametrize("tokens", [6, AT - 4, AT + 9])
def test_a_greedy_text_is_that_of_whole_passes_and_its_ln_p_those_of_one(kind, tokens, turn):
    _, plain, generator, _ = kind
    ids = text_ids(tokens)
    request = GenerateRequest(RUN, (Column(DecodeSettings(do_sample=False), max_new_tokens=10),))
    output = generate(generator, ids, request, turn, lambda _: None).outputs[0]
    expected = list(ids)
    for _ in range(10):
        expected.append(int(last_logits(plain, expected)[0].argmax()))
    assert output.ids.tolist() == expected[tokens:]
    np.testing.assert_allclose(output.log_p, log_p(plain, expected, 10), rtol=0, atol=1e-3)
    taken = [row.tolist().index(token) for row, token in zip(output.alternatives, output.ids, strict=True)]
    np.testing.assert_allclose(output.alternative_log_p[range(10), taken], output.log_p, rtol=0, atol=1e-5)


@pytest.mark.parametrize("boundary", [False, True])
def test_scores_are_those_of_one_pass_over_each_text(kind, boundary, turn):
    """Completions that share their first tokens and end on both sides of the limit."""
    _, plain, _, scorer = kind
    vars(scorer)["word_ends"] = ends = (5, 6, 7)
    ids = text_ids(AT + 9)
    prompts = ids[:4], ids[: AT - 3], ids[: AT - 2], ids
    completions = (40,), (40, 41), (40, 41, 42, 43, 44, 45), (50, 51, 52)
    scores = scorer.score(ScoreRequest(RUN.version, prompts, completions, boundary), turn)
    for i, prompt in enumerate(prompts):
        for j, completion in enumerate(completions):
            own = log_p(plain, [*prompt, *completion], len(completion))
            np.testing.assert_allclose(scores.token_log_p[i, j, : len(own)], own, rtol=0, atol=1e-3)
            assert scores.log_p[i, j] == pytest.approx(own.sum(), abs=1e-3)
            if boundary:
                after = last_logits(plain, [*prompt, *completion])[0].log_softmax(-1)[list(ends)].logsumexp(-1)
                assert scores.boundary_log_mass[i, j] == pytest.approx(float(after), abs=1e-3)


def test_sentences_are_scored_as_one_pass_over_each(kind, turn):
    _, plain, _, scorer = kind
    ids = text_ids(AT + 9)
    sentences, given = (ids[:8], ids[:AT], ids[: AT + 1], ids, ids), (1, 1, 5, 5, AT + 2)
    scores = scorer.score_sentences(SentenceRequest(RUN.version, sentences, given), turn)
    for sentence, before, row in zip(sentences, given, scores.token_log_p, strict=True):
        np.testing.assert_allclose(row, log_p(plain, sentence, len(sentence) - before), rtol=0, atol=1e-3)


def test_what_is_known_to_hold_is_not_given_up(kind):
    """A cache stays a cache: windows make nothing wrong, and a switch only what was computed before it."""
    name, _, generator, _ = kind
    if name.startswith("longrope"):
        shared = CopiedCache if "window" in name else SharedPrefix
        assert generator.prompt_cache.kind is shared
        assert AT in generator.prompt_cache.switches
        assert generator.prompt_cache.exact_up_to == sys.maxsize
    elif name == "llama":
        assert generator.prompt_cache == PromptCache(SharedPrefix)
    else:
        assert generator.prompt_cache == PromptCache(CopiedCache)


def test_beyond_a_limit_that_cannot_be_proven_all_is_computed_anew():
    model = windowed("mistral", AT)
    model.config.window_size = 20  # nothing reads it: its effect cannot be shown
    proof = Proof.of(model, 512)
    assert proof.unproven == (Limit("window_size", 20),)
    capturer = pick_capturer(model, proof)
    way = limit_prompt_cache(pick_prompt_cache(model, text_ids(8), shared=capturer.plain_softmax), proof, model)
    assert capturer.kernel == "replay"  # the family's own code, whatever the length
    assert (way.kind, way.exact_up_to) == (CopiedCache, 20)
    assert (way.name(20), way.name(21)) == ("copied", "anew")
    with torch.inference_mode():
        assert isinstance(way.prompt(model, torch.tensor(text_ids(21))), NoCache)
        rows = way.prompt(model, torch.tensor(text_ids(19))).begin(1)
        for count in range(20, 24):
            found = rows.step(torch.tensor([[text_ids(count)[-1]]]))[0, -1]
            assert torch.allclose(found, last_logits(model, text_ids(count))[0], atol=1e-4)


@pytest.mark.parametrize("kind_of_way", [NoCache, CopiedCache])
@pytest.mark.parametrize("copied", [True, False])
def test_a_switch_is_known_whatever_way_was_found(kind_of_way, copied, turn):
    """What must be read as one text depends neither on a cache that is valid nor on a copy that can be run."""
    plain, model = longrope(AT), longrope(AT)
    proof = Proof.of(model, 512)
    capturer = pick_capturer(model, proof)
    way = limit_prompt_cache(PromptCache(kind_of_way), proof if copied else replace(proof, short=None), model)
    assert way.switches == (AT,)
    scorer = Scorer(TextGenerator(model, None, lambda: way, ()), None, capturer)
    scorer.tree_up_to = 0
    ids = text_ids(AT - 4)
    completions = (5, 9), (5, 9, 33, 21, 8, 91, 44)
    scores = scorer.score(ScoreRequest(RUN.version, (ids,), completions), turn)
    for j, completion in enumerate(completions):
        own = log_p(plain, [*ids, *completion], len(completion))
        np.testing.assert_allclose(scores.token_log_p[0, j, : len(own)], own, rtol=0, atol=1e-3)


def test_a_switch_does_not_drown_in_the_rounding_of_half_precision():
    model = longrope(AT)
    for name, parameter in model.named_parameters():
        if parameter.ndim >= 2 and "embed" not in name:
            parameter.data.div_(30)  # attention that hardly looks: the switch changes little
    model = model.to(torch.bfloat16)
    proof = Proof.of(model, 512)
    way = limit_prompt_cache(
        pick_prompt_cache(model, text_ids(8), shared=pick_capturer(model, proof).plain_softmax), proof, model
    )
    assert way.switches == (AT,)


def test_beams_across_a_switch_are_those_without_a_cache(turn):
    """A cache would go on with keys of the shorter text; transformers itself drops them in Phi-3 alone."""
    plain, generator, _ = ready(lambda: longrope(AT))
    ids = text_ids(AT - 4)
    column = Column(DecodeSettings(do_sample=False), num_return_sequences=2, num_beams=3, max_new_tokens=10)
    outputs = generate(generator, ids, GenerateRequest(RUN, (column,)), turn, lambda _: None).outputs
    options = {"num_beams": 3, "num_return_sequences": 2, "do_sample": False, "max_new_tokens": 10, "use_cache": False}
    own = plain.generate(torch.tensor([ids]), pad_token_id=0, eos_token_id=None, **options)[:, len(ids) :]
    assert [output.ids.tolist() for output in outputs] == own.tolist()
    for output in outputs:
        expected = log_p(plain, [*ids, *output.ids.tolist()], 10)
        np.testing.assert_allclose(output.log_p, expected, rtol=0, atol=1e-3)
