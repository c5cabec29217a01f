"""The model's own generation config: every field that transformers reads, against ``generate`` with the same config."""

import copy
import inspect
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import GenerationConfig
from transformers.generation import GenerationMixin

from dashboard.engine.api.decoding import OF_BEAMS, PENALTIES, PURE, WARPERS, DecodeSettings
from dashboard.engine.api.generation import Column, CompareRequest, GenerateRequest, TreeRequest
from dashboard.engine.api.model import CallControl
from dashboard.engine.generation.batch import generate
from dashboard.engine.generation.probability_tree import probability_tree
from dashboard.engine.generation.settings_comparison import compare
from dashboard.engine.models.generation_config import (
    ACTS,
    LEFT_OUT,
    OF_COLUMNS,
    REFUSED,
    WITHOUT_EFFECT,
    Origin,
    ending_of,
    read_rules,
    without_rules,
)
from dashboard.engine.prediction.decoding import process, processors
from dashboard.errors import NothingLeft
from tests.engine.generation.test_batch import as_transformers_draws, generator, turn  # noqa: F401 - fixtures
from tests.made.samples import RUN

IDS = [7, 20, 7, 33, 50]
ALONE = [7]
NEW = 6
GREEDY = DecodeSettings(do_sample=False)
SAMPLED = DecodeSettings(temperature=2.0, top_k=60)
WAYS = {
    "greedy": Column(GREEDY, max_new_tokens=NEW),
    "sampled": Column(SAMPLED, max_new_tokens=NEW),
    "pure": Column(DecodeSettings(temperature=1.5), max_new_tokens=NEW),
    "beams": Column(GREEDY, num_return_sequences=3, num_beams=3, max_new_tokens=NEW),
    "beam-sample": Column(SAMPLED, num_return_sequences=3, num_beams=3, max_new_tokens=NEW),
}
FIELDS = {
    "sequence_bias": lambda g: {"sequence_bias": [[[g[0]], -60.0], [[g[1], g[2]], -60.0], [[9], 4.5]]},
    "encoder_repetition_penalty": lambda g: {"encoder_repetition_penalty": 0.2},
    "encoder_no_repeat_ngram_size": lambda g: {"encoder_no_repeat_ngram_size": 1},
    "bad_words_ids": lambda g: {"bad_words_ids": [[g[0]], [g[1], g[2]], [3, 4]]},
    "bad_words_ids and the end": lambda g: {"bad_words_ids": [[g[0]], [g[1]]], "eos_token_id": [g[1]]},
    "min_length": lambda g: {"min_length": len(IDS) + 5, "eos_token_id": g[2]},
    "min_new_tokens": lambda g: {"min_new_tokens": 5, "eos_token_id": [g[1], g[3]]},
    "both minima": lambda g: {"min_length": 100, "min_new_tokens": 3, "eos_token_id": g[1]},
    "forced_bos_token_id": lambda g: {"forced_bos_token_id": 77},
    "forced and suppressed at the beginning": lambda g: {"forced_bos_token_id": 77, "begin_suppress_tokens": [5, *g]},
    "forced_eos_token_id": lambda g: {"forced_eos_token_id": 5},
    "several forced ends": lambda g: {"forced_eos_token_id": [5, 6], "eos_token_id": 6},
    "an end that is forbidden and forced": lambda g: {
        **{"min_new_tokens": NEW, "forced_eos_token_id": g[2], "eos_token_id": g[2], "remove_invalid_values": True}
    },
    "remove_invalid_values": lambda g: {"remove_invalid_values": True, "bad_words_ids": [[g[0]]]},
    "exponential_decay_length_penalty": lambda g: {"exponential_decay_length_penalty": [2, 3.0], "eos_token_id": 9},
    "suppress_tokens": lambda g: {"suppress_tokens": g},
    "begin_suppress_tokens": lambda g: {"begin_suppress_tokens": g},
    "top_h": lambda g: {"top_h": 0.4},
    "epsilon_cutoff": lambda g: {"epsilon_cutoff": 0.02},
    "eta_cutoff": lambda g: {"eta_cutoff": 0.5},
    "renormalize_logits": lambda g: {"renormalize_logits": True, "suppress_tokens": g},
    "early_stopping": lambda g: {"early_stopping": True, "eos_token_id": list(range(0, 300, 3))},
    "stop_strings": lambda g: {"stop_strings": "STOP"},
    "all at once": lambda g: {
        **{"suppress_tokens": g[:1], "begin_suppress_tokens": g[1:2], "bad_words_ids": [g[2:4]], "top_h": 0.9},
        **{"sequence_bias": [[[8], 3.0]], "min_new_tokens": 3, "forced_eos_token_id": 5, "epsilon_cutoff": 1e-4},
        **{"exponential_decay_length_penalty": [4, 1.2], "eos_token_id": 9, "encoder_repetition_penalty": 1.2},
        **{"encoder_no_repeat_ngram_size": 2, "eta_cutoff": 1e-4, "min_length": 9, "remove_invalid_values": True},
        **{"forced_bos_token_id": 77, "renormalize_logits": True},
    },
}


def prompt_of(field):
    """A prompt behind which a rule acts: what is forced at a beginning acts behind one token."""
    return ALONE if "beginning" in field or field in {"forced_bos_token_id", "all at once"} else IDS


def likeliest(generator, ids, **options):  # noqa: F811
    """The likeliest tokens behind a prompt, by ``generate``."""
    with torch.inference_mode():
        given = torch.tensor([ids])
        made = without_rules(generator.model).generate(
            given, max_new_tokens=NEW, do_sample=False, pad_token_id=0, **options
        )
    return made[0, len(ids) :].tolist()


def broken(generator):  # noqa: F811
    """Tokens that are no text by themselves."""
    return [token for token in range(generator.model.config.vocab_size) if not generator.text([token]).isascii()]


@pytest.fixture(scope="module")
def greedy(generator):  # noqa: F811
    """The tokens that the likeliest text is made of: what rules are about."""
    return list(dict.fromkeys([*likeliest(generator, IDS), *likeliest(generator, ALONE), *range(60, 66)]))


@pytest.fixture
def ruled(generator, greedy):  # noqa: F811
    """A generator whose model has a generation config of its own, and that model."""

    def made(fields):
        if fields.get("stop_strings") == "STOP":
            fields = {"suppress_tokens": broken(generator)}
            fields["stop_strings"] = generator.text(likeliest(generator, IDS, **fields)[1:3])
        model = copy.copy(generator.model)
        model.generation_config = GenerationConfig(pad_token_id=0, **fields)
        rules = read_rules(model.generation_config, model.config.vocab_size)
        return replace(generator, model=model, ending=rules.ending, rules=rules)

    return made


def ours(generator, ids, column, turn):  # noqa: F811
    torch.manual_seed(5)
    override = as_transformers_draws(generator.model)
    return generate(generator, ids, GenerateRequest(RUN, (column,)), turn, lambda _: None, override=override)


def theirs(generator, ids, column):  # noqa: F811
    """``generate`` as a person would call it: the column's settings; all else is the model's own."""
    settings = column.settings
    drawn = {"temperature": settings.temperature, "top_k": settings.top_k} if settings.do_sample else {}
    torch.manual_seed(column.seed if column.num_beams > 1 else 5)
    given = torch.tensor([ids])
    with torch.inference_mode():
        return generator.model.generate(
            given,
            attention_mask=torch.ones_like(given),
            do_sample=settings.do_sample,
            num_beams=column.num_beams,
            num_return_sequences=column.num_return_sequences,
            max_new_tokens=column.max_new_tokens,
            return_dict_in_generate=True,
            output_scores=True,
            tokenizer=generator.tokenizer,
            **drawn,
        )


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("field", FIELDS)
def test_texts_with_the_models_own_rules_are_those_of_generate(ruled, greedy, turn, field, way):  # noqa: F811
    own, column, ids = ruled(FIELDS[field](greedy)), WAYS[way], prompt_of(field)
    made, output = ours(own, ids, column, turn), theirs(own, ids, column)
    assert made.outputs
    for row, text in enumerate(made.outputs):
        whole = output.sequences[row, len(ids) :].tolist()
        assert text.ids.tolist() == whole[: len(text.ids)]
        assert text.stopped in {"end", "limit", "stop"}
        if column.num_beams == 1:
            assert len(whole) == len(text.ids)
            cut = text.alternative_cut_by
            np.testing.assert_array_equal(cut > 0, np.exp(text.alternative_log_q) == 0)
            assert cut.max() <= len(made.names[0])
        else:
            assert text.score == pytest.approx(float(output.sequences_scores[row]), abs=1e-5)


@pytest.mark.parametrize("field", FIELDS)
def test_every_rule_that_is_tried_changes_a_text_and_none_does_when_they_are_off(
    ruled,
    greedy,
    turn,  # noqa: F811
    field,
):
    """Else the test above would show nothing."""
    own = ruled(FIELDS[field](greedy))
    free = replace(own, rules=read_rules(None, 400))
    changed, ids = False, prompt_of(field)
    for column in WAYS.values():
        off = replace(column, settings=replace(column.settings, model_rules=False))
        made = [ours(*which, turn) for which in ((own, ids, column), (own, ids, off), (free, ids, column))]
        with_rules, without, plainly = ([(one.ids.tolist(), one.score) for one in texts.outputs] for texts in made)
        assert [ids for ids, _ in without] == [ids for ids, _ in plainly]
        assert made[1].names == made[2].names
        changed |= str(with_rules) != str(without)  # a score that is not there is NaN
    assert changed


@pytest.mark.parametrize("field", [name for name in FIELDS if name not in ("early_stopping", "stop_strings")])
@pytest.mark.parametrize("way", ["greedy", "sampled"])
def test_the_bars_are_what_generate_draws_the_first_token_from(ruled, greedy, field, way):
    own = ruled(FIELDS[field](greedy))
    settings, ids = WAYS[way].settings, prompt_of(field)
    with torch.inference_mode():
        logits = own.model(torch.tensor([ids])).logits[0, -1].float()
    found = process(logits, ids, settings, range(len(logits)), own.origin(torch.tensor(ids)))
    scores = theirs(own, ids, WAYS[way]).scores[0][0].double()
    if settings.do_sample:
        np.testing.assert_allclose(found.probs, torch.log_softmax(scores, -1).exp().numpy(), rtol=1e-4, atol=1e-9)
    else:
        assert int(found.probs.argmax()) == int(scores.argmax())
    gone = np.array([bool(name) for name in found.cut_by])
    assert (found.probs[gone] == 0).all()
    assert (found.probs[~gone] > 0).all()


@pytest.mark.parametrize("field", FIELDS)
def test_comparison_and_tree_obey_the_rules_that_the_bars_obey(ruled, greedy, turn, field):  # noqa: F811
    own = ruled(FIELDS[field](greedy))
    settings = DecodeSettings(temperature=2.0)
    with torch.inference_mode():
        logits = own.model(torch.tensor([IDS])).logits[0].float()
        # a sum of rounded numbers may come to 1 before the last of them
        tree = probability_tree(own, IDS, TreeRequest(RUN, settings, 1, 1.1, 500), turn)
    found = compare(
        lambda pos: logits[pos], IDS, CompareRequest(RUN, (settings, PURE), (0, len(IDS))), CallControl(), own
    )
    for pos in range(len(IDS)):
        before = IDS[: pos + 1]
        bars = process(logits[pos], before, settings, range(logits.shape[-1]), own.origin(torch.tensor(before)))
        assert found.kept[0, pos] == bars.kept
        assert found.kept_mass[0, pos] == pytest.approx(bars.kept_mass, abs=1e-5)
        assert found.kept[1, pos] == logits.shape[-1]
        assert found.kept_mass[1, pos] == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(tree.probs, bars.probs[tree.ids], rtol=1e-4, atol=1e-9)
    assert len(tree.ids) == bars.kept


def test_a_tree_forces_the_end_where_its_column_would(ruled, turn):  # noqa: F811
    own = ruled({"forced_eos_token_id": 5})
    request = TreeRequest(RUN, DecodeSettings(top_k=2), depth=3, mass=1.0, nodes=100, limit=2)
    for limit, forced in ((2, {5}), (0, None)):
        tree = probability_tree(own, IDS, replace(request, limit=limit), turn)
        second = set(tree.ids[tree.depths == 2].tolist())
        assert (second == {5}) is (forced is not None)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("field", LEFT_OUT)
def test_what_cannot_act_here_is_named_and_changes_no_text(ruled, turn, field, way):  # noqa: F811
    values = {
        "guidance_scale": 2.0,
        "watermarking_config": {"bias": 5.0},
        "penalty_alpha": 0.6,
        "dola_layers": "low",
        "num_beam_groups": 3,
        "diversity_penalty": 1.0,
        "constraints": [["x"]],
        "force_words_ids": [[5]],
        "token_healing": True,
        "max_time": 1e-9,
        "cache_implementation": "quantized",
        "is_assistant": True,
    }
    own = ruled({field: values[field]})
    assert own.rules.left_out == ((field, LEFT_OUT[field][1]),)
    assert own.rules.values == ()
    without = ours(replace(own, model=without_rules(own.model)), IDS, WAYS[way], turn)
    texts = ours(own, IDS, WAYS[way], turn)
    assert [one.ids.tolist() for one in texts.outputs] == [one.ids.tolist() for one in without.outputs]


COLUMNS_OWN = {
    **{"temperature": 0.1, "top_k": 1, "top_p": 0.1, "min_p": 0.9, "typical_p": 0.1, "repetition_penalty": 3.0},
    **{"no_repeat_ngram_size": 1, "length_penalty": 5.0, "do_sample": True, "num_beams": 2, "max_new_tokens": 3},
    **{"num_return_sequences": 2, "max_length": 11},
}


@pytest.mark.parametrize("way", WAYS)
def test_the_models_values_for_a_columns_own_settings_never_act(ruled, turn, way):  # noqa: F811
    assert set(COLUMNS_OWN) == OF_COLUMNS
    own = ruled(COLUMNS_OWN)
    assert (own.rules.values, own.rules.left_out) == ((), ())
    texts, without = (
        ours(which, IDS, WAYS[way], turn) for which in (own, replace(own, model=without_rules(own.model)))
    )
    assert [one.ids.tolist() for one in texts.outputs] == [one.ids.tolist() for one in without.outputs]
    assert max(len(one.ids) for one in texts.outputs) == NEW


def test_every_field_of_transformers_has_an_owner():
    fields = {name for name in vars(GenerationConfig()) if not name.startswith("_")}
    owned = [set(ACTS), set(LEFT_OUT), set(OF_COLUMNS), set(WITHOUT_EFFECT), {"eos_token_id"}]
    assert fields - set.union(*owned) <= {"transformers_version", "generation_kwargs"}
    assert sum(map(len, owned)) == len(set.union(*owned))
    assert set(FIELDS) >= set(ACTS)
    assert set(ACTS) - {"stop_strings"} <= {*PENALTIES, *WARPERS, *OF_BEAMS}


@pytest.mark.parametrize(
    "reader", ["_get_logits_processor", "_get_stopping_criteria", "_prepare_generated_length", "_beam_search"]
)
def test_no_field_that_changes_texts_in_transformers_is_called_idle(reader):
    """Names of fields, read from the source of what makes texts."""
    read = set(re.findall(r"\bgeneration_config\.([a-z]\w+)", inspect.getsource(getattr(GenerationMixin, reader))))
    told = {*ACTS, *LEFT_OUT, *OF_COLUMNS, "eos_token_id"}
    of_form = {"use_cache", "return_dict_in_generate", "compile_config", "low_memory", "assistant_confidence_threshold"}
    assert {name for name in read if not name.startswith("output_")} <= told | of_form


def test_processors_are_transformers_own_in_its_order(ruled, greedy):
    own = ruled(FIELDS["all at once"](greedy))
    settings = DecodeSettings(
        temperature=0.7, top_k=9, top_p=0.9, min_p=0.1, typical_p=0.8, repetition_penalty=1.3, no_repeat_ngram_size=2
    )
    config = copy.deepcopy(own.model.generation_config)
    config.update(
        **{"do_sample": True, "temperature": 0.7, "top_k": 9, "top_p": 0.9, "min_p": 0.1, "typical_p": 0.8},
        **{"repetition_penalty": 1.3, "no_repeat_ngram_size": 2, "max_length": len(IDS) + NEW, "num_beams": 1},
    )
    given = torch.tensor([IDS])
    own.model._prepare_special_tokens(config)
    expected = own.model._get_logits_processor(config, len(IDS), given, device="cpu")
    found = processors(settings, own.origin(given[0], NEW))
    # generate adds two that cannot change anything: a minimum that another replaced, and the norm of what is normed
    names = [type(one).__name__ for one in expected]
    names.remove("MinLengthLogitsProcessor")
    names.remove("LogitNormalization")
    assert [type(processor).__name__ for _, processor in found] == names
    assert [name for name, _ in found] == list(own.rules.in_order(settings))
    whole = {name for name in (*PENALTIES, *WARPERS) if name != "min_length"}
    assert {name for name, _ in found} == whole


BROKEN = {
    "a bias beyond the vocabulary": {"sequence_bias": [[[10**6], 1.0]]},
    "bad words beyond the vocabulary": {"bad_words_ids": [[10**6]]},
    "a forced end beyond the vocabulary": {"forced_eos_token_id": 10**6},
    "a forced beginning beyond the vocabulary": {"forced_bos_token_id": 10**6},
    "an entropy share above 1": {"top_h": 3.0},
    "a penalty that is no float": {"encoder_repetition_penalty": 2},
    "a penalty without an end": {"exponential_decay_length_penalty": [2, 1.1]},
    "a penalty of one number": {"exponential_decay_length_penalty": [2], "eos_token_id": 3},
    "a penalty of an end beyond the vocabulary": {"exponential_decay_length_penalty": [0, 2.0], "eos_token_id": 10**6},
    "words for tokens": {"suppress_tokens": ["the"]},
    "a text for a number": {"min_new_tokens": "five", "eos_token_id": 3},
    "a number for a text": {"stop_strings": 5},
    "an empty stop string": {"stop_strings": [""]},
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_rule_that_transformers_itself_breaks_on_is_left_out_by_name(ruled, turn, case):  # noqa: F811
    own = ruled(BROKEN[case])
    field = next(iter(BROKEN[case]))
    assert own.rules.left_out == ((field, REFUSED),)
    assert own.rules.values == ()
    for way in ("greedy", "beams"):
        assert ours(own, IDS, WAYS[way], turn).outputs


def test_rules_are_data_that_cannot_change_and_says_who_acts():
    config = GenerationConfig(suppress_tokens=[1, 2], stop_strings="x", top_h=0.5, early_stopping=True, min_length=3)
    rules = read_rules(config, 100)
    assert hash(rules)
    assert dict(rules.values) == {
        **{"suppress_tokens": (1, 2), "stop_strings": ("x",), "top_h": 0.5, "early_stopping": True}
    }  # nothing ends a text here, so no length is the least
    assert set(rules.acting(GREEDY)) == {"suppress_tokens", "stop_strings"}
    assert set(rules.acting(GREEDY, beams=True)) == {"suppress_tokens", "stop_strings", "early_stopping"}
    assert set(rules.acting(DecodeSettings())) == {"suppress_tokens", "stop_strings", "top_h"}
    assert rules.acting(PURE, beams=True) == ()
    assert rules.in_order(DecodeSettings(temperature=0.5)) == ("suppress_tokens", "temperature", "top_h")
    assert (rules.stops(GREEDY), rules.stops(PURE)) == (("x",), ())
    assert read_rules(None, 100).values == ()


def test_the_end_of_a_text_is_the_generation_configs_own():
    assert ending_of(GenerationConfig(eos_token_id=[3, 4])) == (3, 4)
    assert ending_of(GenerationConfig(eos_token_id=3)) == (3,)
    assert ending_of(GenerationConfig()) == ()


def test_a_stop_string_that_begins_in_the_prompt_ends_a_text_as_in_generate(ruled, generator, turn):  # noqa: F811
    own = ruled({"suppress_tokens": broken(generator)})
    ids = [*IDS, 40]
    first = likeliest(generator, ids, suppress_tokens=broken(generator))
    for stop, text in ((generator.text([40, first[0]]), first[:1]), (generator.text(ids), first)):
        for column in (WAYS["greedy"], replace(WAYS["beams"], num_return_sequences=1, num_beams=2, max_new_tokens=1)):
            made = ours(own, ids, replace(column, stop_strings=(stop,)), turn).outputs[0]
            assert made.ids.tolist() == text[: column.max_new_tokens]
            assert made.stopped == ("stop" if len(text) == 1 else "limit")
        free = replace(WAYS["greedy"], stop_strings=(stop,))
        plainly = own.model.generate(
            torch.tensor([ids]), max_new_tokens=NEW, do_sample=False, stop_strings=[stop], tokenizer=own.tokenizer
        )
        assert plainly[0, len(ids) :].tolist() == ours(own, ids, free, turn).outputs[0].ids.tolist()


def test_rules_that_cut_every_token_are_an_error_with_their_names(ruled, generator, turn):  # noqa: F811
    vocab = generator.model.config.vocab_size
    own = ruled({"suppress_tokens": list(range(vocab))})
    for column in WAYS.values():
        with pytest.raises(NothingLeft) as error:
            ours(own, IDS, column, turn)
        assert "suppress_tokens" in error.value.facts["names"]
        with pytest.raises(NothingLeft):
            process(torch.zeros(vocab), IDS, column.settings, (), own.origin(torch.tensor(IDS)))
    with pytest.raises(NothingLeft):
        probability_tree(own, IDS, TreeRequest(RUN, SAMPLED), turn)


def test_rules_that_break_transformers_together_are_an_error_with_their_names(ruled, turn):  # noqa: F811
    """What one makes of "no" another multiplies: an infinite score, on which ``generate`` ends in an error."""
    own = ruled(
        {"remove_invalid_values": True, "bad_words_ids": [[4]], "exponential_decay_length_penalty": [NEW - 2, 30.0]}
        | {"min_new_tokens": NEW - 1, "eos_token_id": [3, 4], "forced_eos_token_id": 3, "top_h": 0.5}
    )
    for way in ("sampled", "beam-sample"):
        with pytest.raises((ValueError, RuntimeError)):
            theirs(own, IDS, WAYS[way])
        with pytest.raises(NothingLeft) as error:
            ours(own, IDS, WAYS[way], turn)
        assert "exponential_decay_length_penalty" in error.value.facts["names"]


def test_the_model_keeps_its_own_generation_config(ruled, turn):  # noqa: F811
    """It is shared: a search must not change it, and what the search reads of it is not the model's."""
    own = ruled({"suppress_tokens": [5]})
    before = own.model.generation_config.to_dict()
    ours(own, IDS, WAYS["beams"], turn)
    assert own.model.generation_config.to_dict() == before
    bare = without_rules(own.model)
    assert bare.lm_head is own.model.lm_head
    assert bare.generation_config.suppress_tokens is None


def test_an_origin_without_a_limit_forces_no_end():
    rules = read_rules(GenerationConfig(forced_eos_token_id=5), 100)
    assert processors(GREEDY, Origin(rules, torch.tensor(IDS))) == []
    assert [name for name, _ in processors(GREEDY, Origin(rules, torch.tensor(IDS), limit=1))] == [
        "forced_eos_token_id"
    ]
