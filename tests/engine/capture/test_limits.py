"""The lengths at which a family changes are found, and a copy with small ones shows what happens beyond them."""

import re

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, LlamaConfig
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from dashboard.engine.capture.limits import (
    NAMES,
    PROOF_TOKENS,
    SHORT,
    Limit,
    Proof,
    find_limits,
    last_logits,
    shallow_copy,
    short_copy,
)
from dashboard.engine.models.anatomy import context_length, decoder_blocks
from tests.made.families import FAMILIES, SETTINGS, build

LONG = 200
"""Window of the models here: beyond every text of a proof."""
WINDOWED = sorted(name for name, (_, own) in SETTINGS.items() if {"sliding_window", "window_size"} & own.keys())
LONGROPE = {
    "rope_type": "longrope",
    "rope_theta": 10_000.0,
    "short_factor": [1.0] * 4,
    "long_factor": [8.0] * 4,
    "original_max_position_embeddings": LONG,
}
NO_LIMITS = re.compile(
    # parts of a feed-forward or a mixture of experts, of an encoder, of an image, of training, of scans in equal parts
    r"chunk_size(_feed_forward|_lm_head)?|mamba_chunk_size|chunkwise_kernel|max_inference_chunksize|.*moe.*|topk_group|"
    r"norm_topk_prob|topk_method|top_k_experts|num_local_experts|mask_time_length|mask_feature_length|.*_ratio|"
    # which layers have a window, not how wide it is
    r"use_sliding_window|max_window_layers|.*sliding_window_pattern|.*local_layer_ids|.*layers_block_type|block_types|"
    r"n_layers_per_attn_res_block|num_blocks|num_mem_blocks|"
    # widths, not lengths
    r"block_multiple_of|block_ffn_dim_multiplier|block_auto_adjust_ff_dim|compress_rope_theta|"
    # families without a causal map that could be shown, or counted in blocks of one that is listed
    r"block_size|num_random_blocks|local_num_chunks_(before|after)|lsh_.*|local_attention_probs_dropout_prob|"
    r"index_topk_blocks|index_local_blocks|max_patch_length|pooling|compress_rates|"
    # half of it is the window, which is a setting too
    r"local_attention|"
    # the longest text
    r"context_length|model_max_length|prompt_length|same_length"
)


def text_ids(count):
    """So many ids below 300, all different."""
    return tuple((3 + 7 * i + i * i // 5) % 300 for i in range(count))


def longrope(length=LONG, **settings):
    """A tiny random Llama whose rotary factors change at `length`."""
    config = LlamaConfig(
        **{"vocab_size": 300, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2}
        | {"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 512},
        rope_parameters=LONGROPE | {"original_max_position_embeddings": length},
        **settings,
    )
    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
    for name, parameter in model.named_parameters():
        if parameter.ndim >= 2 and "embed" not in name:
            parameter.data.mul_(6)
    return model


def windowed(name, window=LONG):
    setting = "window_size" if name == "gpt_neo" else "sliding_window"
    return build(name, **{setting: window})


@pytest.mark.parametrize("name", WINDOWED)
def test_a_window_is_found_whatever_the_family_calls_it(name):
    assert [limit.length for limit in find_limits(windowed(name))] == [LONG]


@pytest.mark.parametrize("name", [name for name in FAMILIES if name not in WINDOWED])
def test_families_without_such_a_length_have_no_limit(name):
    assert find_limits(build(name)) == ()


def test_a_switch_of_rotary_factors_is_found_and_a_fixed_scaling_is_none():
    assert find_limits(longrope()) == (Limit("original_max_position_embeddings", LONG),)
    yarn = {"rope_type": "yarn", "factor": 2.0, "original_max_position_embeddings": 256, "rope_theta": 10_000.0}
    scaled = AutoConfig.for_model("llama", **SETTINGS["llama"][1], vocab_size=300, rope_parameters=yarn)
    assert find_limits(AutoModelForCausalLM.from_config(scaled)) == ()


def test_a_limit_that_no_prompt_reaches_is_none():
    assert find_limits(longrope(), LONG) == ()
    assert len(find_limits(longrope(), LONG + 1)) == 1


@pytest.mark.parametrize("make", [*(lambda n=n: windowed(n) for n in WINDOWED), longrope], ids=[*WINDOWED, "longrope"])
def test_the_copy_computes_what_a_model_built_with_small_limits_computes(make):
    """Below its limits as the model itself does, beyond them as another does that has them from the start."""
    model = make()
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    proof = Proof.of(model)
    limits = proof.limits
    short = short_copy(model, [limit.name for limit in limits])
    ids = text_ids(PROOF_TOKENS)
    assert torch.equal(last_logits(short, ids[: SHORT - 1]), last_logits(model, ids[: SHORT - 1]))
    beyond = last_logits(short, ids)
    assert (beyond - last_logits(model, ids)).abs().max() > 1e-3
    assert proof.unproven == ()
    assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())
    assert find_limits(model) == limits


@pytest.mark.parametrize("name", WINDOWED)
def test_the_copy_is_the_model_with_that_window(name):
    short = short_copy(windowed(name), [limit.name for limit in find_limits(windowed(name))])
    built = windowed(name, SHORT)
    built.load_state_dict(short.state_dict(), strict=False)
    assert torch.allclose(
        last_logits(short, text_ids(PROOF_TOKENS)), last_logits(built, text_ids(PROOF_TOKENS)), atol=1e-5
    )


def test_the_copy_holds_no_second_set_of_weights():
    model = longrope()
    short = short_copy(model, ["original_max_position_embeddings"])
    assert {p.data_ptr() for p in model.parameters()} == {p.data_ptr() for p in short.parameters()}


def test_a_limit_whose_effect_the_copy_does_not_show_is_unproven():
    model = windowed("mistral")
    model.config.window_size = 100  # nothing reads it
    proof = Proof.of(model)
    assert {limit.name for limit in proof.limits} == {"sliding_window", "window_size"}
    assert proof.unproven == (Limit("window_size", 100),)


def test_a_proof_goes_beyond_more_than_one_chunk():
    assert PROOF_TOKENS > 3 * SHORT


def test_every_setting_of_a_causal_type_that_sounds_like_a_limit_is_one_or_is_known_not_to_be():
    unknown = {}
    for kind in sorted(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES):
        try:
            settings = vars(CONFIG_MAPPING[kind]().get_text_config(decoder=True))
        except Exception as error:  # noqa: BLE001 - a default configuration that its own library refuses
            assert "alidation" in type(error).__name__, kind
            continue
        for name in settings:
            sounds = re.search(r"window|chunk|topk|top_k|compress|block|local|original_max|length", name)
            if sounds and name not in NAMES and not NO_LIMITS.fullmatch(name) and not hasattr(dict, name):
                unknown.setdefault(name, kind)
    assert not unknown


POSITIONS = ("roberta", "camembert", "xlm-roberta", "data2vec-text", "roberta-prelayernorm", "bert", "electra")
POSITIONS += ("rembert", "ernie", "biogpt", "opt", "bart", "mvp", "gpt2", "gpt_neo", "openai-gpt", "ctrl", "gptj")


@pytest.mark.parametrize("kind", POSITIONS)
def test_as_many_tokens_are_read_as_there_are_positions_for(kind):
    """What can be learned from six tokens is what a longer text runs into."""
    sizes = {"vocab_size": 200, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "is_decoder": True}
    sizes |= {"num_attention_heads": 4, "max_position_embeddings": 34, "pad_token_id": 1, "eos_token_id": 0}
    extra = {"gpt_neo": {"attention_types": [[["global", "local"], 1]]}, "gptj": {"rotary_dim": 4}}
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **sizes | extra.get(kind, {}))).eval()
    readable = context_length(model)
    last_logits(model, [5 + i % 90 for i in range(readable)])
    with pytest.raises((IndexError, RuntimeError)):
        last_logits(model, [5 + i % 90 for i in range(readable + 1)])
    assert readable == (32 if "roberta" in kind or kind in {"camembert", "data2vec-text"} else 34)


@pytest.mark.parametrize("name", WINDOWED)
def test_a_proof_takes_few_layers_but_one_of_every_kind(name):
    """Of 24 layers; which have a window alternates in some families."""
    layers = {"num_hidden_layers": 24, "sliding_window": LONG}
    if name == "gpt_neo":
        layers = {"num_layers": 24, "attention_types": [[["global", "local"], 12]], "window_size": LONG}
    model = build(name, **layers)
    shallow = shallow_copy(model)
    blocks = len(decoder_blocks(shallow))
    assert blocks < 24
    kinds = getattr(model.config, "layer_types", None) or getattr(model.config, "attention_layers", [""])
    assert set(kinds[:blocks]) == set(kinds)
    assert Proof.of(model).unproven == ()
    assert len(decoder_blocks(model)) == 24


def test_a_family_that_cannot_do_with_fewer_layers_keeps_them(monkeypatch):
    model = build("mistral", num_hidden_layers=12)
    monkeypatch.setattr("dashboard.engine.capture.limits.run", lambda *_: (_ for _ in ()).throw(IndexError("layer 11")))
    assert len(decoder_blocks(shallow_copy(model))) == 12
