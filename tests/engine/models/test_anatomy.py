"""Sizes are asked of a model, not assumed: vocabularies, contexts, layers and settings of any kind."""

import pytest
import torch

from dashboard.engine.capture.capture_choice import pick_capturer
from dashboard.engine.capture.head import ResidualHook, exact_head
from dashboard.engine.capture.residual_stream import find_residual_stream
from dashboard.engine.models import anatomy
from tests.made import every_family
from tests.made.families import build


@pytest.mark.parametrize("positions", [8, 12])
@pytest.mark.parametrize("vocab", [2, 8, 10, 300])
def test_a_model_of_any_vocabulary_and_context_is_made_ready(vocab, positions):
    model = build("gpt2", vocab_size=vocab, n_positions=positions, bos_token_id=0, eos_token_id=0, pad_token_id=None)
    capturer = pick_capturer(model)
    head = exact_head(capturer, ResidualHook(model))
    assert not capturer.without_attention
    assert find_residual_stream(model, capturer.blocks, anatomy.check_ids(model, 6), head).module_map.why_no_lens == ""
    assert anatomy.context_length(model) == positions


@pytest.mark.parametrize("count", [1, 6, 12, 100])
@pytest.mark.parametrize("vocab", [1, 3, 4, 8, 300])
def test_ids_of_a_check_are_in_the_vocabulary_fit_the_context_and_stand_for_nothing_special(vocab, count):
    model = build("gpt2", vocab_size=vocab, n_positions=20, bos_token_id=0, eos_token_id=0, pad_token_id=None)
    model.config.image_token_id = 5
    ids = anatomy.check_ids(model, count)
    assert 0 < len(ids) <= min(count, 20)
    assert set(ids) <= set(range(vocab))
    assert vocab < 6 or 5 not in ids


def test_a_padding_token_far_up_in_the_vocabulary_shortens_no_check():
    model = build("llama", pad_token_id=299, max_position_embeddings=64)
    assert len(anatomy.check_ids(model, 12)) == 12


def tiny(kind, **own):
    from transformers import AutoConfig, AutoModelForCausalLM

    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    settings = {"vocab_size": 90, "max_position_embeddings": 34, "is_decoder": True, "pad_token_id": 1, **sizes, **own}
    return AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **settings)).eval()


@pytest.mark.parametrize(
    ("kind", "context"),
    [("roberta", 32), ("camembert", 32), ("xlm-roberta", 32), ("data2vec-text", 32), ("bert", 34), ("opt", 34)],
)
def test_a_table_of_learned_positions_says_how_much_a_model_reads(kind, context):
    model = tiny(kind)
    assert anatomy.context_length(model) == context
    ids = [3 + i % 80 for i in range(context + 1)]
    anatomy.run(model, tuple(ids[:-1]))
    with pytest.raises((IndexError, RuntimeError)):
        anatomy.run(model, tuple(ids))


def test_a_family_that_goes_over_to_sparse_attention_reads_up_to_there():
    assert anatomy.context_length(tiny("big_bird", block_size=2, num_random_blocks=1)) == 14


@pytest.mark.parametrize("kind", ["dots3_note_text", "gemma4_text"])
def test_a_setting_in_which_layers_differ_has_a_value_for_each_of_them(kind):
    config = every_family.configuration(kind)
    uneven = next(iter(config.per_layer_attributes))
    with pytest.raises(RuntimeError):
        getattr(config, uneven, None)
    values = anatomy.config_values(config, uneven)
    assert len(values) == config.num_hidden_layers and len(set(values)) > 1
    assert anatomy.largest_config_value(config, uneven, default=0) == max(values)
    assert anatomy.config_values(config, "no such setting") == []
    assert anatomy.has_heads(config)


@pytest.mark.parametrize(
    ("kind", "layers"), [("whisper", 4), ("bart", 4), ("mllama", 4), ("hrm_text", 0), ("llama", 4)]
)
def test_the_decoder_layers_are_the_modules_that_run_one_after_the_other(kind, layers):
    model, _ = every_family.build(kind)
    blocks = anatomy.decoder_blocks(model)
    assert len(blocks) == layers
    ran = []
    for i, block in enumerate(blocks):
        block.register_forward_hook(lambda *_, i=i: ran.append(i))
    with torch.inference_mode():
        model(torch.tensor([every_family.IDS]), use_cache=False)
    assert ran == sorted(set(ran)) and (not blocks or ran)
