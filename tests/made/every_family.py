"""Every type of causal language model that transformers knows, built tiny and random, as a person's local folder."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

VOCAB = 300
LIMIT = 16
"""Windows, chunks and top-k of the families that have them: shorter than `IDS`."""
PROMPT = "The quick brown fox jumps; 12 lazy dogs nap"
IDS = tuple(3 + byte for byte in PROMPT.encode())
"""The prompt by which every family is compared, a token each of its bytes."""
LARGEST = 5_000_000
"""Parameters: more is no tiny model."""

_SIZES = {
    VOCAB: "vocab_size vocab_size_per_layer_input unpadded_vocab_size encoder_hash_byte_group_vocab",
    256: "max_position_embeddings n_positions n_ctx max_seq_len",
    128: "intermediate_size d_ff ffn_dim decoder_ffn_dim encoder_ffn_dim ffn_hidden_size n_inner d_inner "
    "mlp_hidden_size intermediate_size_mlp dim_ff prefix_ffn_hidden_size",
    64: "hidden_size n_embd d_model embedding_size word_embed_proj_dim projection_dim input_size "
    "shared_intermediate_size output_proj_dims embed_dim pronunciation_embed_dim shape_embed_dim mm_embed_dim "
    "nemo_conv_channels",
    32: "moe_intermediate_size shared_expert_intermediate_size shared_experts_intermediate_size "
    "expert_intermediate_size mamba_d_head image_size pronunciation_vocab_size shape_vocab_size "
    "position_bias_num_buckets",
    LIMIT: "sliding_window sliding_window_size window_size attention_chunk_size index_topk chunk_size q_lora_rank "
    "kv_lora_rank qk_nope_head_dim v_head_dim linear_key_head_dim linear_value_head_dim mamba_d_state "
    "hidden_size_per_layer_input index_head_dim rel_extent patch_size o_lora_rank local_attention_window_len "
    "head_dim local_attention keep_window_size mamba_chunk_size floor_scale",
    8: "num_attention_heads n_head num_heads n_heads attention_heads decoder_attention_heads "
    "encoder_attention_heads rotary_dim d_head kv_channels qk_rope_head_dim laurel_rank num_attention_groups",
    4: "index_block_size num_hidden_layers n_layer num_layers n_layers decoder_layers num_decoder_layers "
    "num_key_value_heads num_experts num_local_experts n_routed_experts moe_num_experts "
    "linear_num_value_heads index_n_heads mamba_n_heads",
    2: "index_topk_blocks max_window_layers num_experts_per_tok moe_topk moe_k linear_num_key_heads "
    "encoder_layers num_encoder_layers depth",
    1: "n_shared_experts n_group topk_group first_k_dense_replace mamba_n_groups num_mem_blocks",
    0: "num_nextn_predict_layers",
}
SMALL = {name: size for size, names in _SIZES.items() for name in names.split()}
ENDS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
_LISTS = ("layer_types", "mlp_layer_types", "layers_block_type", "no_rope_layers", "block_types", "mlp_only_layers")
_MLA: dict[str, Any] = {
    "qk_rope_head_dim": 8,
    "qk_nope_head_dim": 16,
    "v_head_dim": 16,
    "q_lora_rank": 16,
    "kv_lora_rank": 16,
    "num_key_value_heads": 8,
    "head_dim": 8,
}


def _same(kinds: tuple[str, ...], own: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The same settings for several types."""
    return {kind: dict(own) for kind in kinds}


_MLA_TYPES = ("axk1", "axk2", "deepseek_v2", "deepseek_v3", "deepseek_v32", "glm4_moe_lite", "glm_moe_dsa")
_MIXED = ["sliding_attention", "full_attention"] * 2
_COMPRESSED = ("compressed_sparse_attention", "heavily_compressed_attention")
_LINEAR = ["linear_attention", "full_attention"] * 2
_ROPE = {"rope_type": "default", "rope_theta": 1e4}
_DRAFT = {"hidden_size_per_layer_input": 0, "vocab_size_per_layer_input": 0, "num_kv_shared_layers": 4}
OWN: dict[str, dict[str, Any]] = {
    **_same((*_MLA_TYPES, "minicpm3", "sarvam_mla", "youtu"), _MLA),
    "gpt_neo": {"attention_types": [[["global", "local"], 2]], "num_layers": 4, "window_size": LIMIT},
    "helium": {"head_dim": 8},
    "gemma3n_text": {
        "intermediate_size": 128,
        "num_kv_shared_layers": 2,
        "layer_types": _MIXED,
        "activation_sparsity_pattern": [0.0] * 4,
    },
    "gemma4_text": {"layer_types": _MIXED},
    "granitemoehybrid": {"layer_types": ["mamba", "attention"] * 2},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"] * 2},
    "bamba": {"attn_layer_indices": [1, 3]},
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1},
    "zamba2": {"layers_block_type": ["mamba", "hybrid"] * 2},
    "zamba": {"layers_block_type": ["linear_attention", "hybrid"] * 2},
    "zaya": {"num_experts_per_tok": 1, "router_hidden_size": 16},
    "xmod": {"default_language": "en_XX"},
    "reformer": {"attn_layers": ["local", "lsh"] * 2, "attention_head_size": 8}
    | {"axial_pos_shape": [16, 16], "axial_pos_embds_dim": [32, 32], "feed_forward_size": 128}
    | {"local_attn_chunk_length": LIMIT, "lsh_attn_chunk_length": LIMIT, "hash_seed": 1},
    "falcon_h1": {"mamba_d_ssm": 128},
    "deepseek_v2": _MLA | {"num_experts_per_tok": 2, "n_routed_experts": 4, "topk_method": "greedy"},
    "dots1": {"moe_intermediate_size": 32, "n_routed_experts": 4, "num_experts_per_tok": 2, "n_shared_experts": 1},
    **_same(("hunyuan_v1_dense", "ministral"), {"head_dim": 16}),
    "nemotron": {"head_dim": 16, "num_key_value_heads": 4},
    "hunyuan_v1_moe": {"head_dim": 16, "moe_topk": 2},
    "kimi_linear": _MLA | {"linear_head_dim": 16, "linear_num_heads": 4, "layer_types": _LINEAR},
    "cohere_compass_text": {
        "rope_parameters": {"sliding_attention": _ROPE, "full_attention": _ROPE},
        "layer_types": _MIXED,
    },
    "inkling_text": {"swa_num_attention_heads": 4, "swa_num_key_value_heads": 2, "swa_head_dim": 8, "d_rel": 8}
    | {"layer_types": ["hybrid_sliding", "hybrid"] * 2, "log_scaling_n_floor": LIMIT},
    "inkling2_text": {"swa_num_attention_heads": 4, "swa_num_key_value_heads": 2, "swa_head_dim": 8, "d_rel": 8}
    | {"layer_types": ["hybrid_sliding", "hybrid"] * 2, "log_scaling_n_floor": LIMIT},
    "qwen4_exp_text": {"layer_types": ["linear_attention", "indexed_attention"] * 2, "indexer_n_heads": 4}
    | {"indexer_kv_heads": 1, "indexer_head_dim": 16, "indexer_budget": LIMIT, "indexer_compress_ratio": 4}
    | {"hc_lowrank": 16, "ngram_vocab_size_base": 100},
    "dots3_note_audio_encoder": {"adapter_input_size": 64, "adapter_out_dim": 64},
    "dots3_note_vision_encoder": {
        "adapter_in_dim": 64,
        "adapter_out_dim": 64,
        "mlp_layer_types": ["dense", "sparse"] * 2,
    },
    "dots3_note_text": {"layer_types": ["indexed_attention", "sliding_attention"] * 2, "num_attention_heads": 8}
    | {**_MLA, "head_dim": 16, "swa_num_attention_heads": 4, "swa_num_key_value_heads": 4, "swa_q_lora_rank": 16}
    | {"swa_kv_lora_rank": 16, "swa_head_dim": 24, "swa_qk_nope_head_dim": 16, "swa_v_head_dim": 16},
    **_same(("blt_local_encoder", "blt_local_decoder"), {"head_dim": 8, "hidden_size_global": 64}),
    **_same(("blt_global_transformer", "blt_patcher"), {"head_dim": 8}),
    "deepseek_v4": {"layer_types": ["sliding_attention", *_COMPRESSED, "sliding_attention"]}
    | {"compress_rates": dict(zip(_COMPRESSED, (4, 8), strict=True))},
    **_same(("qwen2", "qwen2_moe", "qwen3", "qwen3_moe"), {"use_sliding_window": True}),
    "xlm": {"emb_dim": 64, "causal": True},
    "longcat_flash": _MLA | {"expert_ffn_hidden_size": 32, "moe_topk": 2, "zero_expert_num": 2, "num_layers": 2},
    "dbrx": {
        "attn_config": {"kv_n_heads": 4, "rope_theta": 1e4, "clip_qkv": 8.0},
        "ffn_config": {"ffn_hidden_size": 64},
    },
    "phi4_multimodal": {"audio_config": {"num_blocks": 1, "ext_pw_out_channel": 64}},
    "phi4_multimodal_audio": {"depthwise_separable_out_channel": 64},
    "gemma4_assistant": {"text_config": _DRAFT, "backbone_hidden_size": 64},
    "gemma4_unified_assistant": {"text_config": _DRAFT, "backbone_hidden_size": 64},
}
"""Settings of a (sub)configuration that has to have others than its sizes."""
DEFAULTS: dict[str, dict[str, Any]] = {
    "dots3_note": {"vision_config": {"num_hidden_layers": 4, "mlp_layer_types": ["dense", "sparse"] * 2}},
    "gemma4_assistant": {"text_config": _DRAFT | {"model_type": "gemma4_text", "num_hidden_layers": 4}},
}
"""Settings without which a type's configuration cannot even be made."""


def types() -> list[str]:
    """All of them, by name."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    return sorted(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)


def build(kind: str) -> tuple[Any, Any]:
    """A tiny random model of the type with eager attention, and the configuration of its folder.

    Raises:
        Exception: whatever transformers raises where it cannot build or run it.
    """
    import torch

    first: Exception | None = None
    for left_out in ((), _LISTS[:5], ("head_dim",), ("head_dim", "layer_types", "v_head_dim"), ("num_hidden_layers",)):
        try:
            config = configuration(kind, left_out)
            model = _model(config)
            with torch.inference_mode():
                model(input_ids=torch.tensor([IDS]), use_cache=False)
            return model, config
        except Exception as error:  # noqa: BLE001 there is no one error for settings that a type does not take
            first = first or error
    assert first is not None
    raise first


def configuration(kind: str, left_out: tuple[str, ...] = ()) -> Any:
    """The type's configuration with small sizes, those of its towers too; some settings keep the type's own values."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    default = CONFIG_MAPPING[kind](**DEFAULTS.get(kind, {}))
    return type(default)(**_shrunk(default, left_out))


def _shrunk(config: Any, left_out: tuple[str, ...]) -> dict[str, Any]:
    """Settings that make a configuration of this kind small."""
    own: dict[str, Any] = {}
    for name in (setting.name for setting in fields(config)):
        value = _value(config, name)
        if name in SMALL and type(value) in (int, float) and value > 0:
            own[name] = SMALL[name]
        elif name == "is_decoder":
            own[name] = True
        elif name in ENDS:
            own[name] = ENDS[name]
        elif name in _LISTS and isinstance(value, list):
            own[name] = [] if name == "mlp_only_layers" else None
    own |= OWN.get(config.model_type, {})
    own = {name: value for name, value in own.items() if name not in left_out}
    for name in config.sub_configs:
        part = _value(config, name)
        if part is not None:
            own[name] = {"model_type": part.model_type, **_shrunk(part, left_out), **own.get(name, {})}
    return own


def _value(config: Any, name: str) -> Any:
    try:
        return getattr(config, name, None)
    except RuntimeError:  # a setting in which layers differ
        return None


def _model(config: Any) -> Any:
    """The model, sharpened so that its patterns are not uniform."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        size = sum(p.numel() for p in AutoModelForCausalLM.from_config(config).parameters())
    if size > LARGEST:
        raise ValueError(f"{size:,} parameters are too many for a tiny model")
    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval().float()
    for name, parameter in model.named_parameters():
        if parameter.ndim >= 2 and not any(part in name for part in ("embed", "wte", "wpe")):
            parameter.data.mul_(3)
        elif "sinks" in name:
            parameter.data.normal_(0, 1)
    return model.requires_grad_(False)


def save(kind: str, folder: Path) -> Any:
    """Write the model, its tokenizer and the type's own configuration to `folder`; gives the model."""
    model, config = build(kind)
    model.save_pretrained(folder)
    if type(config) is not type(model.config):  # the type wraps what was taken of it
        config.save_pretrained(folder)
    stored = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    stored.pop("architectures", None)  # what it is shall be measured
    (folder / "config.json").write_text(json.dumps(stored), encoding="utf-8")
    tokenizer().save_pretrained(folder)
    return model


def tokenizer() -> Any:
    """A token for each byte and no merges, so that every family's own tokenizer class reads it alike."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    vocab = {"<pad>": 0, "<s>": 1, "</s>": 2} | {letter: 3 + byte for byte, letter in bytes_to_unicode().items()}
    raw = Tokenizer(models.BPE(vocab, []))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=raw, pad_token="<pad>", bos_token="<s>", eos_token="</s>")
