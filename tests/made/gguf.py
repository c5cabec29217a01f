"""GGUF files by the `gguf` package, of a tiny Llama that lies in a folder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

_NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}
_OUTSIDE = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}


def write_gguf(folder: Path, path: Path, kind: str = "F32", *, architecture: str = "llama", vocabulary: bool = True):
    """The Llama of `folder` as a GGUF file at `path`, its matrices stored as `kind`; returns `path`."""
    import gguf
    from safetensors.torch import load_file

    config = json.loads((folder / "config.json").read_text())
    heads = {"q_proj": config["num_attention_heads"], "k_proj": config["num_key_value_heads"]}
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_name("tiny")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads["q_proj"])
    writer.add_head_count_kv(heads["k_proj"])
    writer.add_rope_dimension_count(config["hidden_size"] // heads["q_proj"])
    writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])
    if vocabulary:
        _add_vocabulary(writer, folder)
    for name, tensor in load_file(folder / "model.safetensors").items():
        _add_tensor(writer, name, tensor.float().numpy(), heads, kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_vocabulary(writer, folder: Path) -> None:
    import gguf

    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    special = {token["content"] for token in tokenizer["added_tokens"]}
    vocabulary = sorted(tokenizer["model"]["vocab"], key=tokenizer["model"]["vocab"].get)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(vocabulary)
    writer.add_token_types([gguf.TokenType.CONTROL if t in special else gguf.TokenType.NORMAL for t in vocabulary])
    writer.add_token_merges([" ".join(pair) for pair in tokenizer["model"]["merges"]])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)


def _add_tensor(writer, name: str, values: np.ndarray, heads: dict[str, int], kind: str) -> None:
    import gguf

    stem, _, end = name.rpartition(".")
    if stem in _OUTSIDE:
        name = f"{_OUTSIDE[stem]}.{end}"
    else:
        _, _, layer, part = stem.split(".", 3)
        count = heads.get(part.rpartition(".")[2])
        if count:  # llama.cpp keeps the two halves of a rotary head side by side
            values = values.reshape(count, 2, -1, values.shape[1]).swapaxes(1, 2).reshape(values.shape)
        name = f"blk.{layer}.{_NAMES[part]}.{end}"
    fits = values.ndim == 2 and values.shape[1] % 32 == 0  # as llama.cpp does: rows of whole blocks alone
    stored = gguf.GGMLQuantizationType[kind if fits else "F32"]
    writer.add_tensor(name, gguf.quants.quantize(np.ascontiguousarray(values), stored), raw_dtype=stored)
