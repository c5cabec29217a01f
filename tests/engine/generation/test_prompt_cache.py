"""Rows go on from one prompt with the model's own logits, in every family."""

import warnings

import pytest
import torch
from transformers.modeling_outputs import CausalLMOutputWithPast

from dashboard.engine.capture.attention_override import current
from dashboard.engine.capture.capture_choice import pick_capturer
from dashboard.engine.generation.cache_choice import pick_prompt_cache
from dashboard.engine.generation.prompt_cache import GROWTH_TOKENS, CopiedCache, NoCache, SharedPrefix
from dashboard.engine.models.anatomy import CACHE
from tests.made.families import FAMILIES, REPLAYED, WINDOW, build

IDS = tuple(range(3, 11))
SHARED = {"llama", "gpt2", "gpt2-scaled", "gpt_neox", "opt", "qwen2", "qwen3", "gemma", "phi", "olmo2", "gpt_bigcode"}
SHARED |= {"cohere", "granite", "stablelm", "smollm3", "qwen3_moe"}
"""Families whose rows may share their prompt: plain softmax attention at any length, through the interface."""


@pytest.fixture(scope="module")
def ready():
    """name -> (model ready for capture, the way that was found)."""
    made = {}

    def of(name):
        if name not in made:
            model = build(name)
            capturer = pick_capturer(model)
            made[name] = model, pick_prompt_cache(model, IDS, shared=capturer.plain_softmax)
        return made[name]

    return of


@pytest.mark.parametrize("name", FAMILIES)
def test_rows_go_on_with_the_logits_of_one_whole_pass(ready, name):
    """Longer than a sliding window, one token and several at once, rows that leave."""
    model, way = ready(name)
    generator = torch.Generator().manual_seed(4)
    prompt = torch.randint(3, 290, (WINDOW + 5,), generator=generator)
    behind = torch.randint(3, 290, (3, 7), generator=generator)
    with torch.inference_mode():
        given = way.prompt(model, prompt)
        rows = given.begin(3)
        first = rows.step(behind[:, :1])
        rows.keep(torch.tensor([0, 2]))
        rest = rows.step(behind[[0, 2], 1:6])
        last = rows.step(behind[[0, 2], 6:])
        for place, row in enumerate((0, 2)):
            whole = model(input_ids=torch.cat([prompt, behind[row]])[None], use_cache=False).logits[0].float()
            found = torch.cat([given.logits[None], first[row], rest[place], last[place]])
            error = (found - whole[len(prompt) - 1 :]).abs().max()
            assert error <= 1e-4 * max(1.0, float(whole.abs().max())), way


@pytest.mark.parametrize("name", sorted(SHARED))
def test_families_with_plain_attention_share_their_prompt(ready, name):
    assert ready(name)[1].kind is SharedPrefix


@pytest.mark.parametrize("name", ["gpt_oss", "mistral", "gemma2", *sorted(REPLAYED - {"openai-gpt"})])
def test_families_with_windows_sinks_or_their_own_attention_do_not(ready, name):
    assert ready(name)[1].kind is not SharedPrefix


@pytest.mark.parametrize("name", ["gpt_oss", "gemma2"])
def test_families_with_caps_or_sinks_go_on_from_a_copy_of_their_cache(ready, name):
    assert ready(name)[1].kind is CopiedCache


def test_a_family_without_a_cache_computes_all_anew(ready):
    assert ready("openai-gpt")[1].kind is NoCache


@pytest.mark.parametrize("kind", [SharedPrefix, CopiedCache])
def test_the_cache_has_the_name_that_transformers_gives_it(ready, kind):
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("error")  # since 5.24 an old name is taken with a warning
        kind(ready("gpt2")[0], torch.tensor(IDS)).begin(2).step(torch.tensor([[20], [21]]))
    assert CACHE in vars(CausalLMOutputWithPast())


def test_texts_that_begin_from_one_prompt_do_not_change_each_other(ready):
    model, way = ready("llama")
    with torch.inference_mode():
        prompt = way.prompt(model, torch.tensor(IDS))
        one, other = prompt.begin(1), prompt.begin(1)
        first = one.step(torch.tensor([[20]]))
        other.step(torch.tensor([[30]]))
        second = one.step(torch.tensor([[21]]))
        again = prompt.begin(1).step(torch.tensor([[20, 21]]))
    assert torch.allclose(torch.cat([first, second], 1), again, atol=1e-5)


def test_room_is_made_for_long_texts(ready):
    model, way = ready("llama")
    tokens = torch.randint(3, 290, (2, GROWTH_TOKENS + 9), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        rows = way.prompt(model, torch.tensor(IDS)).begin(2)
        found = torch.cat([rows.step(tokens[:, i : i + 1]) for i in range(tokens.shape[1])], 1)
        whole = model(input_ids=torch.cat([torch.tensor(IDS), tokens[1]])[None], use_cache=False).logits[0]
    assert torch.allclose(found[1], whole[len(IDS) :], atol=1e-3)


def test_attention_is_as_ever_after_a_step(ready):
    model, way = ready("llama")
    with torch.inference_mode():
        before = model(input_ids=torch.tensor([IDS]), use_cache=False).logits
        way.prompt(model, torch.tensor(IDS)).begin(2).step(torch.tensor([[5], [6]]))
        assert current() is None
        assert torch.equal(model(input_ids=torch.tensor([IDS]), use_cache=False).logits, before)


def test_a_failing_step_leaves_no_rows_behind(ready):
    model, way = ready("llama")
    with torch.inference_mode():
        rows = way.prompt(model, torch.tensor(IDS)).begin(1)
        with pytest.raises(IndexError):
            rows.step(torch.tensor([[10**6]]))
    assert current() is None
