"""The families of models that the engine claims, built tiny and random: one entry a family."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

WINDOW = 16
"""Sliding window of the families that have one; shorter than the test's prompt."""
_COMMON: dict[str, Any] = {
    "vocab_size": 300,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
_SIZES: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 4,
    "num_attention_heads": 8,
    "max_position_embeddings": 512,
}
_GPT: dict[str, Any] = {"n_embd": 64, "n_layer": 4, "n_head": 8, "n_positions": 512}
_MOE: dict[str, Any] = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}
_MLA: dict[str, Any] = {
    "q_lora_rank": 16,
    "kv_lora_rank": 16,
    "qk_rope_head_dim": 8,
    "qk_nope_head_dim": 16,
    "v_head_dim": 16,
}
_LINEAR: dict[str, Any] = {
    "linear_num_value_heads": 4,
    "linear_num_key_heads": 2,
    "linear_key_head_dim": 16,
    "linear_value_head_dim": 16,
    "shared_expert_intermediate_size": 32,
}
KV2: dict[str, Any] = {"num_key_value_heads": 2}
WIDE: dict[str, Any] = {"num_key_value_heads": 2, "head_dim": 16}

# name -> (model type, its own settings on top of the common ones; a family with names of its own gives all sizes)
SETTINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("llama", {**_SIZES, **KV2}),
    "gpt2": ("gpt2", _GPT),
    "gpt2-scaled": ("gpt2", {**_GPT, "scale_attn_by_inverse_layer_idx": True, "reorder_and_upcast_attn": True}),
    "gpt_neox": ("gpt_neox", _SIZES),
    "opt": ("opt", {**_SIZES, "ffn_dim": 128, "word_embed_proj_dim": 64}),
    "qwen2": ("qwen2", {**_SIZES, **KV2}),
    "qwen3": ("qwen3", {**_SIZES, **WIDE}),
    "gemma": ("gemma", {**_SIZES, "num_key_value_heads": 1, "head_dim": 16}),
    "gemma2": (
        "gemma2",
        {**_SIZES, **WIDE, "sliding_window": WINDOW, "attn_logit_softcapping": 2.0, "query_pre_attn_scalar": 16},
    ),
    "gemma3": (
        "gemma3_text",
        {**_SIZES, **WIDE, "sliding_window": WINDOW, "sliding_window_pattern": 2, "query_pre_attn_scalar": 16},
    ),
    "mistral": ("mistral", {**_SIZES, **KV2, "sliding_window": WINDOW}),
    "phi": ("phi", {**_SIZES, "num_key_value_heads": 8}),
    "phi3": ("phi3", {**_SIZES, **KV2, "sliding_window": WINDOW}),
    "olmo2": ("olmo2", {**_SIZES, "num_key_value_heads": 8}),
    "gpt_bigcode": ("gpt_bigcode", _GPT),
    "gpt_oss": (
        "gpt_oss",
        {**_SIZES, **WIDE, "sliding_window": WINDOW, "num_local_experts": 4, "num_experts_per_tok": 2},
    ),
    "starcoder2": ("starcoder2", {**_SIZES, **KV2, "sliding_window": WINDOW}),
    "cohere": ("cohere", {**_SIZES, **KV2}),
    "cohere2": ("cohere2", {**_SIZES, **KV2, "sliding_window": WINDOW}),
    "granite": ("granite", {**_SIZES, **KV2, "logits_scaling": 4.0, "attention_multiplier": 0.2}),
    "stablelm": ("stablelm", {**_SIZES, **KV2}),
    "smollm3": ("smollm3", {**_SIZES, **KV2}),
    "qwen3_moe": ("qwen3_moe", {**_SIZES, **WIDE, **_MOE}),
    "deepseek_v3": (
        "deepseek_v3",
        {**_SIZES, **_MLA, **_MOE, "n_routed_experts": 4, "n_group": 1, "topk_group": 1, "first_k_dense_replace": 1}
        | {"num_key_value_heads": 8},
    ),
    "qwen3_next": ("qwen3_next", {**_SIZES, **WIDE, **_MOE, **_LINEAR}),
    "bloom": ("bloom", {"hidden_size": 64, "n_layer": 4, "n_head": 8}),
    "falcon-alibi": ("falcon", {**_SIZES, "alibi": True}),
    "falcon-rope": ("falcon", {**_SIZES, "alibi": False, "multi_query": True, "new_decoder_architecture": False}),
    "gptj": ("gptj", {**_GPT, "rotary_dim": 8}),
    "gpt_neo": (
        "gpt_neo",
        {"hidden_size": 64, "num_layers": 4, "num_heads": 8, "attention_types": [[["global", "local"], 2]]}
        | {"window_size": WINDOW, "max_position_embeddings": 512},
    ),
    "mpt": ("mpt", {"d_model": 64, "n_layers": 4, "n_heads": 8}),
    "codegen": ("codegen", {**_GPT, "rotary_dim": 8}),
    "xglm": ("xglm", {"d_model": 64, "num_layers": 4, "attention_heads": 8, "ffn_dim": 128}),
    "openai-gpt": ("openai-gpt", _GPT),
}
WITHOUT_ATTENTION = {"qwen3_next": (0, 1, 2)}
"""Layers that have no map."""
SINKS = {"gpt_oss"}
"""Families whose rows sum to less than 1."""
REPLAYED = {"bloom", "falcon-alibi", "falcon-rope", "gpt_neo", "mpt", "xglm", "openai-gpt"}
if version("transformers").startswith("5.23."):
    REPLAYED |= {"gptj", "codegen"}


def build(name: str, **settings: Any) -> Any:
    """A tiny random model of the family with eager attention, sharpened so that patterns are not uniform."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    kind, own = SETTINGS[name]
    config = AutoConfig.for_model(kind, **{**_COMMON, **own, **settings})
    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval().float()
    model.requires_grad_(False)
    for parameter_name, parameter in model.named_parameters():
        if "sinks" in parameter_name:
            parameter.data.normal_(0, 1)
        elif parameter.ndim >= 2 and not any(part in parameter_name for part in ("embed", "wte", "wpe")):
            parameter.data.mul_(6)
    return model


FAMILIES: dict[str, Callable[[], Any]] = {name: (lambda name=name: build(name)) for name in SETTINGS}
